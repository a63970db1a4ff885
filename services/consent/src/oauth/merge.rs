//! More for a grant that a client has already: `grant_management_action=merge` and `grant_id` (Grant
//! Management for OAuth 2.0, the OpenID Foundation's draft).
//!
//! The id comes with the token response and from `GET /v1/grant`; it is a name and no secret. It
//! counts only for the client and the person whose grant it is.

use std::collections::BTreeSet;

use events::RequestedDetail;
use ids::GrantId;
use sessions::SignedIn;

use super::{error::OauthError, parameters::Parameters};
use crate::{
    grant::{GrantError, GrantRow, GrantState, Grants, Refusal, step_up},
    registered_app::AppRow,
    vault::Vault,
};

/// What a client may do about its grants at the authorization endpoint.
pub(super) const ACTIONS: [&str; 2] = ["create", "merge"];

/// The grant that a request asks to widen; `None` when it asks for one of its own.
///
/// # Errors
/// `invalid_request` when action and id do not fit together, `invalid_grant_id` for no id at all.
pub(super) fn grant_named(parameters: &Parameters) -> Result<Option<GrantId>, OauthError> {
    let invalid = |description: &str| Err(OauthError::new("invalid_request", description));
    let id = parameters.get("grant_id");
    match (parameters.get("grant_management_action"), id) {
        (None | Some("create"), None) => Ok(None),
        (Some("merge"), Some(id)) => id.parse().map(Some).map_err(|_| unknown()),
        (Some("merge"), None) => invalid("merge needs the grant_id of the grant to widen"),
        (None, Some(_)) => invalid("grant_id needs grant_management_action=merge"),
        (Some("create"), Some(_)) => invalid("create makes a grant of its own; leave grant_id out"),
        (Some(_), _) => invalid("grant_management_action is create or merge"),
    }
}

/// What is asked, in the light of the grant that is to be widened.
///
/// # Errors
/// The outer one when the database refuses; the inner one when the grant is not this client's from
/// this person or has ended (one word for all of it), or it would have too many providers.
pub(super) async fn asked(
    vault: &Vault,
    (app, person): (&AppRow, &SignedIn),
    extends: Option<GrantId>,
    (asked, named): (Vec<RequestedDetail>, &[BTreeSet<String>]),
) -> Result<Result<Vec<RequestedDetail>, OauthError>, GrantError> {
    let Some(id) = extends else {
        return Ok(Ok(asked));
    };
    let grants = Grants::new(vault.clone());
    let grant = match grants.one(person.tenant, person.user, id).await {
        Ok(grant) if is_good(&grant, app) => grant,
        Ok(_) | Err(GrantError::Refused(Refusal::Unknown)) => return Ok(Err(unknown())),
        Err(error) => return Err(error),
    };
    let asked = step_up::asked_of(&grant.details, asked, named);
    Ok(asked.map_err(|wrong| OauthError::new("invalid_authorization_details", wrong.to_string())))
}

/// A client that became known in another way since is another one to its person, and what it would be
/// given more could not be collected (see [`super::unchanged`]).
fn is_good(grant: &GrantRow, app: &AppRow) -> bool {
    grant.app.app == Some(app.id)
        && grant.app.registration == app.registration
        && grant.state == GrantState::Live
        && grant.above.is_empty()
}

fn unknown() -> OauthError {
    let why = "grant_id names no grant of this client and this person that is in force";
    OauthError::new("invalid_grant_id", why)
}
