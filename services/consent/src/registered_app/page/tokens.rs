//! Registration tokens on the page of apps.

use actix_web::{HttpResponse, http::StatusCode, post, web};
use ids::RegistrationTokenId;
use pages::{Field, Notice, Section};
use serde::Deserialize;
use server::{Nothing, Problem, RequestId, SignedForm};
use sessions::Permission;

use super::{Forms, Rooms, page, view::SecretPage};
use crate::{
    consent_page::see_other,
    inbox,
    provider_key::http::checked_name,
    registration_token::{
        RegistrationTokens,
        http::{MOST_DAYS, MOST_REGISTRATIONS},
    },
    vault::Actor,
};

/// What stands in the form, and what is wrong with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    #[serde(default)]
    pub label: String,
    #[serde(default)]
    pub days: String,
    #[serde(default)]
    pub registrations: String,
    #[serde(skip)]
    pub faults: [Option<String>; 3],
}

impl Default for NewToken {
    fn default() -> Self {
        Self {
            label: String::new(),
            days: "7".to_owned(),
            registrations: "1".to_owned(),
            faults: Default::default(),
        }
    }
}

impl NewToken {
    fn checked(mut self) -> Result<(String, u16, u16), Box<Self>> {
        let label = checked_name(&self.label).map_err(|problem| problem.detail().to_owned());
        let days = number(&self.days, MOST_DAYS);
        let registrations = number(&self.registrations, MOST_REGISTRATIONS);
        match (label, days, registrations) {
            (Ok(label), Ok(days), Ok(registrations)) => Ok((label, days, registrations)),
            (label, days, registrations) => {
                self.faults = [label.err(), days.err(), registrations.err()];
                Err(Box::new(self))
            }
        }
    }

    pub(super) fn fields(self) -> [Field; 3] {
        let [label, days, registrations] = self.faults;
        [
            Field::text("label", "What it is for")
                .required()
                .value(self.label)
                .placeholder("Build server")
                .maybe_error(label),
            Field::count("days", "Good for", "days")
                .required()
                .value(self.days)
                .maybe_error(days),
            Field::count("registrations", "And for", "apps")
                .required()
                .value(self.registrations)
                .maybe_error(registrations),
        ]
    }
}

fn number(text: &str, most: u16) -> Result<u16, String> {
    let number = text.trim().parse().ok();
    number
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| format!("A whole number, 1 to {most}."))
}

#[post("/apps/registration-tokens")]
pub(super) async fn make(
    form: SignedForm<NewToken>,
    request_id: RequestId,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManageApps)?;
    let SignedForm { person, form } = form;
    let (label, days, registrations) = match form.checked() {
        Ok(checked) => checked,
        Err(faulty) => {
            let notice = Notice::bad("No token was made yet: look at the fields marked below.");
            let forms = Forms {
                token: *faulty,
                ..Forms::default()
            };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return page(&rooms, &person, forms, Some(notice), status).await;
        }
    };
    let (vault, _, tokens) = &rooms;
    let actor = Actor::person(&person, &request_id);
    let made = tokens.make(&actor, &label, (days, registrations)).await?;
    let layout = inbox::layout(vault, &person, "Registration token", Section::Connect).await?;
    let endpoint = format!("{}/oauth/register", vault.public_url);
    let page = SecretPage::of_token(layout, label, &endpoint, made.token.reveal());
    Ok(pages::html(&page))
}

#[post("/apps/registration-tokens/{id}/end")]
pub(super) async fn end(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    tokens: web::Data<RegistrationTokens>,
    id: web::Path<RegistrationTokenId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManageApps)?;
    tokens
        .end(&Actor::person(&form.person, &request_id), *id)
        .await?;
    Ok(see_other("/apps?done=ended"))
}
