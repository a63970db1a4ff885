//! How the limits of grants stand, read from what enforces them.

use events::LimitName;
use jiff::Timestamp;
use serde::Serialize;
use spend_limits::{Amount, Bucket, CallLimits, LimitStanding, tightest};
use utoipa::ToSchema;

use super::GrantRow;
use crate::vault::Vault;

/// One limit at one provider: what it allows and how much of it is used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LimitView {
    /// At which provider.
    pub provider: String,
    /// The limit's name.
    #[schema(value_type = String)]
    pub name: LimitName,
    /// What it allows: USD as a decimal string, or a count.
    pub limit: String,
    /// What is used.
    pub spent: String,
    /// What running calls hold.
    pub reserved: String,
    /// What is left.
    pub remaining: String,
    /// When the period ends.
    #[schema(value_type = String, format = DateTime)]
    pub resets_at: Timestamp,
    /// The same amounts, for pages.
    #[serde(skip)]
    pub amounts: (Amount, Amount, Amount),
}

/// How the limits of these grants stand, grant by grant; of a grant below others, no more remains than
/// above it. `None` when they cannot be read now.
pub async fn of(vault: &Vault, grants: &[GrantRow]) -> Vec<Option<Vec<LimitView>>> {
    let asked: Vec<_> = grants
        .iter()
        .flat_map(|grant| grant.details.iter().map(move |detail| (grant, detail)))
        .flat_map(|(grant, detail)| {
            let provider = &detail.provider;
            let above = grant.above.iter().filter_map(|ancestor| {
                let limits = ancestor.limits.get(provider)?;
                Some((ancestor.grant, limits))
            });
            let counted = [(grant.id, &detail.limits)].into_iter().chain(above);
            counted.map(|(grant, limits)| (Bucket::new(grant, provider), CallLimits::from(limits)))
        })
        .collect();
    let Ok(standings) = vault.spend_limits.standings(&asked).await else {
        return grants.iter().map(|_| None).collect();
    };
    let mut standings = standings.into_iter();
    grants
        .iter()
        .map(|grant| {
            let mut views = Vec::new();
            for detail in &grant.details {
                let mut standing = standings.next().unwrap_or_default();
                let above = grant.above.iter();
                for _ in above.filter(|above| above.limits.contains_key(&detail.provider)) {
                    standing = tightest(standing, &standings.next().unwrap_or_default());
                }
                views.extend(
                    standing
                        .into_iter()
                        .map(|limit| view(detail.provider.as_str(), &limit)),
                );
            }
            Some(views)
        })
        .collect()
}

fn view(provider: &str, standing: &LimitStanding) -> LimitView {
    LimitView {
        provider: provider.to_owned(),
        name: standing.name,
        limit: standing.limit.to_string(),
        spent: standing.spent.to_string(),
        reserved: standing.reserved.to_string(),
        remaining: standing.remaining.to_string(),
        resets_at: standing.resets_at,
        amounts: (standing.limit, standing.spent, standing.remaining),
    }
}
