//! The shadow limits that watch a call: it is counted against them where it fits, and where it does
//! not, its record says which limit would have refused it.

use events::{LimitName, Provider, ShadowLimits, ShadowVerdict};
use grant_access::{Budget, GrantAccess};
use ids::ShadowId;
use spend_limits::{Above, CallLimits, Held, MOST_SHADOWS};

/// The shadows of one call: its grant's, those of the grants above, and those of the budgets.
pub(super) struct Watched {
    /// Those whose counters decide.
    counted: Vec<(ShadowId, CallLimits)>,
    /// Those that would refuse it for its size alone.
    too_large_for: Vec<ShadowId>,
}

impl Watched {
    /// The shadows of a call at this provider, under these budgets. `fits` says whether it would
    /// have a bound under their `tokens_per_request`.
    pub(super) fn of(
        access: &GrantAccess,
        (provider, budgets): (&Provider, &[Budget]),
        fits: impl Fn(&ShadowLimits) -> bool,
    ) -> Self {
        let (counted, too_large_for): (Vec<_>, Vec<_>) = access
            .shadows_at(provider)
            .partition(|shadow| shadow.limits.tokens_per_request.is_none() || fits(&shadow.limits));
        let of_grants = counted
            .iter()
            .map(|shadow| (shadow.id, CallLimits::from(&shadow.limits)));
        let of_budgets = (budgets.iter().filter_map(|budget| budget.shadow))
            .map(|shadow| (shadow.id, CallLimits::from(&shadow.amounts)));
        Self {
            counted: of_grants.chain(of_budgets).take(MOST_SHADOWS).collect(),
            too_large_for: too_large_for.iter().map(|shadow| shadow.id).collect(),
        }
    }

    /// What stands above the call, with the shadows that count it if it fits.
    pub(super) fn beside(&self, above: Above) -> Above {
        // There are no more than may be: a grant has one at each provider, and a budget one.
        above.clone().with_shadows(&self.counted).unwrap_or(above)
    }

    /// What each of them says of the call that is held.
    pub(super) fn verdicts(&self, held: &Held) -> Vec<ShadowVerdict> {
        let by_size = |&shadow: &ShadowId| ShadowVerdict {
            shadow,
            would_refuse: Some(LimitName::TokensPerRequest),
        };
        let by_counters = |&(shadow, _): &(ShadowId, CallLimits)| ShadowVerdict {
            shadow,
            would_refuse: (held.would_refuse.iter())
                .find_map(|(id, name)| (*id == shadow).then_some(*name)),
        };
        let counted = self.counted.iter().map(by_counters);
        counted
            .chain(self.too_large_for.iter().map(by_size))
            .collect()
    }
}
