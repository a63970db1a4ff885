//! Stage three: the worst case of the call is held against every limit of its grant, and of what
//! stands above it.
//!
//! This file alone holds anything.

use std::{sync::Arc, time::Duration};

use events::{CallOutcome, CallRecord, Capability, GrantedLimits, Measurement, ShadowLimits};
use grant_access::Budget;
use ids::CallId;
use money::Nanodollars;
use price_book::Price;
use spend_limits::{
    Bucket, CallLimits, Held, Hold, Owner, OwnersAbove, Refused, RequestsLeft, Reservation,
    SpendLimits, Spent, SpoolPlace,
};

use crate::{
    call::{
        above::{self, above},
        authorize::Authorized,
        estimate::{Estimate, estimate},
        gate::Gate,
        settle::{OpenCall, Terms},
        shadows::Watched,
        tokens,
    },
    error::{GrantedAt, Refusal},
    provider::Priced,
    spool::HoldNote,
};

/// After a call's longest time, this much longer before somebody else may settle it.
const BEYOND: Duration = Duration::from_secs(120);

/// The worst case of one call, held.
#[derive(Debug)]
pub struct Holding {
    held: Held,
}

impl Holding {
    /// Ends the hold at what the call cost, behind the caller's back. What does not reach the
    /// limits now is booked later.
    pub fn settle(&self, limits: &SpendLimits, cost: Nanodollars) {
        let cost = cost.clamp(Nanodollars::ZERO, money::LARGEST_LIMIT);
        limits.settle_behind(&self.held, cost);
    }

    /// Waits until the limits know of it where that matters to the next call: where this hold left
    /// no room for another like it.
    pub async fn settled(&self, limits: &SpendLimits) {
        if self.held.leaves_no_room() {
            // In a box, for the many that leave room not to carry it along.
            Box::pin(limits.settled(&self.held)).await;
        }
    }

    /// What of this hold is kept beside the record, for [`spent`].
    #[must_use]
    pub fn note(&self) -> HoldNote {
        HoldNote {
            epoch: self.held.epoch.to_string(),
            at: self.held.at,
        }
    }

    /// What is left of the tightest spend limit after this hold.
    #[must_use]
    pub fn remaining(&self) -> Option<Nanodollars> {
        self.held.remaining
    }

    /// What is left of it once this hold ends at `cost`.
    #[must_use]
    pub fn remaining_at(&self, cost: Nanodollars) -> Option<Nanodollars> {
        let before = self.held.remaining?.checked_add(self.held.amount)?;
        Some(before.remaining_after(cost))
    }

    /// The limits on requests, each with its window in seconds.
    pub fn requests(&self) -> impl Iterator<Item = (&'static str, u32, RequestsLeft)> {
        let minute = self
            .held
            .requests_per_minute
            .map(|left| ("minute", 60, left));
        let day = self
            .held
            .requests_per_day
            .map(|left| ("day", events::SECONDS_PER_DAY, left));
        minute.into_iter().chain(day)
    }
}

/// A call whose worst case is held. It has not been sent.
pub struct Reserved {
    pub(crate) authorized: Authorized,
    pub(crate) estimate: Estimate,
    pub(crate) open: OpenCall,
}

impl Authorized {
    /// Holds the worst case: one round trip, all limits of the grant, of those above it and of the
    /// budgets that cover it, or none.
    ///
    /// # Errors
    /// When the call has no bound, a limit is in the way, or the limits cannot be checked.
    pub async fn reserve(mut self, gate: &Arc<Gate>) -> Result<Reserved, Refusal> {
        let upstream = &self.received.route.upstream;
        let price = upstream.price(gate.prices, &self.ask.model, self.began_at);
        // Such a model may write images without being asked to.
        let is_charged = self.received.route.endpoint.is_charged();
        if is_charged && price.as_deref().is_some_and(Price::writes_images) {
            self.expect(Capability::Images)?;
        }
        let estimate = self.bound(gate, price.as_deref(), &self.limits)?;
        if let (Some(cap), Some(price)) = (&self.ask.price_cap, &price) {
            cap.write(price.listed(), &mut self.ask.edits);
        }
        let open = self.hold(gate, price, estimate, false).await?;
        Ok(Reserved {
            authorized: self,
            estimate,
            open,
        })
    }

    /// Counts a call that is answered from the cache, and holds nothing for it.
    ///
    /// # Errors
    /// As of [`Authorized::reserve`]: its rate limits are in the way of it as of any call.
    pub(super) async fn reserve_nothing(&self, gate: &Arc<Gate>) -> Result<OpenCall, Refusal> {
        self.hold(gate, None, Estimate::FREE, true).await
    }

    /// The worst case of the call under these limits.
    fn bound(
        &self,
        gate: &Gate,
        price: Option<&Price>,
        limits: &GrantedLimits,
    ) -> Result<Estimate, Refusal> {
        let route = &self.received.route;
        let (provider, cap) = (route.upstream.name(), gate.bounds.output_cap);
        estimate(provider, route.endpoint, &self.ask, price, limits, cap)
    }

    async fn hold(
        &self,
        gate: &Arc<Gate>,
        price: Option<Priced>,
        estimate: Estimate,
        cached: bool,
    ) -> Result<OpenCall, Refusal> {
        let provider = self.received.route.upstream.name();
        let budgets = above::budgets(gate, &self.access, provider).await?;
        let fits = |shadow: &ShadowLimits| {
            let limits = shadow.upon(&self.limits);
            cached || self.bound(gate, price.as_deref(), &limits).is_ok()
        };
        let watched = Watched::of(&self.access, (provider, &budgets), fits);
        let call = CallId::new(self.began_at);
        let reservation = Reservation {
            bucket: Bucket::new(self.access.grant, provider),
            call,
            worst_case: estimate.cost,
            limits: CallLimits::from(&self.limits),
            above: watched.beside(above(&self.access, provider, &budgets)?),
            lasts: gate.bounds.total + gate.bounds.drain + BEYOND,
            place: place(gate),
        };
        let held = gate.limits.reserve(&reservation).await.map_err(|refused| {
            if matches!(refused, Refused::Revoked) {
                gate.access.forget(self.access.grant);
            }
            let at = GrantedAt {
                grant: self.access.grant,
                provider: provider.clone(),
            };
            refusal(refused, estimate.cost, at, &budgets)
        })?;
        let version = price.as_ref().map_or_else(
            || gate.prices.version().to_owned(),
            |price| price.version(gate.prices),
        );
        let endpoint = self.received.route.endpoint;
        let input = &self.ask.input;
        let reads_media = price.as_deref().is_some_and(|price| {
            price.reads_apart(input.sounds, input.images > 0, input.whole_window)
        });
        let writes_media = price.as_deref().is_some_and(Price::writes_media);
        let terms = Terms {
            reads_media: reads_media && !endpoint.is_media(),
            writes_media: writes_media && !endpoint.is_media(),
            price,
            estimate,
            asked_tier: self.ask.service_tier.clone(),
            tells_cost: self.received.route.upstream.resells,
        };
        let mut record = self.record(&held, &estimate, &budgets, version);
        record.cached = cached;
        record.shadows = watched.verdicts(&held);
        Ok(OpenCall::new(
            Arc::clone(gate),
            record,
            Holding { held },
            terms,
        ))
    }

    /// The record of this call if nothing more is ever heard of it.
    ///
    /// It began when it was held, by the clock of the limits: its day in the books must be the day whose
    /// limits it counted against, or these would have it in another when they are restored from the books.
    fn record(
        &self,
        held: &Held,
        estimate: &Estimate,
        budgets: &[Budget],
        price_version: String,
    ) -> CallRecord {
        let route = &self.received.route;
        CallRecord {
            call: held.call,
            tenant: self.access.tenant,
            grant: self.access.grant,
            ancestors: (self.access.ancestors.iter())
                .map(|ancestor| ancestor.grant)
                .collect(),
            budgets: budgets.iter().map(|budget| budget.id).collect(),
            shadows: Vec::new(),
            user: self.access.user,
            app: self.access.app.app,
            app_name: self.access.app.name.clone(),
            provider: route.upstream.name().clone(),
            key: self.key,
            // Known when the key is opened, before anything is sent.
            key_version: 0,
            model: self.ask.model.clone(),
            capability: self.capability,
            route: route.endpoint.template().to_owned(),
            stream: self.ask.stream,
            cached: false,
            began_at: held.at,
            ended_at: held.at,
            provider_status: None,
            outcome: CallOutcome::ProxyLost,
            usage: tokens::recorded(&estimate.usage()),
            measurement: Measurement::Estimated,
            reserved: estimate.cost,
            cost: estimate.cost,
            price_version,
            request_id: self.received.shape.request_id.clone(),
        }
    }
}

/// Where the beginning of a call would be written down now.
fn place(gate: &Gate) -> Option<SpoolPlace> {
    let (spool, segment) = (gate.spool.number()?, gate.spool.segment());
    Some(SpoolPlace { spool, segment })
}

fn refusal(refused: Refused, needed: Nanodollars, at: GrantedAt, budgets: &[Budget]) -> Refusal {
    let own = Owner::Grant(at.grant);
    let whose = |owner| {
        if owner == own {
            ""
        } else {
            " of the grant that this one was made from"
        }
    };
    match refused {
        Refused::SpendLimit {
            whose: Owner::Budget(budget),
            name,
            resets_at,
            ..
        } => above::refusal_of(budget, budgets, name, needed, resets_at),
        Refused::SpendLimit {
            whose: owner,
            name,
            spent,
            reserved,
            limit,
            resets_at,
        } => Refusal::SpendLimit {
            limit_name: name,
            whose: whose(owner),
            spent,
            reserved,
            limit,
            needed,
            resets_at,
            at: Box::new(at),
        },
        Refused::RateLimit {
            whose: owner,
            name,
            limit,
            retry_after_seconds,
            ..
        } => Refusal::RateLimit {
            limit_name: name,
            whose: whose(owner),
            limit,
            retry_after_seconds,
        },
        Refused::Revoked => Refusal::TokenRevoked,
        Refused::AmountOutOfRange(_) => Refusal::Request {
            message: format!("this call may cost up to {needed} USD, more than any limit allows"),
            param: None,
        },
        Refused::NotReady => Refusal::VaultUnavailable,
        Refused::Unavailable(error) => {
            tracing::error!(%error, cause = ?std::error::Error::source(&error), "limits cannot be checked");
            Refusal::VaultUnavailable
        }
        Refused::Duplicate => Refusal::Fault,
    }
}

/// A call that ended and whose record may not have reached the ledger, as the limits are told of
/// it when they begin anew. `None` for a note that this version cannot read.
#[must_use]
pub fn spent(record: &CallRecord, note: &HoldNote) -> Option<Spent> {
    let bucket = Bucket::new(record.grant, &record.provider);
    let hold = Hold {
        bucket,
        above: OwnersAbove::of(&record.ancestors, &record.budgets)?
            .with_shadows(&record.counted_shadows().collect::<Vec<_>>())?,
        call: record.call,
        epoch: note.epoch.parse().ok()?,
    };
    Some(Spent {
        hold,
        actual: record.cost,
        at: note.at,
    })
}
