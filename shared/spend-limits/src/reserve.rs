//! Reserving: the one gate that every call passes.

use std::time::Duration;

use events::LimitName;
use ids::CallId;
use jiff::{SignedDuration, Timestamp};
use money::{LARGEST_LIMIT, Nanodollars};

use crate::{
    above::Above,
    bucket::{Bucket, Owner},
    connection::SpendLimits,
    epoch::{Epoch, has_minute, write_field, write_member},
    error::{LimitsError, StoreError},
    hold::{Counters, Held, RequestsLeft, instant_of_day, seconds_until},
    limits::CallLimits,
    of_spool::SpoolPlace,
    script::{Call, Reply, USUAL_ARGUMENT, USUAL_KEY},
    words::Words,
};

/// No hold lasts longer; longer ones are taken as this.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What a call asks for before it may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Whose limits.
    pub bucket: Bucket,
    /// For which call. A call is reserved once; another attempt is another call.
    pub call: CallId,
    /// The most the call can cost, from zero to [`money::LARGEST_LIMIT`].
    pub worst_case: Nanodollars,
    /// The limits as they are granted now.
    pub limits: CallLimits,
    /// The grants above, the budgets and the shadows with their limits as they are now: the call
    /// counts against them as well, and no shadow refuses it.
    pub above: Above,
    /// After this time billing may settle it in the proxy's place; at most a day. Choose it above
    /// the longest time a call may take.
    pub lasts: Duration,
    /// Where its beginning will be written down, if anywhere: should this process die, whoever reads
    /// that knows whether the call was sent.
    pub place: Option<SpoolPlace>,
}

/// Why a call may not begin. Nothing was changed by it, and nothing counted.
///
/// Of several limits in the way the one that lasts longest is named: month, day, requests of the
/// day, requests of the minute.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Its worst case does not fit into a spend limit.
    #[error(
        "{name} is used up: {spent} USD spent and {reserved} USD reserved of {limit} USD; resets at {resets_at}"
    )]
    SpendLimit {
        /// Whose limit: the call's own grant's, or one's above.
        whose: Owner,
        name: LimitName,
        spent: Nanodollars,
        reserved: Nanodollars,
        limit: Nanodollars,
        resets_at: Timestamp,
    },
    /// Too many requests.
    #[error("{name} is used up: {limit} requests; retry after {retry_after_seconds} s")]
    RateLimit {
        /// Whose limit: the call's own grant's, or one's above.
        whose: Owner,
        name: LimitName,
        limit: u32,
        /// At least 1.
        retry_after_seconds: u32,
        resets_at: Timestamp,
    },
    /// The grant, or one above it, was revoked.
    #[error("the grant was revoked")]
    Revoked,
    /// This call was reserved before, and runs or is in the ledger. Nobody looks for those that ended
    /// a moment ago: each reservation needs a call of its own.
    #[error("the call was reserved before")]
    Duplicate,
    /// The worst case is below zero or above the largest limit.
    #[error("an amount of {0} USD cannot be reserved")]
    AmountOutOfRange(Nanodollars),
    /// No epoch is open: Redis lost its memory and the ledger is not loaded yet.
    #[error("the limits are being restored")]
    NotReady,
    /// Redis cannot be asked. If it did reserve, that is undone when it can be reached again.
    #[error("the limits cannot be checked")]
    Unavailable(#[source] StoreError),
}

impl Refused {
    /// Its name in metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SpendLimit { .. } => "spend_limit",
            Self::RateLimit { .. } => "rate_limit",
            Self::Revoked => "revoked",
            Self::Duplicate => "duplicate",
            Self::AmountOutOfRange(_) => "amount_out_of_range",
            Self::NotReady => "not_ready",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl SpendLimits {
    /// Holds the worst case of a call against all limits of its grant, of those above and of its
    /// budgets, in one round trip: all of them or none.
    ///
    /// The hold counts until [`SpendLimits::settle`]. The request stays counted even if the call
    /// never reaches a provider.
    ///
    /// # Errors
    /// When a limit is in the way, the grant is revoked, or the limits cannot be checked.
    pub async fn reserve(&self, reservation: &Reservation) -> Result<Held, Refused> {
        let owners = reservation.above.owners();
        // What this process has settled and Redis does not know yet must not be in a shadow's way, and
        // as nothing is refused by one, there is no second look.
        if owners.has_shadows() {
            Box::pin(self.settle_waiting(reservation.bucket, owners)).await;
        }
        let known = self.shared.in_hand.settlements();
        let mut outcome = self.try_reserve(reservation).await;
        // The same for what refuses. In boxes, for the many that need neither not to carry them along.
        if matches!(outcome, Err(Refused::SpendLimit { .. })) {
            // Redis may have been told meanwhile, right after it had refused.
            let was_told = self.shared.in_hand.settlements() != known;
            if Box::pin(self.settle_waiting(reservation.bucket, owners)).await || was_told {
                outcome = Box::pin(self.try_reserve(reservation)).await;
            }
        }
        let name = outcome.as_ref().map_or_else(Refused::name, |_| "held");
        metrics::counter!("latchkey_reserve_total", "outcome" => name).increment(1);
        outcome
    }

    async fn try_reserve(&self, asked: &Reservation) -> Result<Held, Refused> {
        if !(Nanodollars::ZERO..=LARGEST_LIMIT).contains(&asked.worst_case) {
            return Err(Refused::AmountOutOfRange(asked.worst_case));
        }
        let asking = self
            .shared
            .in_hand
            .ask(asked.bucket, asked.above.owners(), asked.call)
            .ok_or(Refused::Duplicate)?;
        let outcome = match self.ask_in_company(asked).await {
            Ok((epoch, reply)) => read_answer(asked, epoch, &reply),
            Err(LimitsError::NotReady) => Err(Refused::NotReady),
            Err(LimitsError::AmountOutOfRange(amount)) => Err(Refused::AmountOutOfRange(amount)),
            Err(LimitsError::Unavailable(source)) => Err(Refused::Unavailable(source)),
        };
        match &outcome {
            Ok(held) => asking.held(held),
            // What may have been reserved all the same is undone when `asking` goes.
            Err(Refused::Unavailable(source)) if source.may_have_run() => drop(asking),
            Err(_) => asking.refused(),
        }
        outcome
    }

    pub(crate) fn reserve_call(&self, asked: &Reservation, epoch: Epoch) -> Call {
        let (keys, above) = (&self.shared.keys, asked.above.owners());
        let levels = 1 + above.len();
        let mut call = Call {
            keys: Words::with_capacity(2 + 3 * levels, (2 + 3 * levels) * USUAL_KEY),
            args: Words::with_capacity(8 + 4 * levels, (8 + 4 * levels) * USUAL_ARGUMENT),
        };
        keys.add_epoch_and_holds(&mut call.keys, epoch);
        for bucket in above.buckets(asked.bucket) {
            if let Owner::Grant(grant) = bucket.owner {
                call.keys.write(|text| keys.write_revoked(text, grant));
            }
            call.keys
                .write(|text| keys.write_counters(text, epoch, bucket));
            if has_minute(bucket) {
                call.keys
                    .write(|text| keys.write_minute(text, epoch, bucket));
            }
        }
        let args = &mut call.args;
        args.write(|text| epoch.write_to(text));
        args.push(&self.time());
        args.write(|text| write_field(text, asked.call));
        args.write(|text| write_member(text, asked.bucket, asked.call));
        args.number(asked.worst_case.nanos());
        args.number(asked.lasts_ms());
        args.push(&asked.noted());
        args.number(1 + above.grants());
        for limits in std::iter::once(&asked.limits).chain(asked.above.limits()) {
            limits.add_to(args);
        }
        call
    }
}

fn read_answer(asked: &Reservation, epoch: Epoch, reply: &Reply) -> Result<Held, Refused> {
    match reply.word() {
        "HELD" => held(asked, epoch, reply).map_err(Refused::Unavailable),
        "REVOKED" => Err(Refused::Revoked),
        "DUPLICATE" => Err(Refused::Duplicate),
        "SPEND" => Err(spend_refusal(asked, reply).unwrap_or_else(Refused::Unavailable)),
        "RATE" => Err(rate_refusal(asked, reply).unwrap_or_else(Refused::Unavailable)),
        _ => Err(Refused::Unavailable(reply.unexpected())),
    }
}

fn held(asked: &Reservation, epoch: Epoch, reply: &Reply) -> Result<Held, StoreError> {
    let now = reply.instant(1)?;
    let lasts = SignedDuration::try_from(asked.lasts.min(LONGEST)).unwrap_or_default();
    let mut held = Held {
        bucket: asked.bucket,
        above: asked.above.owners().clone(),
        call: asked.call,
        epoch,
        amount: asked.worst_case,
        at: now,
        deadline: now.checked_add(lasts).unwrap_or(Timestamp::MAX),
        remaining: None,
        requests_per_minute: None,
        requests_per_day: None,
        would_refuse: Vec::new(),
    };
    let shadows = asked.above.owners().shadows();
    let first_verdict = 2 + Counters::VALUES * asked.refusing().count();
    for (index, shadow) in (first_verdict..).zip(shadows) {
        if let Some(name) = verdict(reply, index)? {
            held.would_refuse.push((shadow, name));
        }
    }
    if !held.would_refuse.is_empty() {
        held.above =
            (held.above).keeping(|shadow| held.would_refuse.iter().all(|(id, _)| *id != shadow));
    }
    for (level, limits) in asked.refusing().enumerate() {
        let before = Counters::read(reply, level)?;
        let left = before.remaining_after(asked.worst_case, limits);
        held.remaining = [held.remaining, left].into_iter().flatten().min();
        let in_minute = limits.requests_per_minute.map(|limit| {
            before.requests_left(limit, before.requests_in_minute, before.minute_eases())
        });
        held.requests_per_minute = fewer(held.requests_per_minute, in_minute);
        let today = limits
            .requests_per_day
            .map(|limit| before.requests_left(limit, before.requests_today, before.day_ends()));
        held.requests_per_day = fewer(held.requests_per_day, today);
    }
    Ok(held)
}

/// Which limit of a shadow would have refused the call, if one would.
fn verdict(reply: &Reply, index: usize) -> Result<Option<LimitName>, StoreError> {
    match reply.0.get(index) {
        Some("") => Ok(None),
        Some("monthly_spend") => Ok(Some(LimitName::MonthlySpend)),
        Some("daily_spend") => Ok(Some(LimitName::DailySpend)),
        Some("requests_per_day") => Ok(Some(LimitName::RequestsPerDay)),
        Some("requests_per_minute") => Ok(Some(LimitName::RequestsPerMinute)),
        _ => Err(reply.unexpected()),
    }
}

/// Of two limits on requests, the one of which less is left.
fn fewer(one: Option<RequestsLeft>, other: Option<RequestsLeft>) -> Option<RequestsLeft> {
    [one, other]
        .into_iter()
        .flatten()
        .min_by_key(|left| left.remaining)
}

impl Reservation {
    /// How long the call may last, in milliseconds.
    pub(crate) fn lasts_ms(&self) -> u128 {
        self.lasts.min(LONGEST).as_millis()
    }

    /// What its hold notes beside amounts and times.
    pub(crate) fn noted(&self) -> String {
        let mut noted = self
            .place
            .map_or_else(String::new, |place| place.to_string());
        noted.push_str(&self.above.owners().noted());
        noted
    }

    /// The limits that the call must fit into: its grant's, then those of each one above.
    fn refusing(&self) -> impl Iterator<Item = &CallLimits> {
        std::iter::once(&self.limits).chain(self.above.refusing())
    }

    /// Whose limit is in the way, and all of its limits.
    fn level(&self, level: i64) -> Option<(Owner, &CallLimits)> {
        let level = usize::try_from(level).ok()?;
        let bucket = self.above.owners().buckets(self.bucket).nth(level)?;
        Some((bucket.owner, self.refusing().nth(level)?))
    }
}

fn spend_refusal(asked: &Reservation, reply: &Reply) -> Result<Refused, StoreError> {
    let level = asked.level(reply.number(5)?);
    let (whose, limits) = level.ok_or_else(|| reply.unexpected())?;
    let day = instant_of_day(reply.number(4)?);
    let (name, limit, resets_at) = match reply.text(1) {
        "monthly_spend" => (
            LimitName::MonthlySpend,
            limits.monthly(),
            clock::next_month(day),
        ),
        "daily_spend" => (LimitName::DailySpend, limits.daily(), clock::next_day(day)),
        _ => return Err(reply.unexpected()),
    };
    let limit = limit.ok_or_else(|| reply.unexpected())?;
    Ok(Refused::SpendLimit {
        whose,
        name,
        spent: reply.nanos(2)?,
        reserved: reply.nanos(3)?,
        limit,
        resets_at,
    })
}

fn rate_refusal(asked: &Reservation, reply: &Reply) -> Result<Refused, StoreError> {
    let level = asked.level(reply.number(4)?);
    let (whose, limits) = level.ok_or_else(|| reply.unexpected())?;
    let (name, limit) = match reply.text(1) {
        "requests_per_day" => (LimitName::RequestsPerDay, limits.requests_per_day),
        "requests_per_minute" => (LimitName::RequestsPerMinute, limits.requests_per_minute),
        _ => return Err(reply.unexpected()),
    };
    let limit = limit.ok_or_else(|| reply.unexpected())?;
    let (now, resets_at) = (reply.instant(2)?, reply.instant(3)?);
    Ok(Refused::RateLimit {
        whose,
        name,
        limit,
        retry_after_seconds: seconds_until(now, resets_at),
        resets_at,
    })
}
