//! `/connected-apps`: who may use the keys, what it has spent, and how to stop it.

mod allow;
pub(super) mod edit;
mod view;

use actix_web::{HttpResponse, get, post, web};
use ids::GrantId;
use pages::{Notice, Section};
use serde::Deserialize;
use server::{Nothing, PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::Permission;

use self::view::ConnectedAppsPage;
use super::{Authority, GrantState, Grants, standing};
use crate::{
    consent_page::see_other,
    inbox,
    provider_key::ProviderKeys,
    vault::{Actor, Vault},
};

pub(crate) use self::view::automatic;

/// The most grants of a person on the page; older ones are in the API.
const MOST_GRANTS: i64 = 200;

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(list)
        .service(revoke_all)
        .service(revoke)
        .service(allow::show)
        .service(allow::allow)
        .service(edit::show)
        .service(edit::change)
        .configure(super::shadow::page::configure);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// What was just done.
    done: Option<String>,
}

#[get("/connected-apps")]
async fn list(
    person: PagePerson,
    query: StrictQuery<ListQuery>,
    (vault, grants, keys): (web::Data<Vault>, web::Data<Grants>, web::Data<ProviderKeys>),
) -> Result<HttpResponse, Problem> {
    let (tenant, user) = (person.tenant, person.user);
    let rows = grants
        .families_of(tenant, user, MOST_GRANTS)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let keys = keys
        .of(tenant, user)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let (live, mut ended): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|row| row.state == GrantState::Live);
    ended.retain(|row| row.above.is_empty());
    let standings = standing::of(&vault, tenant, &live).await;
    let layout = inbox::layout(&vault, &person, "Connected apps", Section::ConnectedApps).await?;
    let layout = layout.maybe_notice(done(query.0.done.as_deref()));
    let live: Vec<_> = live.into_iter().zip(standings).collect();
    Ok(pages::html(&ConnectedAppsPage::new(
        layout,
        &live,
        &ended,
        &keys,
        vault.clock.now(),
    )))
}

#[post("/connected-apps/{id}/revoke")]
async fn revoke(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    grants: web::Data<Grants>,
    id: web::Path<GrantId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    grants
        .one(form.person.tenant, form.person.user, *id)
        .await?;
    grants
        .revoke(
            (&Actor::person(&form.person, &request_id), Authority::Owner),
            *id,
            "revoked by the person",
        )
        .await?;
    Ok(see_other("/connected-apps?done=revoked"))
}

#[post("/connected-apps/revoke-all")]
async fn revoke_all(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    grants: web::Data<Grants>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let actor = Actor::person(&form.person, &request_id);
    grants
        .revoke_all(&actor, "revoked by the person, with all others")
        .await?;
    Ok(see_other("/connected-apps?done=revoked-all"))
}

fn done(done: Option<&str>) -> Option<Notice> {
    match done? {
        "revoked" => Some(Notice::info(
            "Revoked. The app's next call is refused; to come back it has to ask again.",
        )),
        "revoked-all" => Some(Notice::info(
            "Every app is revoked. Their next calls are refused; to come back they have to ask again.",
        )),
        "changed" => Some(Notice::good(
            "Changed. The app keeps its token; the new limits count within a second.",
        )),
        "allowed" => Some(Notice::good(
            "Allowed. The app keeps its token, and its next call counts with it.",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
