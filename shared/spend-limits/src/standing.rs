//! How limits stand, for pages and for apps: read from what enforces.

use events::LimitName;

use crate::{
    above::{Above, OwnersAbove},
    bucket::Bucket,
    connection::SpendLimits,
    epoch::Epoch,
    error::LimitsError,
    hold::Counters,
    limits::{Amount, CallLimits, LimitStanding},
    script::{Call, Reply, STANDING},
};

impl SpendLimits {
    /// How the limits of one bucket stand, in the order month, day, requests per minute and day.
    ///
    /// # Errors
    /// When Redis cannot be asked, or no epoch is open.
    pub async fn standing(
        &self,
        bucket: Bucket,
        limits: &CallLimits,
    ) -> Result<Vec<LimitStanding>, LimitsError> {
        self.settle_waiting(bucket, &OwnersAbove::NONE).await;
        let call = |epoch| self.standing_call(bucket, epoch);
        let (_, reply) = self.in_open_epoch(&STANDING, call).await?;
        read_standing(&reply, limits)
    }

    /// How the limits of one grant stand that has others or budgets above it: its own limits and what
    /// is spent of them, and what really remains, which is no more than remains above.
    ///
    /// # Errors
    /// When Redis cannot be asked, or no epoch is open.
    pub async fn standing_under(
        &self,
        bucket: Bucket,
        limits: &CallLimits,
        above: &Above,
    ) -> Result<Vec<LimitStanding>, LimitsError> {
        if above.owners().is_empty() {
            return self.standing(bucket, limits).await;
        }
        self.settle_waiting(bucket, above.owners()).await;
        let all: Vec<_> = above
            .owners()
            .buckets(bucket)
            .zip(std::iter::once(*limits).chain(above.refusing().iter().copied()))
            .collect();
        let mut standings = self.standings(&all).await?.into_iter();
        let own = standings.next().unwrap_or_default();
        Ok(standings.fold(own, |own, above| tightest(own, &above)))
    }

    /// How the limits of many buckets stand, in the order asked.
    ///
    /// # Errors
    /// When Redis cannot be asked, or no epoch is open.
    pub async fn standings(
        &self,
        buckets: &[(Bucket, CallLimits)],
    ) -> Result<Vec<Vec<LimitStanding>>, LimitsError> {
        let Some(epoch) = self.position().await?.0 else {
            return Err(LimitsError::NotReady);
        };
        let calls: Vec<_> = buckets
            .iter()
            .map(|(bucket, _)| self.standing_call(*bucket, epoch))
            .collect();
        let replies = self.run_many(&STANDING, &calls).await?;
        replies
            .iter()
            .zip(buckets)
            .map(|(reply, (_, limits))| read_standing(reply, limits))
            .collect()
    }

    fn standing_call(&self, bucket: Bucket, epoch: Epoch) -> Call {
        let keys = &self.shared.keys;
        Call {
            keys: [keys.epoch(), keys.counters(epoch, bucket)]
                .into_iter()
                .chain(keys.minute(epoch, bucket))
                .collect(),
            args: [epoch.to_string(), self.time()].into(),
        }
    }
}

/// How limits stand under others: of each, no more remains than of the same limit above.
#[must_use]
pub fn tightest(mut own: Vec<LimitStanding>, above: &[LimitStanding]) -> Vec<LimitStanding> {
    for standing in &mut own {
        let same = above.iter().find(|above| above.name == standing.name);
        if let Some(tighter) = same.filter(|above| above.remaining < standing.remaining) {
            standing.remaining = tighter.remaining;
            standing.resets_at = tighter.resets_at;
        }
    }
    own
}

fn read_standing(reply: &Reply, limits: &CallLimits) -> Result<Vec<LimitStanding>, LimitsError> {
    match reply.word() {
        "STANDING" => {}
        "NOT_READY" | "BEHIND" => return Err(LimitsError::NotReady),
        _ => return Err(reply.unexpected().into()),
    }
    let counters = Counters::read(reply, 0)?;
    let month = limits.monthly().map(|limit| LimitStanding {
        name: LimitName::MonthlySpend,
        limit: Amount::Money(limit),
        spent: Amount::Money(counters.month_settled),
        reserved: Amount::Money(counters.month_held),
        remaining: Amount::Money(limit.remaining_after(counters.month_used())),
        resets_at: counters.month_ends(),
    });
    let day = limits.daily().map(|limit| LimitStanding {
        name: LimitName::DailySpend,
        limit: Amount::Money(limit),
        spent: Amount::Money(counters.day_settled),
        reserved: Amount::Money(counters.day_held),
        remaining: Amount::Money(limit.remaining_after(counters.day_used())),
        resets_at: counters.day_ends(),
    });
    let requests = |name, limit: u32, used: u64, resets_at| LimitStanding {
        name,
        limit: Amount::Requests(u64::from(limit)),
        spent: Amount::Requests(used),
        reserved: Amount::Requests(0),
        remaining: Amount::Requests(u64::from(limit).saturating_sub(used)),
        resets_at,
    };
    let per_minute = limits.requests_per_minute.map(|limit| {
        let eases = counters.minute_eases();
        requests(
            LimitName::RequestsPerMinute,
            limit,
            counters.requests_in_minute,
            eases,
        )
    });
    let per_day = limits.requests_per_day.map(|limit| {
        requests(
            LimitName::RequestsPerDay,
            limit,
            counters.requests_today,
            counters.day_ends(),
        )
    });
    Ok([month, day, per_minute, per_day]
        .into_iter()
        .flatten()
        .collect())
}
