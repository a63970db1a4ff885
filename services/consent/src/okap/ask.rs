//! One call at the door, whichever form it has: from the address to a request, or to a grant at once.

use events::{AuthorizationDetail, RequestedDetail, Transport};
use ids::{PollSecret, RequestId};

use super::{asked::Asked, knock::Door};
use crate::{
    access_request::{Arrival, Decision, RequestError, Requests, details},
    address::{Ticket, granted_within, use_ticket},
    custom_provider::expect_known,
    grant::Delivered,
    organization_policy,
    provider_key::usable_key,
    vault::{Actor, Change, Vault},
};

/// By which door a call came, and how its answer may be collected.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The form.
    pub transport: Transport,
    /// The secret it is given to come back with, in a form that can come back.
    pub poll: Option<&'a PollSecret>,
    /// The HTTP request.
    pub request_id: &'a server::RequestId,
}

/// What came of a call.
pub enum Outcome {
    /// A ticket's ceiling covered it.
    Granted(Box<Delivered>),
    /// A person has to decide.
    Waiting(Actor, RequestId),
    /// Nobody will ever decide: an unknown address, a spent ticket, a full inbox.
    Unheard,
    /// The ticket is the person's, and they have no key to pay with.
    NoKey(String),
}

/// Takes a call in.
///
/// # Errors
/// When a ticket's person has no room for another request, or it cannot be recorded.
pub async fn ask(
    vault: &Vault,
    requests: &Requests,
    door: Door,
    asked: Asked,
    call: Call<'_>,
) -> Result<Outcome, RequestError> {
    let arrival = Arrival {
        transport: call.transport,
        app: asked.app,
        details: asked.details,
        extends: asked.extends,
        poll: call.poll.map(PollSecret::digest),
        oauth: None,
        back: asked.back,
        handle: match &door {
            Door::Handle(_, handle) => Some(*handle),
            Door::Ticket(_) | Door::Grant(_) | Door::Nobody => None,
        },
        // Nothing but a ticket's own ceiling decides here: no session says that its person is there.
        by_session: false,
    };
    match door {
        // As an organization answers that has no such provider.
        Door::Nobody => match first_added(&arrival.details) {
            Some(place) => Err(details::unknown_provider(place).into()),
            None => Ok(Outcome::Unheard),
        },
        Door::Handle(whose, _) | Door::Grant(whose) => {
            let actor = Actor::app(whose.tenant, whose.user, call.request_id);
            match requests.receive(&actor, arrival).await {
                Ok(id) => Ok(Outcome::Waiting(actor, id)),
                // A full inbox looks like nobody at home, to whoever filled it.
                Err(RequestError::Full) => Ok(Outcome::Unheard),
                Err(error) => Err(error),
            }
        }
        Door::Ticket(ticket) => {
            with_ticket(vault, requests, ticket, arrival, call.request_id).await
        }
    }
}

/// Where a provider is asked for that is not built in, if one is.
fn first_added(asked: &[RequestedDetail]) -> Option<String> {
    let at = asked.iter().position(|one| !one.provider.is_built_in())?;
    Some(format!("authorization_details[{at}].provider"))
}

/// Uses the ticket, receives the request and, within the ceiling, approves and delivers it: one
/// transaction, so that a ticket is never spent for nothing and never spent twice.
async fn with_ticket(
    vault: &Vault,
    requests: &Requests,
    ticket: Ticket,
    arrival: Arrival,
    request_id: &server::RequestId,
) -> Result<Outcome, RequestError> {
    let actor = Actor::app(ticket.whose.tenant, ticket.whose.user, request_id);
    let now = vault.clock.now();
    let tx = vault.begin("use connect ticket", actor.tenant).await?;
    expect_known(&tx, &arrival.details).await?;
    let policy = organization_policy::in_force(vault, &tx).await?;
    let mut granted = Vec::new();
    for asked in &arrival.details {
        let Some(key) = usable_key(&tx, actor.user, &asked.provider).await? else {
            return Ok(Outcome::NoKey(asked.provider.display_name().to_owned()));
        };
        let within = ticket
            .ceiling
            .as_ref()
            .and_then(|ceiling| granted_within(ceiling, &policy, asked, key, now));
        granted.extend(within);
    }
    if !use_ticket(&tx, ticket.id, now).await? {
        return Ok(Outcome::Unheard);
    }
    let welcome = !requests
        .is_unwelcome(&tx, actor.user, &arrival.app, None)
        .await?;
    let all_within = welcome && granted.len() == arrival.details.len();
    if !all_within {
        // Only what waits for the person takes room in the inbox.
        requests
            .look_for_room(&tx, actor.user, arrival.transport)
            .await?;
    }
    let id = requests.receive_in(&tx, &actor, arrival).await?;
    let delivered = if all_within {
        Some(decide(requests, &tx, &actor, id, granted).await?)
    } else {
        None
    };
    tx.commit().await?;
    vault.changed(&[Change::Inbox(actor.user)]);
    Ok(match delivered {
        Some(delivered) => Outcome::Granted(Box::new(delivered)),
        None => Outcome::Waiting(actor, id),
    })
}

async fn decide(
    requests: &Requests,
    tx: &postgres::Tx,
    actor: &Actor,
    id: RequestId,
    details: Vec<AuthorizationDetail>,
) -> Result<Delivered, RequestError> {
    requests
        .approve_within_ceiling(
            tx,
            actor,
            id,
            Decision {
                details,
                upon: Vec::new(),
                shown: None,
                rule: None,
            },
        )
        .await?;
    requests.deliver_in(tx, actor, id).await
}
