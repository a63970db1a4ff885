//! `/provider-keys`: the keys that pay, for people.

mod view;

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use ids::ProviderKeyId;
use pages::{Notice, Section};
use serde::Deserialize;
use server::{Nothing, PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};
use zeroize::Zeroizing;

use self::view::{Form, KeyView, ProviderKeysPage};
use super::{
    ProviderKeyRow, ProviderKeys,
    http::{checked_name, checked_secret, known_provider},
};
use crate::{
    consent_page::see_other,
    custom_provider::CustomProviders,
    grant::{GrantState, Grants},
    inbox,
    vault::{Actor, Vault},
};

/// How many grants are looked at for who uses a key.
const GRANTS_LOOKED_AT: i64 = 500;

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(list)
        .service(store)
        .service(rotate)
        .service(check)
        .service(delete);
}

type Rooms = (web::Data<Vault>, web::Data<ProviderKeys>, web::Data<Grants>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The provider that a key is wanted for.
    provider: Option<String>,
    /// What was just done.
    done: Option<String>,
}

/// A key to store. The secret is taken out and cleared from memory after use.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    #[serde(default)]
    provider: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSecret {
    #[serde(default)]
    secret: String,
}

#[get("/provider-keys")]
async fn list(
    person: PagePerson,
    query: StrictQuery<ListQuery>,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    let form = Form {
        provider: query.0.provider.unwrap_or_default(),
        ..Form::default()
    };
    let page = page(&rooms, &person, form, None, done(query.0.done.as_deref())).await?;
    Ok(pages::html(&page))
}

#[post("/provider-keys")]
async fn store(
    form: SignedForm<NewKey>,
    request_id: RequestId,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::KeepProviderKeys)?;
    let SignedForm { person, form } = form;
    let text = Zeroizing::new(form.secret);
    let provider = known_provider(&form.provider);
    let name = checked_name(&form.name);
    let secret = checked_secret(&text);
    let (provider, name, secret) = match (provider, name, secret) {
        (Ok(provider), Ok(name), Ok(secret)) => (provider, name, secret),
        (provider, name, secret) => {
            let faults = Form {
                provider: form.provider,
                name: form.name,
                provider_fault: provider
                    .err()
                    .map(|_| "Choose one of these providers.".to_owned()),
                name_fault: name.err().map(|problem| problem.detail().to_owned()),
                secret_fault: secret.err().map(|problem| problem.detail().to_owned()),
            };
            let notice = Notice::bad("Nothing was stored yet: look at the fields marked below.");
            let page = page(&rooms, &person, faults, None, Some(notice)).await?;
            return Ok(pages::html_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    rooms
        .1
        .store(
            &Actor::person(&person, &request_id),
            provider,
            name,
            &secret,
        )
        .await?;
    Ok(see_other("/provider-keys?done=stored"))
}

#[post("/provider-keys/{id}/rotate")]
async fn rotate(
    form: SignedForm<NewSecret>,
    request_id: RequestId,
    rooms: Rooms,
    id: web::Path<ProviderKeyId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::KeepProviderKeys)?;
    let text = Zeroizing::new(form.form.secret);
    match checked_secret(&text) {
        Ok(secret) => {
            rooms
                .1
                .rotate(&Actor::person(&form.person, &request_id), *id, &secret)
                .await?;
            Ok(see_other("/provider-keys?done=rotated"))
        }
        Err(problem) => {
            let fault = Some((*id, problem.detail().to_owned()));
            let notice = Notice::bad("The key was not replaced: look at the field marked below.");
            let page = page(&rooms, &form.person, Form::default(), fault, Some(notice)).await?;
            Ok(pages::html_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

#[post("/provider-keys/{id}/check")]
async fn check(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    rooms: Rooms,
    id: web::Path<ProviderKeyId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::KeepProviderKeys)?;
    rooms.1.expect_pace(form.person.user)?;
    rooms
        .1
        .check(&Actor::person(&form.person, &request_id), *id)
        .await?;
    Ok(see_other("/provider-keys?done=checked"))
}

#[post("/provider-keys/{id}/delete")]
async fn delete(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    rooms: Rooms,
    id: web::Path<ProviderKeyId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::KeepProviderKeys)?;
    rooms
        .1
        .delete(&Actor::person(&form.person, &request_id), *id)
        .await?;
    Ok(see_other("/provider-keys?done=deleted"))
}

fn done(done: Option<&str>) -> Option<Notice> {
    match done? {
        "stored" => Some(Notice::good(
            "Stored and sealed. Nobody can read it here again, not even you; apps may use it as \
             far as you approve.",
        )),
        "rotated" => Some(Notice::good(
            "Replaced. Connected apps go on with the new key; nothing changes for them.",
        )),
        "checked" => Some(Notice::info(
            "The provider is being asked. Load this page again in a moment to see what it says.",
        )),
        "deleted" => Some(Notice::info(
            "Destroyed. Calls that needed this key are refused from now on.",
        )),
        _ => None,
    }
}

async fn page(
    (vault, keys, grants): &Rooms,
    person: &SignedIn,
    form: Form,
    fault: Option<(ProviderKeyId, String)>,
    notice: Option<Notice>,
) -> Result<ProviderKeysPage, Problem> {
    let (tenant, user) = (person.tenant, person.user);
    let rows = keys
        .of(tenant, user)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let granted = grants
        .of(tenant, user, None, GRANTS_LOOKED_AT)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let added = CustomProviders::new(vault.get_ref().clone())
        .of(tenant)
        .await;
    let added = added.map_err(|e| Problem::dependency(&e))?.into_iter();
    let added: Vec<_> = added.map(|row| row.provider).collect();
    let layout = inbox::layout(vault, person, "Provider keys", Section::ProviderKeys).await?;
    let users = |key: ProviderKeyId| {
        let live = granted
            .iter()
            .filter(|grant| grant.state == GrantState::Live);
        live.filter(|grant| grant.details.iter().any(|detail| detail.key_id == key))
            .count()
    };
    let view = |row: ProviderKeyRow| {
        let fault = fault
            .as_ref()
            .filter(|(id, _)| *id == row.id)
            .map(|(_, text)| text.clone());
        KeyView::new(&layout, users(row.id), row, fault)
    };
    Ok(ProviderKeysPage::new(
        layout.clone(),
        rows.into_iter().map(view).collect(),
        (form, &added),
        vault.clock.now(),
        notice,
    ))
}

#[cfg(test)]
mod tests;
