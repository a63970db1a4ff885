//! `/inbox`: what waits for a person's decision, kept up to date while the page is open.

mod list;
mod live;
#[cfg(test)]
mod tests;

use actix_web::{HttpResponse, get, post, web};
use askama::Template;
use ids::RequestId as AccessRequestId;
use pages::{Layout, Notice, Section};
use serde::Deserialize;
use server::{PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};

use self::list::{InboxList, Setup};
pub(crate) use self::list::{granted_summary, summary};
use crate::{
    access_request::{DecidedAt, RequestError, Requests, projection},
    address::{Addresses, Whose},
    consent_page::see_other,
    provider_key::{KeyState, ProviderKeys},
    vault::{Actor, Vault},
};

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(home)
        .service(inbox)
        .service(deny_all)
        .service(live::live);
}

/// What of the inbox is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InboxQuery {
    /// `1` for the list alone.
    fragment: Option<String>,
    /// What was just done.
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    layout: Layout,
    /// Keys that their providers refuse: the provider and the person's name for each.
    refused: Vec<(String, String)>,
    list: InboxList,
}

#[get("/")]
async fn home() -> HttpResponse {
    see_other("/inbox")
}

#[get("/inbox")]
async fn inbox(
    person: PagePerson,
    query: StrictQuery<InboxQuery>,
    (vault, requests): (web::Data<Vault>, web::Data<Requests>),
    (keys, addresses): (web::Data<ProviderKeys>, web::Data<Addresses>),
) -> Result<HttpResponse, Problem> {
    let (pending, recent) = requests.inbox(person.tenant, person.user).await?;
    let keys = keys
        .of(person.tenant, person.user)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let setup = Setup {
        decides: person.can(Permission::DecideRequests),
        has_key: !keys.is_empty(),
        has_address: !recent.is_empty() || has_address(&addresses, &person).await?,
    };
    let undoable = requests
        .undoable(person.tenant, &recent)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let layout = Layout::new("Inbox", &person);
    let now = vault.clock.now();
    let list = InboxList::new(
        layout.csrf_field(),
        (&pending, &recent, &undoable),
        setup,
        now,
    );
    if query.0.fragment.is_some() {
        return Ok(pages::html(&list));
    }
    let refused = keys.iter().filter(|key| key.state == KeyState::Invalid);
    let refused = refused
        .map(|key| (key.provider.display_name().to_owned(), key.name.clone()))
        .collect();
    let layout = layout
        .at(Section::Inbox)
        .inbox_count(u32::try_from(pending.len()).unwrap_or(u32::MAX))
        .maybe_notice(done(query.0.done.as_deref()))
        .live_inbox();
    let page = InboxPage {
        layout,
        refused,
        list,
    };
    Ok(pages::html(&page))
}

/// Requests to deny in one go: exactly those that the page showed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    #[serde(default)]
    request: Vec<AccessRequestId>,
}

#[post("/inbox/deny")]
async fn deny_all(
    form: SignedForm<Shown>,
    request_id: RequestId,
    requests: web::Data<Requests>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let actor = Actor::person(&form.person, &request_id);
    for id in form.form.request.iter().take(100) {
        match requests.deny(&actor, *id, None, DecidedAt::Api).await {
            // What was decided or lapsed meanwhile needs no denial.
            Ok(_) | Err(RequestError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(see_other("/inbox?done=denied-all"))
}

async fn has_address(addresses: &Addresses, person: &SignedIn) -> Result<bool, Problem> {
    let whose = Whose {
        tenant: person.tenant,
        user: person.user,
    };
    Ok(!addresses.handles(whose).await?.is_empty() || !addresses.tickets(whose).await?.is_empty())
}

fn done(done: Option<&str>) -> Option<Notice> {
    match done? {
        "approved" => Some(Notice::good(
            "Approved. The app gets its token the moment it asks for it; see it under connected \
             apps.",
        )),
        "denied" => Some(Notice::info("Denied. The app got nothing.")),
        "denied-all" => Some(Notice::info("Denied, all of them. Nobody got anything.")),
        _ => None,
    }
}

/// The frame of a page that is not the inbox, with how many requests wait there.
pub(crate) async fn layout(
    vault: &Vault,
    person: &SignedIn,
    title: &str,
    section: Section,
) -> Result<Layout, Problem> {
    let unreachable = |error| Problem::dependency(&error);
    let tx = vault
        .begin("count waiting requests", person.tenant)
        .await
        .map_err(unreachable)?;
    let waiting = projection::count_pending(&tx, person.user, vault.clock.now())
        .await
        .map_err(unreachable)?;
    tx.commit().await.map_err(unreachable)?;
    let layout = Layout::new(title, person).at(section);
    Ok(layout.inbox_count(u32::try_from(waiting).unwrap_or(0)))
}
