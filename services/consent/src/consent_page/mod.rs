//! `/requests/{id}`: where a person decides.
//!
//! The page shows who asks and how sure we are, what exactly, and what it can cost at most. The
//! person narrows, sees what that changes ([`outcome`]), and approves, or denies; the form is bound to what was shown ([`shown`]), and
//! nothing outside the ceiling leaves this room.

mod answers;
mod asker;
mod case;
mod closed;
mod decide;
mod difference;
mod input;
mod lifetime;
mod limits;
mod names;
mod offer;
mod outcome;
mod shown;
mod view;
mod words;

#[cfg(test)]
pub(crate) mod look;
#[cfg(test)]
mod tests;

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use ids::RequestId as AccessRequestId;
use pages::Notice;
use serde::Deserialize;
use server::{PagePerson, Problem, RequestId, SignedForm};
use sessions::Permission;

pub(crate) use self::{
    answers::{Answers, see_other},
    asker::Asker,
    closed::state_badge,
    decide::written,
    lifetime::{LONGER_LENGTHS, Span},
    limits::{
        Faults as LimitFaults, Texts as LimitTexts, amount, amount_text, count, fields, grouped,
        hints_of_current, read, texts,
    },
    names::{NAMES, Names},
    shown::digest_of_shown,
    words::in_words,
};
use self::{case::Case, input::Input, offer::Offer, outcome::Outcome};
use crate::{
    access_request::{
        DecidedAt, Decision, Refusal, RequestError, RequestState, Requests, details::plain_text,
    },
    grant::GrantError,
    provider_key::ProviderKeys,
    vault::{Actor, Vault},
};

/// The longest that a person may say to the app (in characters).
const LONGEST_REASON: usize = 200;

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(show)
        .service(preview)
        .service(approve)
        .service(deny);
}

/// What this room works with.
type Rooms = (
    web::Data<Vault>,
    web::Data<Requests>,
    web::Data<ProviderKeys>,
);

/// The words that a person gives an app with a no.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Denial {
    reason: Option<String>,
}

#[get("/requests/{id}")]
async fn show(
    person: PagePerson,
    request_id: RequestId,
    rooms: Rooms,
    id: web::Path<AccessRequestId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let case = Case::open(&rooms, &person, *id).await?;
    let actor = Actor::person(&person, &request_id);
    Ok(match rooms.1.lead_back(&actor, &case.row).await? {
        Some(back) => see_other(&back),
        None => case.page(StatusCode::OK, None, None),
    })
}

/// What a yes to the form comes to as it is filled in: a part of the page, for its script.
#[post("/requests/{id}/preview")]
async fn preview(
    form: SignedForm<Answers>,
    rooms: Rooms,
    id: web::Path<AccessRequestId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let case = Case::open(&rooms, &form.person, *id).await?;
    let Some(wanted) = &case.wanted else {
        return Err(Problem::conflict("This request is not open any more."));
    };
    input::expect(&form.form, wanted.details.len())?;
    let offers = case.offers(wanted);
    let inputs = inputs(&offers, &form.form);
    Ok(pages::html(&Outcome::of(&offers, inputs.iter())))
}

#[post("/requests/{id}/approve")]
async fn approve(
    form: SignedForm<Answers>,
    request_id: RequestId,
    rooms: Rooms,
    id: web::Path<AccessRequestId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let case = Case::open(&rooms, &form.person, *id).await?;
    if case.row.state != RequestState::Pending {
        return Ok(see_other(&format!("/requests/{id}")));
    }
    let Some(wanted) = &case.wanted else {
        return Ok(see_other(&format!("/requests/{id}")));
    };
    input::expect(&form.form, wanted.details.len())?;
    let offers = case.offers(wanted);
    if form.form.one("shown") != case.digest(wanted, &offers) {
        let notice = "The request changed; look again. What it asks for, what may be given or \
                      which of your keys can pay is not what this page showed before. Nothing was \
                      decided.";
        return Ok(case.page(StatusCode::CONFLICT, None, Some(Notice::caution(notice))));
    }
    let inputs = inputs(&offers, &form.form);
    let details = match Case::decide(&offers, &inputs) {
        Ok(details) => details,
        Err(faults) => {
            let notice = "Nothing was decided yet: look at the fields marked below.";
            let filled = inputs.into_iter().zip(faults).collect();
            return Ok(case.page(
                StatusCode::UNPROCESSABLE_ENTITY,
                Some(filled),
                Some(Notice::bad(notice)),
            ));
        }
    };
    let decision = Decision {
        details,
        upon: wanted.had.clone(),
        shown: Some(case.digest(wanted, &offers)),
        rule: None,
    };
    let actor = Actor::person(&form.person, &request_id);
    let approved = rooms
        .1
        .approve(&actor, *id, decision, DecidedAt::Browser)
        .await;
    match approved.map(|approved| approved.back) {
        Ok(back) => Ok(see_other(back.as_deref().unwrap_or("/inbox?done=approved"))),
        Err(error) => not_open_any_more(*id, error),
    }
}

#[post("/requests/{id}/deny")]
async fn deny(
    form: SignedForm<Denial>,
    request_id: RequestId,
    rooms: Rooms,
    id: web::Path<AccessRequestId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let reason = form
        .form
        .reason
        .map(|text| plain_text(&text))
        .filter(|text| !text.is_empty());
    if reason
        .as_ref()
        .is_some_and(|text| text.chars().count() > LONGEST_REASON)
    {
        let case = Case::open(&rooms, &form.person, *id).await?;
        let notice = format!(
            "Words for the app have at most {LONGEST_REASON} characters. Nothing was decided."
        );
        return Ok(case.page(
            StatusCode::UNPROCESSABLE_ENTITY,
            None,
            Some(Notice::bad(notice)),
        ));
    }
    let actor = Actor::person(&form.person, &request_id);
    match rooms.1.deny(&actor, *id, reason, DecidedAt::Browser).await {
        Ok(back) => Ok(see_other(back.as_deref().unwrap_or("/inbox?done=denied"))),
        Err(error) => not_open_any_more(*id, error),
    }
}

/// What stands in the form, provider by provider.
fn inputs(offers: &[Offer<'_>], answers: &Answers) -> Vec<Input> {
    let each = offers.iter().map(|offer| Input::of(offer, answers));
    each.collect()
}

/// What was decided or lapsed meanwhile shows how it stands; anything else is refused.
fn not_open_any_more(id: AccessRequestId, error: RequestError) -> Result<HttpResponse, Problem> {
    match error {
        RequestError::Refused(Refusal::Decided | Refusal::Expired)
        | RequestError::Moved
        | RequestError::Grant(GrantError::Refused(_)) => Ok(see_other(&format!("/requests/{id}"))),
        // The grant changed at this very moment: the page shows it as it is now.
        error if error.is_conflict() => Ok(see_other(&format!("/requests/{id}"))),
        error => Err(error.into()),
    }
}
