//! `/apps`: the web apps that may send people here to ask for access.

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use askama::Template;
use events::{ClientAuthentication, GrantType};
use ids::AppId;
use jiff::Timestamp;
use pages::{Confirm, Field, Layout, Notice, Section, filters};
use serde::Deserialize;
use server::{Nothing, PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};

use super::{AppRow, Apps, Registration, check_redirect_uri, http::checked_url};
use crate::{
    consent_page::see_other,
    inbox,
    provider_key::http::checked_name,
    vault::{Actor, Vault},
    wire_error::sentence,
};

/// The most redirect URIs of one app.
const MOST_REDIRECT_URIS: usize = 20;

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(list).service(register).service(remove);
}

type Rooms = (web::Data<Vault>, web::Data<Apps>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// What was just done.
    done: Option<String>,
}

/// What stands in the form, and what is wrong with it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApp {
    #[serde(default)]
    name: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    redirect_uris: String,
    #[serde(skip)]
    faults: [Option<String>; 3],
}

#[derive(Template)]
#[template(path = "apps.html")]
struct AppsPage {
    layout: Layout,
    apps: Vec<AppView>,
    fields: [Field; 3],
    now: Timestamp,
}

struct AppView {
    id: AppId,
    name: String,
    url: Option<String>,
    redirect_uris: Vec<String>,
    registered_at: Timestamp,
    remove: Confirm,
}

#[get("/apps")]
async fn list(
    person: PagePerson,
    query: StrictQuery<ListQuery>,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageApps)?;
    let notice = match query.0.done.as_deref() {
        Some("registered") => Some(Notice::good(
            "Registered. The app needs its client id, which stands beside it.",
        )),
        Some("removed") => Some(Notice::info(
            "Removed. It may not ask any more; what it was granted stays until it is revoked.",
        )),
        _ => None,
    };
    page(&rooms, &person, NewApp::default(), notice, StatusCode::OK).await
}

#[post("/apps")]
async fn register(
    form: SignedForm<NewApp>,
    request_id: RequestId,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManageApps)?;
    let SignedForm { person, form } = form;
    let (name, url, redirect_uris) = match form.checked() {
        Ok(checked) => checked,
        Err(faulty) => {
            let notice =
                Notice::bad("Nothing was registered yet: look at the fields marked below.");
            return page(
                &rooms,
                &person,
                *faulty,
                Some(notice),
                StatusCode::UNPROCESSABLE_ENTITY,
            )
            .await;
        }
    };
    rooms
        .1
        .register(
            &Actor::person(&person, &request_id),
            Registration {
                name,
                url,
                redirect_uris,
                grant_types: GrantType::code_alone(),
                authentication: ClientAuthentication::None,
                dpop_bound: false,
            },
        )
        .await?;
    Ok(see_other("/apps?done=registered"))
}

#[post("/apps/{id}/remove")]
async fn remove(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    apps: web::Data<Apps>,
    id: web::Path<AppId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManageApps)?;
    apps.remove(&Actor::person(&form.person, &request_id), *id)
        .await?;
    Ok(see_other("/apps?done=removed"))
}

async fn page(
    (vault, apps): &Rooms,
    person: &SignedIn,
    form: NewApp,
    notice: Option<Notice>,
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let rows = apps
        .of(person.tenant)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let layout = inbox::layout(vault, person, "Registered apps", Section::Connect).await?;
    Ok(pages::html_with(
        status,
        &AppsPage::new(layout.maybe_notice(notice), rows, form, vault.clock.now()),
    ))
}

impl NewApp {
    /// The name, the web address and the redirect URIs.
    ///
    /// # Errors
    /// The form itself, with what is wrong beside each field.
    fn checked(mut self) -> Result<(String, Option<String>, Vec<String>), Box<Self>> {
        let name = checked_name(&self.name).map_err(|problem| problem.detail().to_owned());
        let url = Some(self.url.trim())
            .filter(|url| !url.is_empty())
            .map(checked_url)
            .transpose();
        let url = url.map_err(|problem| problem.detail().to_owned());
        match (name, url, redirect_uris(&self.redirect_uris)) {
            (Ok(name), Ok(url), Ok(uris)) => Ok((name, url, uris)),
            (name, url, uris) => {
                self.faults = [name.err(), url.err(), uris.err()];
                Err(Box::new(self))
            }
        }
    }
}

/// One on each line.
fn redirect_uris(text: &str) -> Result<Vec<String>, String> {
    let uris: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    if uris.is_empty() || uris.len() > MOST_REDIRECT_URIS {
        return Err(format!(
            "1 to {MOST_REDIRECT_URIS} redirect URIs are needed, one on each line."
        ));
    }
    for (line, uri) in uris.iter().enumerate() {
        check_redirect_uri(uri)
            .map_err(|error| format!("Line {}: {}", line + 1, sentence(&error)))?;
    }
    Ok(uris)
}

impl AppsPage {
    fn new(layout: Layout, rows: Vec<AppRow>, form: NewApp, now: Timestamp) -> Self {
        let [name, url, uris] = form.faults;
        Self {
            apps: rows
                .into_iter()
                .map(|row| AppView::new(row, &layout))
                .collect(),
            fields: [
                Field::text("name", "Name")
                    .required()
                    .value(form.name)
                    .hint("People see it when the app asks.")
                    .maybe_error(name),
                Field::url("url", "Web address")
                    .value(form.url)
                    .placeholder("https://app.example")
                    .maybe_error(url),
                Field::area("redirect_uris", "Redirect URIs")
                    .required()
                    .value(form.redirect_uris)
                    .placeholder("https://app.example/callback")
                    .hint(
                        "Where people are sent back to, one on each line, compared exactly: \
                           https, or http to a loopback address.",
                    )
                    .maybe_error(uris),
            ],
            layout,
            now,
        }
    }
}

impl AppView {
    fn new(row: AppRow, layout: &Layout) -> Self {
        let action = format!("/apps/{}/remove", row.id);
        let question = format!("Remove {}?", row.name);
        let consequence = "It may not ask any more. What it was granted stays until it is \
                           revoked under connected apps.";
        Self {
            id: row.id,
            name: row.name,
            url: row.url,
            redirect_uris: row.redirect_uris,
            registered_at: row.registered_at,
            remove: Confirm::new(layout.csrf_field(), action, "Remove")
                .asking(question, consequence),
        }
    }
}

#[cfg(test)]
mod tests;
