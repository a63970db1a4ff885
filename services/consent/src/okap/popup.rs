//! `/okap/popup`: the vault in a window that an app's page opened.
//!
//! The page says in the address which origin it is of, and the browser has the last word: the
//! popup's script listens to messages of exactly that origin and sends to no other. The person then
//! decides on the same page as always, and the popup hands the answer over and closes. Only these
//! pages keep their opener (`server::keep_opener`); whoever has to sign in first does so in a window
//! of their own, whose pages cut that tie.

pub(crate) mod hand_over;
mod view;

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use events::Transport;
use ids::RequestId as AccessRequestId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use server::{PagePerson, Person, Problem, RequestId, StrictJson, StrictQuery, keep_opener};
use sessions::{Permission, SignedIn};
use utoipa::ToSchema;

use self::view::{Step, page};
use super::{asked, described::AskBody, native::named};
use crate::{
    access_request::{Arrival, Requests},
    vault::{Actor, Vault},
    way_back::{self, Channel, Opener},
};

/// Adds the pages; what their script sends stands with the other routes for programs.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(open).service(decided);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    origin: String,
}

/// The first page: it waits for what the opener asks, or for somebody to sign in.
#[get("/okap/popup")]
async fn open(request: HttpRequest, query: StrictQuery<Opened>) -> Result<HttpResponse, Problem> {
    let origin = Opener::parse(&query.0.origin).map_err(|error| {
        Problem::bad_request(crate::wire_error::sentence(&error)).at("/origin", "not an origin")
    })?;
    let step = match server::signed_in(&request).await? {
        // Only a browser's session can answer a window; a token of the API would be sent by nobody.
        Some(person) if person.csrf().is_some() => {
            server::require(&person, Permission::DecideRequests)?;
            Step::Ask(person)
        }
        _ => Step::SignIn,
    };
    let mut response = page(step, &origin);
    keep_opener(&mut response);
    Ok(response)
}

/// What the page that opened the popup asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedByPage {
    /// The origin of the message that brought the request, as the browser told it.
    origin: String,
    /// What the page asks, in the form of `POST /okap/authorize`.
    #[schema(value_type = AskBody)]
    request: Box<RawValue>,
}

/// Where to go on with a request that was taken in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Received {
    /// The request.
    #[schema(value_type = String)]
    id: AccessRequestId,
    /// Where the person decides: a path of the vault.
    decide: String,
}

/// Takes in what a page asked through the popup it opened. For the popup's own script: an API token
/// is refused, only a browser's session is let in.
#[utoipa::path(tag = "okap", request_body = AskedByPage, responses(
    (status = 201, body = Received), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 413, body = Problem), (status = 415, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)))]
#[post("/okap/popup/requests")]
pub(crate) async fn ask(
    person: Person,
    request_id: RequestId,
    (vault, requests): (web::Data<Vault>, web::Data<Requests>),
    body: StrictJson<AskedByPage>,
) -> Result<HttpResponse, Problem> {
    by_browser(&person)?;
    let origin = Opener::parse(&body.0.origin).map_err(|error| {
        Problem::bad_request(crate::wire_error::sentence(&error)).at("/origin", "not an origin")
    })?;
    let asked =
        asked::of_page(body.0.request.get(), origin.clone(), vault.clock.now()).map_err(named)?;
    let actor = Actor {
        name: "app".to_owned(),
        ..Actor::person(&person, &request_id)
    };
    // A person reads one window at a time. Who closed the last one undecided finds no second request
    // of the same page, which would look like somebody else's.
    for earlier in way_back::waiting_for(&vault, &actor, &origin).await? {
        requests.close(&actor, earlier, true).await?;
    }
    let arrival = Arrival {
        transport: Transport::OkapBrowser,
        app: asked.app,
        details: asked.details,
        extends: None,
        poll: None,
        oauth: None,
        back: asked.back,
        handle: None,
        by_session: true,
    };
    let id = requests.receive(&actor, arrival).await?;
    Ok(HttpResponse::Created()
        .insert_header(("cache-control", "no-store"))
        .json(Received {
            id,
            decide: format!("/requests/{id}"),
        }))
}

/// The last page: it hands the answer to the opener.
#[get("/okap/popup/requests/{id}")]
async fn decided(
    person: PagePerson,
    vault: web::Data<Vault>,
    requests: web::Data<Requests>,
    id: web::Path<AccessRequestId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let origin = opener_of(&vault, &requests, &person, *id).await?;
    let mut response = page(Step::HandOver(person.0, *id), &origin);
    keep_opener(&mut response);
    Ok(response)
}

/// The page that a person's request came from.
async fn opener_of(
    vault: &Vault,
    requests: &Requests,
    person: &SignedIn,
    id: AccessRequestId,
) -> Result<Opener, Problem> {
    let row = requests.one(person.tenant, person.user, id).await?;
    match way_back::channel_of(vault, person.tenant, row.id).await? {
        Some(Channel::Opener(origin)) => Ok(origin),
        _ => Err(Problem::not_found("No page asked this in a popup.")),
    }
}

fn by_browser(person: &Person) -> Result<(), Problem> {
    person.require(Permission::DecideRequests)?;
    if person.csrf().is_some() {
        return Ok(());
    }
    Err(Problem::forbidden(
        "Only the vault's own popup may do this, not an API token.",
    ))
}
