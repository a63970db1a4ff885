//! `/device`: where a person enters the code that a device shows (RFC 8628 section 3.3).

use std::{num::NonZeroU32, time::Duration};

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use askama::Template;
use events::Transport;
use ids::{RequestId, UserId};
use pages::{Field, Layout, Section};
use serde::Deserialize;
use server::{PagePerson, Problem, SignedForm, StrictQuery, Throttle};
use sessions::{Permission, SignedIn};

use super::{
    store::{self, Entered},
    user_code::UserCode,
};
use crate::{
    access_request::{Arrival, RequestError, Requests},
    consent_page::see_other,
    inbox,
    policy::after,
    registered_app::{AppRow, Apps},
    vault::{Actor, Change, Vault},
};

/// How many codes one person may try in ten minutes, right ones included.
const TRIES: NonZeroU32 = NonZeroU32::new(10).unwrap();

const UNKNOWN: &str = "No device of your organization waits with this code. Look at the device \
                       again: a code is good for ten minutes.";

/// Counts the codes that people try. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Attempts(Throttle<UserId>);

impl Attempts {
    /// Nobody has tried yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Throttle::new(
            "device-code",
            TRIES,
            Duration::from_secs(600),
        ))
    }
}

impl Default for Attempts {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(show).service(enter);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    user_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    #[serde(default)]
    user_code: String,
}

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    layout: Layout,
    code: Field,
}

/// The code may stand in the address, but only the person's own press of the button enters it.
#[get("/device")]
async fn show(
    person: PagePerson,
    query: StrictQuery<Shown>,
    vault: web::Data<Vault>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let written = query.0.user_code.unwrap_or_default();
    page(&vault, &person, &written, None, StatusCode::OK).await
}

#[post("/device")]
async fn enter(
    form: SignedForm<Typed>,
    request_id: server::RequestId,
    (vault, requests): (web::Data<Vault>, web::Data<Requests>),
    (apps, attempts): (web::Data<Apps>, web::Data<Attempts>),
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let SignedForm { person, form } = form;
    let again = async |fault: String, status| {
        page(&vault, &person, &form.user_code, Some(fault), status).await
    };
    let code: UserCode = match form.user_code.parse() {
        Ok(code) => code,
        Err(error) => {
            let fault = crate::wire_error::sentence(&error);
            return again(fault, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
    };
    if let Err(problem) = attempts.0.check(&person.user) {
        return again(problem.detail().to_owned(), StatusCode::TOO_MANY_REQUESTS).await;
    }
    let actor = Actor::person(&person, &request_id);
    match become_request(&vault, (&requests, &apps), &actor, &code).await {
        Ok(Some(id)) => Ok(see_other(&format!("/requests/{id}"))),
        Ok(None) => again(UNKNOWN.to_owned(), StatusCode::NOT_FOUND).await,
        Err(error @ RequestError::Full) => {
            let fault = crate::wire_error::sentence(&error);
            again(fault, StatusCode::TOO_MANY_REQUESTS).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The access request of a code: who enters it first makes it, and is who decides. `None` when no
/// device of this organization waits with it.
async fn become_request(
    vault: &Vault,
    (requests, apps): (&Requests, &Apps),
    actor: &Actor,
    code: &UserCode,
) -> Result<Option<RequestId>, RequestError> {
    let now = vault.clock.now();
    let tx = vault.begin("enter device code", actor.tenant).await?;
    let Some(entered) = store::by_user_code(&tx, code, now).await? else {
        return Ok(None);
    };
    let Some(app) = apps.by_client_id(&entered.client_id).await? else {
        return Ok(None);
    };
    if let Some(request) = entered.request {
        return Ok(Some(request));
    }
    let actor = Actor {
        name: app.id.to_string(),
        ..actor.clone()
    };
    let digest = entered.digest;
    requests
        .look_for_room(&tx, actor.user, Transport::Oauth)
        .await?;
    let id = requests
        .receive_in(&tx, &actor, arrival(&app, entered))
        .await?;
    let until = after(now, vault.policy.request_waits);
    let first = store::enter(&tx, digest, id, until).await?;
    if first == id {
        tx.commit().await?;
        vault.changed(&[Change::Inbox(actor.user)]);
    }
    Ok(Some(first))
}

/// A device has no way back: it comes for its answer itself.
fn arrival(app: &AppRow, entered: Entered) -> Arrival {
    Arrival {
        transport: Transport::Oauth,
        app: app.identity(),
        details: entered.details,
        extends: None,
        poll: None,
        oauth: None,
        back: None,
        handle: None,
        // Whoever started it holds the device: a code that somebody else sent is looked at first.
        by_session: false,
    }
}

async fn page(
    vault: &Vault,
    person: &SignedIn,
    written: &str,
    fault: Option<String>,
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let layout = inbox::layout(vault, person, "Connect a device", Section::Connect).await?;
    let code = Field::text("user_code", "The code that the device shows")
        .required()
        .value(written)
        .placeholder("BCDF-GHJK")
        .maybe_error(fault);
    Ok(pages::html_with(status, &DevicePage { layout, code }))
}
