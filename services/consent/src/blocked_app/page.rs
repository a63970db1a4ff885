//! `/blocked-apps`: which apps are denied without asking, and blocking another.

use actix_web::{HttpResponse, get, post, web};
use askama::Template;
use events::AppKey;
use ids::{BlockedAppId, GrantId, RequestId as AccessRequestId};
use jiff::Timestamp;
use pages::{Confirm, Empty, Layout, Notice, Section, filters};
use serde::Deserialize;
use server::{Nothing, PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::Permission;

use super::{BlockedAppRow, BlockedApps, Known, What};
use crate::{
    consent_page::{Asker, see_other},
    inbox,
    vault::{Actor, Vault},
    way_back,
};

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(list)
        .service(ask)
        .service(block)
        .service(unblock);
}

type Rooms = (web::Data<Vault>, web::Data<BlockedApps>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// What was just done.
    done: Option<String>,
}

/// Which app is about to be blocked: the one of a request, or of a grant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    request: Option<AccessRequestId>,
    grant: Option<GrantId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    request: Option<AccessRequestId>,
    grant: Option<GrantId>,
    /// Present when its live grants are to be revoked, too.
    revoke: Option<String>,
}

#[derive(Template)]
#[template(path = "blocked_apps.html")]
struct BlockedAppsPage {
    layout: Layout,
    empty: Option<Empty>,
    blocked: Vec<BlockedView>,
    now: Timestamp,
}

struct BlockedView {
    asker: Asker,
    what: String,
    blocked_at: Timestamp,
    unblock: Confirm,
}

/// The one question before an app is blocked.
#[derive(Template)]
#[template(path = "block_app.html")]
struct BlockPage {
    layout: Layout,
    asker: Asker,
    what: String,
    waiting: usize,
    grants: usize,
    name: &'static str,
    id: String,
    back: &'static str,
}

#[get("/blocked-apps")]
async fn list(
    person: PagePerson,
    query: StrictQuery<ListQuery>,
    (vault, blocked): Rooms,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let rows = blocked
        .of(person.tenant, person.user)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let layout = inbox::layout(&vault, &person, "Blocked apps", Section::ConnectedApps).await?;
    let layout = layout.maybe_notice(done(query.0.done.as_deref()));
    Ok(pages::html(&BlockedAppsPage::new(
        layout,
        &rows,
        vault.clock.now(),
    )))
}

#[get("/blocked-apps/new")]
async fn ask(
    person: PagePerson,
    query: StrictQuery<Which>,
    (vault, blocked): Rooms,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let what = what(query.0.request, query.0.grant)?;
    let known = blocked.known(person.tenant, person.user, &what).await?;
    let layout = inbox::layout(&vault, &person, "Block an app", Section::ConnectedApps).await?;
    let mut response = pages::html(&BlockPage::new(layout, &known, &what));
    // Blocking denies the request that is looked at, and its browser then goes back to the app.
    if let What::Request(id) = what {
        way_back::of(&vault, person.tenant, id)
            .await?
            .let_through(&mut response);
    }
    Ok(response)
}

#[post("/blocked-apps")]
async fn block(
    form: SignedForm<Block>,
    request_id: RequestId,
    blocked: web::Data<BlockedApps>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let actor = Actor::person(&form.person, &request_id);
    let Block {
        request,
        grant,
        revoke,
    } = form.form;
    let done = blocked
        .block(&actor, &what(request, grant)?, revoke.is_some())
        .await?;
    Ok(see_other(
        done.back.as_deref().unwrap_or("/blocked-apps?done=blocked"),
    ))
}

#[post("/blocked-apps/{id}/unblock")]
async fn unblock(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    blocked: web::Data<BlockedApps>,
    id: web::Path<BlockedAppId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    blocked
        .unblock(&Actor::person(&form.person, &request_id), *id)
        .await?;
    Ok(see_other("/blocked-apps?done=unblocked"))
}

fn what(request: Option<AccessRequestId>, grant: Option<GrantId>) -> Result<What, Problem> {
    match (request, grant) {
        (Some(id), None) => Ok(What::Request(id)),
        (None, Some(id)) => Ok(What::Grant(id)),
        _ => Err(Problem::bad_request("Name one request or one grant.")),
    }
}

fn done(done: Option<&str>) -> Option<Notice> {
    match done? {
        "blocked" => Some(Notice::info(
            "Blocked. What it asks from now on is denied without asking you, and it is not told why.",
        )),
        "unblocked" => Some(Notice::info(
            "Unblocked. What it asks from now on waits for you again.",
        )),
        _ => None,
    }
}

impl BlockedAppsPage {
    fn new(layout: Layout, rows: &[BlockedAppRow], now: Timestamp) -> Self {
        let view = |row: &BlockedAppRow| {
            let asker = Asker::of(&row.app);
            let action = format!("/blocked-apps/{}/unblock", row.id);
            let question = format!("Unblock {}?", asker.name);
            let consequence = "It may ask again; nothing is granted by that.";
            BlockedView {
                what: in_words(&row.key),
                blocked_at: row.blocked_at,
                unblock: Confirm::new(layout.csrf_field(), action, "Unblock")
                    .asking(question, consequence),
                asker,
            }
        };
        Self {
            blocked: rows.iter().map(view).collect(),
            empty: rows.is_empty().then(|| {
                let text = "Block an app from your inbox, where it asks, or from connected apps. \
                            It is then denied without asking you.";
                Empty::new("No app is blocked", text).action("Go to your inbox", "/inbox")
            }),
            layout,
            now,
        }
    }
}

impl BlockPage {
    fn new(layout: Layout, known: &Known, what: &What) -> Self {
        let (name, id, back) = match what {
            What::Request(id) => ("request", id.to_string(), "/inbox"),
            What::Grant(id) => ("grant", id.to_string(), "/connected-apps"),
            What::Client(_) | What::Domain(_) => ("", String::new(), "/blocked-apps"),
        };
        Self {
            layout,
            asker: Asker::of(&known.app),
            what: in_words(&known.key),
            waiting: known.waiting.len(),
            grants: known.grants.len(),
            name,
            id,
            back,
        }
    }
}

/// What exactly is blocked.
fn in_words(key: &AppKey) -> String {
    match key {
        AppKey::Client { .. } => {
            "The app that is registered with your organization, wherever it asks.".to_owned()
        }
        AppKey::Domain { domain } => {
            format!("Every app of {domain} or that says to be, wherever it asks.")
        }
        AppKey::Name { .. } => {
            "Unverified apps under this name at the one handle it asked at. Anyone can type that \
             name, so nobody is blocked anywhere else, and who asks there under another name is \
             not. To be rid of them all, end the handle."
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
