//! `/policy`: what the organization lets its people allow.

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use askama::Template;
use events::{DynamicApps, PolicyRules, ResponseCache};
use jiff::Timestamp;
use pages::{Choice, Field, Layout, Notice, Section, filters};
use serde::Deserialize;
use server::{PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};

use super::{LONGEST_DAYS, Policies, PolicyError, PolicyRow};
use crate::{
    consent_page::see_other,
    inbox,
    vault::{Actor, Vault},
    wire_error::sentence,
};

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(show).service(set);
}

type Rooms = (web::Data<Vault>, web::Data<Policies>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    /// What was just done.
    done: Option<String>,
}

/// What stands in the form, and what is wrong with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    dynamic_apps: String,
    client_documents: String,
    every_model: String,
    longest_grant_days: String,
    response_cache: String,
    #[serde(skip)]
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    layout: Layout,
    apps: [Field; 2],
    grants: [Field; 2],
    calls: [Field; 1],
    changed_at: Option<Timestamp>,
    now: Timestamp,
}

#[get("/policy")]
async fn show(
    person: PagePerson,
    query: StrictQuery<PageQuery>,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManagePolicy)?;
    let notice = (query.0.done.as_deref() == Some("set")).then(|| {
        Notice::good("Saved. It counts for every decision and every call from now on; what was granted stays.")
    });
    page(&rooms, &person, None, notice, StatusCode::OK).await
}

#[post("/policy")]
async fn set(
    form: SignedForm<Answers>,
    request_id: RequestId,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManagePolicy)?;
    let SignedForm { person, mut form } = form;
    let actor = Actor::person(&person, &request_id);
    let refused = match form.rules() {
        Ok(rules) => match rooms.1.set(&actor, rules).await {
            Ok(()) => return Ok(see_other("/policy?done=set")),
            Err(PolicyError::Refused(refusal)) => sentence(&refusal),
            Err(error) => return Err(error.into()),
        },
        Err(refused) => refused,
    };
    form.fault = Some(refused);
    let notice = Notice::bad("Nothing was saved yet: look at the field marked below.");
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    page(&rooms, &person, Some(form), Some(notice), status).await
}

async fn page(
    (vault, policies): &Rooms,
    person: &SignedIn,
    form: Option<Answers>,
    notice: Option<Notice>,
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let row = policies.of(person.tenant).await;
    let row = row.map_err(|e| Problem::dependency(&e))?;
    let layout = inbox::layout(vault, person, "Policy", Section::Account).await?;
    let page = PolicyPage::new(layout.maybe_notice(notice), row, form, vault.clock.now());
    Ok(pages::html_with(status, &page))
}

const YES: &str = "yes";
const NO: &str = "no";

impl Answers {
    fn of(rules: &PolicyRules) -> Self {
        let yes_or_no = |yes| if yes { YES } else { NO }.to_owned();
        Self {
            dynamic_apps: name(rules.dynamic_apps).to_owned(),
            client_documents: yes_or_no(rules.client_documents),
            every_model: yes_or_no(rules.every_model),
            longest_grant_days: rules.longest_grant_days.to_string(),
            response_cache: yes_or_no(rules.response_cache == ResponseCache::Allowed),
            fault: None,
        }
    }

    /// # Errors
    /// What is wrong with the number of days. A choice that the page does not offer is the
    /// strictest one.
    fn rules(&self) -> Result<PolicyRules, String> {
        let days = self.longest_grant_days.trim().parse();
        let days = days.map_err(|_| format!("A whole number of days, 1 to {LONGEST_DAYS}."))?;
        let chosen = |one: &DynamicApps| name(*one) == self.dynamic_apps;
        Ok(PolicyRules {
            client_documents: self.client_documents == YES,
            dynamic_apps: DYNAMIC
                .into_iter()
                .find(chosen)
                .unwrap_or(DynamicApps::None),
            every_model: self.every_model == YES,
            longest_grant_days: days,
            response_cache: if self.response_cache == YES {
                ResponseCache::Allowed
            } else {
                ResponseCache::Off
            },
        })
    }
}

const DYNAMIC: [DynamicApps; 3] = [DynamicApps::None, DynamicApps::WithToken, DynamicApps::Any];

const fn name(apps: DynamicApps) -> &'static str {
    match apps {
        DynamicApps::None => "none",
        DynamicApps::WithToken => "with_token",
        DynamicApps::Any => "any",
    }
}

const fn in_words(apps: DynamicApps) -> &'static str {
    match apps {
        DynamicApps::None => "No",
        DynamicApps::WithToken => "Yes, with a registration token of this organization",
        DynamicApps::Any => "Yes, any that the vault registers",
    }
}

impl PolicyPage {
    fn new(layout: Layout, row: Option<PolicyRow>, form: Option<Answers>, now: Timestamp) -> Self {
        let rules = row.map(|row| row.rules).unwrap_or_default();
        let form = form.unwrap_or_else(|| Answers::of(&rules));
        let yes_or_no = |yes: &str, no: &str, chosen: &str| {
            vec![
                Choice::new(YES, yes).chosen(chosen == YES),
                Choice::new(NO, no).chosen(chosen == NO),
            ]
        };
        let dynamic = DYNAMIC.map(|apps| {
            Choice::new(name(apps), in_words(apps)).chosen(form.dynamic_apps == name(apps))
        });
        let documents = yes_or_no("Yes", "No", &form.client_documents);
        let models = yes_or_no(
            "Yes, when an app asks for that",
            "No, models are named one by one",
            &form.every_model,
        );
        let cache = yes_or_no("Yes, when an app asks for that", "No", &form.response_cache);
        Self {
            apps: [
                Field::select(
                    "client_documents",
                    "Apps known by their web address",
                    documents,
                )
                .required()
                .hint(
                    "An app that nobody registered, whose id is an address with a description of \
                     the app. People see its host name.",
                ),
                Field::select(
                    "dynamic_apps",
                    "Apps that registered themselves",
                    dynamic.into(),
                )
                .required()
                .hint("Apps registered by an administrator may always be approved."),
            ],
            grants: [
                Field::select("every_model", "Every model of a provider", models)
                    .required()
                    .hint(
                        "That includes models that do not exist yet. Unverified apps never get it.",
                    ),
                Field::count("longest_grant_days", "A grant lasts at most", "days")
                    .required()
                    .value(form.longest_grant_days)
                    .maybe_error(form.fault),
            ],
            calls: [Field::select("response_cache", "Keep answers", cache)
                .required()
                .hint(
                    "A call that is the same to the last byte, under the same grant, then gets the \
                     answer that the one before it got, and costs nothing. Answers stand in the \
                     memory of the proxy for as long as the app says, a day at most.",
                )],
            changed_at: row.map(|row| row.changed_at),
            layout,
            now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent_page::look;

    fn page(row: Option<PolicyRow>, form: Option<Answers>) -> PolicyPage {
        let layout = Layout::new("Policy", &look::owner()).at(Section::Account);
        PolicyPage::new(layout, row, form, look::now())
    }

    #[test]
    fn what_holds_stands_in_the_form() {
        let html = look::keep("policy", &page(None, None));
        assert!(html.contains("value=\"365\"") && !html.contains("Last changed"));
        let rules = PolicyRules {
            client_documents: false,
            dynamic_apps: DynamicApps::Any,
            every_model: false,
            longest_grant_days: 7,
            response_cache: ResponseCache::Allowed,
        };
        let changed_at = look::at("2026-11-10T08:00:00Z");
        let html = look::keep(
            "policy-set",
            &page(Some(PolicyRow { rules, changed_at }), None),
        );
        assert!(html.contains("value=\"7\"") && html.contains("Last changed"));
        assert_eq!(Answers::of(&rules).rules(), Ok(rules));
    }

    #[test]
    fn what_is_wrong_stands_beside_the_field() {
        let mut form = Answers::of(&PolicyRules::default());
        form.longest_grant_days = "for ever".to_owned();
        form.fault = form.rules().err();
        let html = look::keep("policy-faulty", &page(None, Some(form)));
        assert!(html.contains("A whole number of days") && html.contains("for ever"));
    }
}
