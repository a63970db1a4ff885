//! What the vault allows at all, and what an organization's policy leaves of that.

use std::time::Duration;

use events::{AuthorizationDetail, GrantedLimits, PolicyRules, RequestedDetail, Verification};
use jiff::{SignedDuration, Timestamp};
use money::{LARGEST_LIMIT, Nanodollars};

/// Defaults and ceilings: the vault's own, or what an organization's policy leaves of them.
#[derive(Debug, Clone)]
pub struct Policy {
    /// What stands for a limit that an app left out.
    pub default_limits: GrantedLimits,
    /// The most an unverified app may get.
    pub unverified_limits: GrantedLimits,
    /// How long a grant lasts when the app left it out, and at most.
    pub longest: Duration,
    /// Whether a verified app may get every model of a provider.
    pub every_model: bool,
    /// How long a grant to an unverified app lasts at most.
    pub unverified_longest: Duration,
    /// How long an access request waits for a decision.
    pub request_waits: Duration,
    /// How many undecided requests one person may have, through their own browser and otherwise.
    pub pending_requests: i64,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Default for Policy {
    fn default() -> Self {
        Self {
            default_limits: GrantedLimits {
                monthly_spend: Nanodollars::from_dollars(20),
                daily_spend: Nanodollars::from_dollars(5),
                requests_per_minute: 60,
                requests_per_day: 5_000,
                tokens_per_request: 400_000,
            },
            unverified_limits: GrantedLimits {
                monthly_spend: Nanodollars::from_dollars(5),
                daily_spend: Nanodollars::from_dollars(5),
                requests_per_minute: 60,
                requests_per_day: 2_000,
                tokens_per_request: 400_000,
            },
            longest: DAY * 365,
            every_model: true,
            unverified_longest: DAY,
            request_waits: Duration::from_secs(600),
            pending_requests: 20,
        }
    }
}

/// How long a grant lasts when neither the app nor the person says: the contract's 30 days.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// The most that may be granted of what was asked, detail by detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// No limit may be above these.
    pub limits: GrantedLimits,
    /// It may not last longer.
    pub expires: Timestamp,
    /// Models have to be named one by one.
    pub must_name_models: bool,
}

impl Policy {
    /// What an organization leaves of it: never more than the vault allows.
    #[must_use]
    pub fn under(&self, rules: &PolicyRules) -> Self {
        let longest = self.longest.min(DAY * u32::from(rules.longest_grant_days));
        Self {
            longest,
            unverified_longest: self.unverified_longest.min(longest),
            every_model: self.every_model && rules.every_model,
            ..self.clone()
        }
    }

    /// The ceiling over one asked-for detail.
    #[must_use]
    pub fn ceiling(
        &self,
        asked: &RequestedDetail,
        verification: Verification,
        now: Timestamp,
    ) -> Ceiling {
        let proposed = asked.limits.or_default(&self.default_limits);
        let wanted = asked
            .expires
            .unwrap_or_else(|| after(now, DEFAULT_LIFETIME));
        if verification == Verification::Unverified {
            return Ceiling {
                limits: proposed.lower_of(&self.unverified_limits),
                expires: wanted.min(after(now, self.unverified_longest)),
                must_name_models: true,
            };
        }
        Ceiling {
            limits: proposed,
            expires: wanted.min(after(now, self.longest)),
            must_name_models: !self.every_model,
        }
    }

    /// The most that its person may raise a live grant to: its limits and its end. An unverified
    /// app never gets more than its cap, any other up to what a limit can say; what is granted
    /// already may stay in either case.
    #[must_use]
    pub fn most_after_change(
        &self,
        current: &AuthorizationDetail,
        verification: Verification,
        now: Timestamp,
    ) -> (GrantedLimits, Timestamp) {
        let (most, longest) = match verification {
            Verification::Unverified => (self.unverified_limits, self.unverified_longest),
            Verification::DomainVerified | Verification::OrganizationApproved => {
                (LARGEST_LIMITS, self.longest)
            }
        };
        (
            higher_of(&most, &current.limits),
            current.expires.max(after(now, longest)),
        )
    }
}

/// The higher of each limit.
#[must_use]
pub fn higher_of(one: &GrantedLimits, other: &GrantedLimits) -> GrantedLimits {
    GrantedLimits {
        monthly_spend: one.monthly_spend.max(other.monthly_spend),
        daily_spend: one.daily_spend.max(other.daily_spend),
        requests_per_minute: one.requests_per_minute.max(other.requests_per_minute),
        requests_per_day: one.requests_per_day.max(other.requests_per_day),
        tokens_per_request: one.tokens_per_request.max(other.tokens_per_request),
    }
}

/// The largest number that each limit can say.
pub const LARGEST_LIMITS: GrantedLimits = GrantedLimits {
    monthly_spend: LARGEST_LIMIT,
    daily_spend: LARGEST_LIMIT,
    requests_per_minute: 1_000_000,
    requests_per_day: 100_000_000,
    tokens_per_request: 100_000_000,
};

impl Ceiling {
    /// Why `granted` goes beyond what was asked or what may be given; `None` when it does not.
    #[must_use]
    pub fn refusal(
        &self,
        asked: &RequestedDetail,
        granted: &AuthorizationDetail,
    ) -> Option<&'static str> {
        if granted.provider != asked.provider {
            return Some("another provider than asked for");
        }
        if !granted.models.is_within(&asked.models) {
            return Some("models that were not asked for");
        }
        if self.must_name_models && granted.models.is_every() {
            return Some("every model: this app gets named models only");
        }
        if granted.capabilities.is_empty() {
            return Some("no capability at all");
        }
        if !granted.capabilities.is_subset(&asked.capabilities) {
            return Some("capabilities that were not asked for");
        }
        if !granted.limits.is_within(&self.limits) {
            return Some("a limit above what was asked for or may be given");
        }
        if granted.expires > self.expires {
            return Some("longer than was asked for or may be given");
        }
        None
    }
}

/// `now` minus `span`; the beginning of time if that overflows.
#[must_use]
pub fn before(now: Timestamp, span: Duration) -> Timestamp {
    SignedDuration::try_from(span)
        .ok()
        .and_then(|span| now.checked_sub(span).ok())
        .unwrap_or(Timestamp::MIN)
}

/// `now` plus `span`; the end of time if that overflows.
#[must_use]
pub fn after(now: Timestamp, span: Duration) -> Timestamp {
    SignedDuration::try_from(span)
        .ok()
        .and_then(|span| now.checked_add(span).ok())
        .unwrap_or(Timestamp::MAX)
}
