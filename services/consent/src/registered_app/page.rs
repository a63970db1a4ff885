//! `/apps`: the web apps that may send people here to ask for access, and the tokens with which apps
//! register themselves.

mod form;
mod tokens;
mod view;

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use ids::{AppId, ClientSecret};
use pages::{Notice, Section};
use serde::Deserialize;
use server::{Nothing, PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};

use self::{
    form::NewApp,
    tokens::NewToken,
    view::{AppsPage, SecretPage},
};
use super::Apps;
use crate::{
    consent_page::see_other,
    inbox,
    registration_token::RegistrationTokens,
    vault::{Actor, Vault},
};

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(list)
        .service(register)
        .service(renew_secret)
        .service(remove)
        .service(tokens::make)
        .service(tokens::end);
}

/// What this room works with.
type Rooms = (
    web::Data<Vault>,
    web::Data<Apps>,
    web::Data<RegistrationTokens>,
);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// What was just done.
    done: Option<String>,
}

/// What stands in the forms of the page.
#[derive(Default)]
struct Forms {
    app: NewApp,
    token: NewToken,
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
            "Removed. It may not ask any more, and what it was granted is revoked.",
        )),
        Some("ended") => Some(Notice::info(
            "Ended. No app registers with that token any more; those that did stay.",
        )),
        _ => None,
    };
    page(&rooms, &person, Forms::default(), notice, StatusCode::OK).await
}

#[post("/apps")]
async fn register(
    form: SignedForm<NewApp>,
    request_id: RequestId,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManageApps)?;
    let SignedForm { person, form } = form;
    let registration = match form.checked(rooms.0.published.reach()) {
        Ok(registration) => registration,
        Err(faulty) => {
            let notice =
                Notice::bad("Nothing was registered yet: look at the fields marked below.");
            let forms = Forms {
                app: *faulty,
                ..Forms::default()
            };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return page(&rooms, &person, forms, Some(notice), status).await;
        }
    };
    let name = registration.name.clone();
    let actor = Actor::person(&person, &request_id);
    match rooms.1.register(&actor, registration).await? {
        (_, None) => Ok(see_other("/apps?done=registered")),
        (id, Some(secret)) => secret_page(&rooms.0, &person, (id, name), &secret).await,
    }
}

#[post("/apps/{id}/secret")]
async fn renew_secret(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    rooms: Rooms,
    id: web::Path<AppId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManageApps)?;
    let (vault, apps, _) = &rooms;
    let secret = apps
        .renew_secret(&Actor::person(&form.person, &request_id), *id)
        .await?;
    let rows = apps.of(form.person.tenant).await;
    let rows = rows.map_err(|e| Problem::dependency(&e))?;
    let name = rows.into_iter().find(|row| row.id == *id);
    let name = name.map_or_else(String::new, |row| row.name);
    secret_page(vault, &form.person, (*id, name), &secret).await
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

/// The one page that shows a client's secret.
async fn secret_page(
    vault: &Vault,
    person: &SignedIn,
    (id, name): (AppId, String),
    secret: &ClientSecret,
) -> Result<HttpResponse, Problem> {
    let layout = inbox::layout(vault, person, "Client secret", Section::Connect).await?;
    let page = SecretPage::of_client(layout, name, &id.to_string(), secret.reveal());
    Ok(pages::html(&page))
}

async fn page(
    (vault, apps, tokens): &Rooms,
    person: &SignedIn,
    forms: Forms,
    notice: Option<Notice>,
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let unreachable = |e| Problem::dependency(&e);
    let rows = apps.of(person.tenant).await.map_err(unreachable)?;
    let tokens = tokens.of(person.tenant).await.map_err(unreachable)?;
    let layout = inbox::layout(vault, person, "Registered apps", Section::Connect).await?;
    let layout = layout.maybe_notice(notice);
    let page = AppsPage::new(layout, (rows, tokens), forms, vault.clock.now());
    Ok(pages::html_with(status, &page))
}

#[cfg(test)]
mod tests;
