//! What the rules of a person decide about a request that comes in.

use events::{AppIdentity, RequestedDetail};
use ids::UserId;
use postgres::{DatabaseError, Tx};

use super::{InForce, granted, projection};
use crate::{
    access_request::Decision,
    app_key,
    grant::projection::live_by,
    organization_policy,
    provider_key::usable_key,
    vault::{Vault, one_at_a_time},
};

/// The yes of the first rule that covers all of it; `None` when the person has to decide. The
/// caller's transaction takes the decision in, and no other of this person counts meanwhile.
///
/// # Errors
/// When the database refuses.
pub async fn decision(
    vault: &Vault,
    tx: &Tx,
    user: UserId,
    app: &AppIdentity,
    details: &[RequestedDetail],
) -> Result<Option<Decision>, DatabaseError> {
    let Some(key) = app_key::verified(app) else {
        return Ok(None);
    };
    // Many at once would all count the same live grants.
    one_at_a_time(tx, user).await?;
    let rules = projection::of_app(tx, user, &key).await?;
    if rules.is_empty() {
        return Ok(None);
    }
    let mut asked = Vec::with_capacity(details.len());
    for detail in details {
        let Some(pays) = usable_key(tx, user, &detail.provider).await? else {
            return Ok(None);
        };
        asked.push((detail.clone(), pays));
    }
    let organization = organization_policy::rules(tx).await?;
    if !organization_policy::allows(&organization, app.registration.as_ref()) {
        return Ok(None);
    }
    let policy = vault.policy.under(&organization);
    let now = vault.clock.now();
    for rule in rules {
        let in_force = InForce::of(&live_by(tx, rule.id, now).await?);
        let verification = app.verification;
        let given = granted(&rule.terms, &policy, verification, &asked, in_force, now);
        if let Some(details) = given {
            return Ok(Some(Decision {
                details,
                upon: Vec::new(),
                shown: None,
                rule: Some(rule.id),
            }));
        }
    }
    Ok(None)
}
