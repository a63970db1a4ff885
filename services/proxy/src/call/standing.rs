//! How the limits of a grant stand, as its app is told.

use events::{AuthorizationDetail, LimitName};
use grant_access::GrantAccess;
use spend_limits::{Amount, Bucket, CallLimits, LimitStanding};

use crate::{
    call::{
        above::{self, above},
        gate::Gate,
    },
    error::Refusal,
};

/// How one limit of a detail stands, as an app is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which limit.
    pub name: LimitName,
    /// What it allows.
    pub limit: String,
    /// What is used.
    pub spent: String,
    /// What running calls hold.
    pub reserved: String,
    /// What is left.
    pub remaining: String,
    /// When it begins anew; `None` for a limit on one call.
    pub resets_at: Option<jiff::Timestamp>,
}

/// How the limits of one detail stand, read from what enforces them. Of money no more remains than of
/// what stands above; what was spent there is not told.
///
/// # Errors
/// When they cannot be read now.
pub async fn standing(
    gate: &Gate,
    access: &GrantAccess,
    detail: &AuthorizationDetail,
) -> Result<Vec<Standing>, Refusal> {
    let bucket = Bucket::new(access.grant, &detail.provider);
    let budgets = above::budgets(gate, access, &detail.provider).await?;
    let above = above(access, &detail.provider, &budgets)?;
    let counted = gate
        .limits
        .standing_under(bucket, &CallLimits::from(&detail.limits), &above)
        .await
        .map_err(|error| {
            tracing::error!(%error, "limits cannot be read");
            Refusal::VaultUnavailable
        })?;
    let of_one_call = Amount::Requests(u64::from(detail.limits.tokens_per_request));
    let per_request = Standing {
        name: LimitName::TokensPerRequest,
        limit: of_one_call.to_string(),
        spent: "0".to_owned(),
        reserved: "0".to_owned(),
        remaining: of_one_call.to_string(),
        resets_at: None,
    };
    Ok(counted
        .iter()
        .map(Standing::from)
        .chain([per_request])
        .collect())
}

impl From<&LimitStanding> for Standing {
    fn from(standing: &LimitStanding) -> Self {
        Self {
            name: standing.name,
            limit: standing.limit.to_string(),
            spent: standing.spent.to_string(),
            reserved: standing.reserved.to_string(),
            remaining: standing.remaining.to_string(),
            resets_at: Some(standing.resets_at),
        }
    }
}
