//! Binds a decision to exactly what the page showed.
//!
//! The form carries a digest of it; the decision is taken only if the same digest comes out again,
//! so that nothing that changed behind the page, or another page's form, is approved unseen.

use aws_lc_rs::digest;
use events::{AppIdentity, AuthorizationDetail, CustomProvider, GrantedLimits, RequestedDetail};
use ids::{GrantId, ProviderKeyId, RequestId};
use jiff::Timestamp;
use serde::Serialize;

use super::offer::Offer;
use crate::{access_request::AccessRequestRow, grant::step_up::Wanted, policy::Policy};

#[derive(Serialize)]
struct Shown<'a> {
    request: RequestId,
    app: &'a AppIdentity,
    extends: Option<GrantId>,
    had: &'a [AuthorizationDetail],
    asked: &'a [RequestedDetail],
    ceilings: Vec<CeilingShown>,
    keys: Vec<Vec<ProviderKeyId>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    added: Vec<&'a CustomProvider>,
}

#[derive(Serialize)]
struct CeilingShown {
    limits: GrantedLimits,
    expires: Timestamp,
    must_name_models: bool,
}

/// The digest of what a page shows: SHA-256, in hexadecimal digits.
pub(super) fn digest_of(
    policy: &Policy,
    (row, wanted): (&AccessRequestRow, &Wanted),
    offers: &[Offer<'_>],
) -> String {
    let ceiling = |asked: &RequestedDetail| {
        // The ceiling's end moves with the clock; as of the arrival it stands still.
        let ceiling = wanted.ceiling(policy, asked, row.app.verification, row.received_at);
        CeilingShown {
            limits: ceiling.limits,
            expires: ceiling.expires,
            must_name_models: ceiling.must_name_models,
        }
    };
    let shown = Shown {
        request: row.id,
        app: &row.app,
        extends: row.extends,
        had: &wanted.had,
        asked: &wanted.details,
        ceilings: wanted.details.iter().map(ceiling).collect(),
        keys: offers
            .iter()
            .map(|offer| offer.keys.iter().map(|key| key.id).collect())
            .collect(),
        added: offers.iter().filter_map(|offer| offer.added).collect(),
    };
    digest_of_shown(&shown)
}

/// The digest of what any page shows before a decision.
pub(crate) fn digest_of_shown<T: Serialize>(shown: &T) -> String {
    // Members are written in the order they are declared in, sets are ordered: one text for one
    // meaning. These types always serialize; were that not so, the empty text would match no page.
    let json = serde_json::to_vec(shown).unwrap_or_default();
    let digest = digest::digest(&digest::SHA256, &json);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
