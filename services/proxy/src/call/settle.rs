//! The last stage: the hold ends at what the call cost, and its one record is written.
//!
//! A call that is reserved is an [`OpenCall`] until it is settled. However it goes — answered,
//! refused, abandoned, panicked — the hold ends once: by [`OpenCall::settle`], or, if that was never
//! reached, when the value is dropped, as the evidence says by then.

use std::{sync::Arc, time::Duration};

use events::{CallOutcome, CallRecord, Measurement};
use jiff::{SignedDuration, Timestamp};
use money::{LARGEST_LIMIT, Nanodollars};
use price_book::{Price, TokenUsage, Unit};

use crate::{
    call::{
        estimate::{Estimate, regional},
        gate::Gate,
        meter::Reading,
        reserve::Holding,
        tally, tokens,
    },
    provider::Priced,
    spool::{Began, SpoolError},
};

/// A reserved call that is not settled.
pub struct OpenCall(Option<Box<Parts>>);

struct Parts {
    gate: Arc<Gate>,
    record: CallRecord,
    holding: Holding,
    terms: Terms,
    /// There once it is written down that it begins.
    began: Option<Began>,
    /// That is certain, and the provider may have been asked.
    may_be_sent: bool,
    began_instant: std::time::Instant,
}

/// What the cost of a call is counted by.
pub struct Terms {
    /// The price, where it is charged.
    pub price: Option<Priced>,
    /// Some of its input may be other than text, at a rate of its own.
    pub reads_media: bool,
    /// Some of its output may be other than text, at a rate of its own.
    pub writes_media: bool,
    /// The most it can use.
    pub estimate: Estimate,
    /// The service tier that the app asked for.
    pub asked_tier: Option<String>,
    /// The provider's own word on the cost of a call counts.
    pub tells_cost: bool,
}

/// How a call that was sent came to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// In one word.
    pub outcome: CallOutcome,
    /// What the provider answered with.
    pub status: Option<u16>,
    /// What it cost.
    pub evidence: Evidence,
}

/// What is known of what a call used.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// The provider refused it, or never got it: nothing was used.
    Nothing,
    /// What the meter read of the answer.
    Reading(Box<Reading>),
    /// Nothing is known, as after a gateway's error: it may have used all that was held.
    None,
}

/// Of input and of output: whether kinds that cost more than text may be in it, untold.
type Mixed = (bool, bool);

/// A call that is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What it cost.
    pub cost: Nanodollars,
    /// What is left of the tightest spend limit.
    pub remaining: Option<Nanodollars>,
    /// The whole answer came, and what it used is known.
    pub is_whole: bool,
}

impl OpenCall {
    pub(crate) fn new(gate: Arc<Gate>, record: CallRecord, holding: Holding, terms: Terms) -> Self {
        let began_instant = std::time::Instant::now();
        // In a box: it passes from stage to stage.
        Self(Some(Box::new(Parts {
            gate,
            record,
            holding,
            terms,
            began: None,
            may_be_sent: false,
            began_instant,
        })))
    }

    /// Writes down that the call begins: from here on the provider may be asked.
    ///
    /// # Errors
    /// When it cannot be written down; then the call must not be sent.
    pub async fn begin(&mut self, key_version: i32) -> Result<(), SpoolError> {
        let Some(parts) = &mut self.0 else {
            return Err(SpoolError::Closed);
        };
        parts.record.key_version = key_version;
        let note = parts.holding.note();
        let spool = &parts.gate.spool;
        let began = parts.began.insert(spool.began(&parts.record, &note)?);
        spool.on_disk(began).await?;
        parts.may_be_sent = true;
        Ok(())
    }

    /// The call, its provider and the key that pays; for those who must be told of it.
    #[must_use]
    pub fn record(&self) -> Option<&CallRecord> {
        self.0.as_ref().map(|parts| &parts.record)
    }

    /// The hold, for the headers of an answer that is not settled yet.
    #[must_use]
    pub fn holding(&self) -> Option<&Holding> {
        self.0.as_ref().map(|parts| &parts.holding)
    }

    /// Gives back what is held for a call that is not sent. When this returns, the limits know of it
    /// where that matters to the next call.
    pub async fn give_back(mut self) {
        if let Some(mut parts) = self.0.take() {
            parts.end_unsent();
            parts.holding.settled(&parts.gate.limits).await;
        }
    }

    /// Settles a call that was sent. When this returns, its record is written down, and the limits
    /// are being told its cost behind the caller's back; near a limit they know it. Dropped halfway,
    /// the rest is done behind.
    pub async fn settle(mut self, ending: Ending) -> Settled {
        let Some(mut parts) = self.0.take() else {
            return Settled {
                cost: Nanodollars::ZERO,
                remaining: None,
                is_whole: false,
            };
        };
        parts.finish(&ending);
        let Parts {
            gate,
            record,
            holding,
            began,
            ..
        } = &*parts;
        let remaining = holding.remaining_at(record.cost);
        // The record first: it is the truth that limits are restored from.
        let written = (began.as_ref()).map(|began| gate.spool.ended(began, record));
        // Before anything is waited for: nobody may come back to this.
        holding.settle(&gate.limits, record.cost);
        if let Some(written) = written
            && let Err(error) = written.await
        {
            tracing::error!(%error, call.id = %record.call, "a call's record waits for the disk");
        }
        holding.settled(&gate.limits).await;
        Settled {
            cost: record.cost,
            remaining,
            is_whole: record.outcome == CallOutcome::Completed
                && record.measurement == Measurement::Measured,
        }
    }
}

impl Parts {
    /// The call was never sent: nothing was used. Where its beginning was written down, so is that.
    fn end_unsent(&mut self) {
        if let Some(began) = self.began.take() {
            self.finish(&Ending {
                outcome: CallOutcome::ClientGone,
                status: None,
                evidence: Evidence::Nothing,
            });
            self.gate.spool.ended_unwatched(&began, &self.record);
        }
        self.holding.settle(&self.gate.limits, Nanodollars::ZERO);
    }

    /// Makes the record final.
    ///
    /// Its end is told by the clock of its beginning, the limits' clock, which tells whole milliseconds:
    /// so much later as the call lasted. By this proxy's own clock, a call could end after the next one of
    /// the same request began.
    fn finish(&mut self, ending: &Ending) {
        let (usage, measurement, cost) = self.evaluate(ending);
        let lasted = self.began_instant.elapsed();
        let record = &mut self.record;
        record.ended_at = end_of(record.began_at, lasted);
        record.provider_status = ending.status;
        record.outcome = ending.outcome;
        record.usage = tokens::recorded(&usage);
        record.measurement = measurement;
        record.cost = cost;
        if record.exceeded_its_reservation() {
            metrics::counter!("latchkey_calls_above_reservation_total").increment(1);
            tracing::warn!(call.id = %record.call, cost = %record.cost, reserved = %record.reserved,
                "a call cost more than was held for it");
        }
        tally::count(record, lasted);
    }

    fn evaluate(&self, ending: &Ending) -> (TokenUsage, Measurement, Nanodollars) {
        let nothing = (
            TokenUsage::default(),
            Measurement::Measured,
            Nanodollars::ZERO,
        );
        let reading = match &ending.evidence {
            Evidence::Nothing => return nothing,
            // Lists and counts cost nothing, so there is nothing to tell.
            _ if self.terms.estimate == Estimate::FREE => return nothing,
            Evidence::Reading(reading) => Some(reading),
            Evidence::None => None,
        };
        let named = reading.and_then(|reading| reading.service_tier.as_deref());
        let tier = named.or(self.terms.asked_tier.as_deref());
        let unit = self.terms.price.as_deref().and_then(Price::unit);
        if reading.is_some() && unit == Some(Unit::Characters) {
            // They stand in the request, and are charged however they sound.
            return (
                self.terms.estimate.usage(),
                Measurement::Measured,
                self.record.reserved,
            );
        }
        let is_regional = reading.is_some_and(|reading| reading.is_regional);
        let regionally = |cost| if is_regional { regional(cost) } else { cost };
        let told = reading.and_then(|reading| reading.told);
        if let Some(told) = told.filter(|told| is_counted_in(told, unit)) {
            let cost = reading.and_then(|reading| self.told_cost(reading));
            if let Some(cost) = cost {
                return (told, Measurement::Measured, cost);
            }
            let mixed = reading.map_or((false, false), |reading| self.mixed(reading));
            let measurement = match mixed {
                (false, false) => Measurement::Measured,
                _ => Measurement::Estimated,
            };
            return (
                told,
                measurement,
                regionally(self.cost(&told, (tier, mixed))),
            );
        }
        if let Some(so_far) = reading.and_then(|reading| reading.so_far) {
            // The input is known; of the output, the most it can have been.
            let output = self.terms.estimate.output.max(so_far.output);
            let usage = TokenUsage { output, ..so_far };
            // Whatever kind that would have been.
            let heard = reading.is_some_and(|reading| self.mixed(reading).0);
            let cost = self.cost(&usage, (tier, (heard, true)));
            return (usage, Measurement::Estimated, regionally(cost));
        }
        let mut usage = self.terms.estimate.usage();
        if ending.outcome == CallOutcome::Completed && unit == Some(Unit::Seconds) {
            // It was heard, and nobody says how long it is.
            usage.audio_seconds = self.terms.estimate.likely_seconds;
            let cost = self.cost(&usage, (tier, (false, false)));
            return (usage, Measurement::Estimated, cost);
        }
        (usage, Measurement::Estimated, self.record.reserved)
    }

    /// What the provider says it charged, where that counts.
    fn told_cost(&self, reading: &Reading) -> Option<Nanodollars> {
        let told = reading.told_cost.filter(|_| self.terms.tells_cost)?;
        Some(told.clamp(Nanodollars::ZERO, LARGEST_LIMIT))
    }

    /// Whether input and output may be of kinds with other rates than text, and nothing tells how much.
    const fn mixed(&self, reading: &Reading) -> Mixed {
        (
            self.terms.reads_media && !reading.splits_input,
            self.terms.writes_media && !reading.splits_output,
        )
    }

    fn cost(
        &self,
        usage: &TokenUsage,
        (service_tier, mixed): (Option<&str>, Mixed),
    ) -> Nanodollars {
        let Some(price) = &self.terms.price else {
            return Nanodollars::ZERO;
        };
        let of = |price: &Price| match mixed {
            (false, false) => price.cost(usage),
            mixed => price.cost_of_dearest_kinds(usage, mixed),
        };
        let cost = match service_tier.map(str::to_ascii_lowercase) {
            None => of(price),
            Some(tier) => match price.in_service_tier(&tier) {
                Some(price) => of(price),
                // Nobody says what this tier costs: no more than the dearest that is known.
                None => price.cost_in_any_service_tier(usage).max(of(price)),
            },
        };
        cost.clamp(Nanodollars::ZERO, LARGEST_LIMIT)
    }
}

/// When a call ended that began then and lasted so long. Both are rounded down to milliseconds, so it is
/// never after one that was held later.
fn end_of(began_at: Timestamp, lasted: Duration) -> Timestamp {
    let lasted = i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX);
    began_at
        .saturating_add(SignedDuration::from_millis(lasted))
        .unwrap_or(began_at)
}

/// Whether usage that was told is in what the model counts: seconds say nothing of tokens, nor the
/// other way round.
fn is_counted_in(told: &TokenUsage, unit: Option<Unit>) -> bool {
    if unit == Some(Unit::Seconds) {
        return told.audio_seconds > 0;
    }
    told.audio_seconds == 0 || told.input > 0
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let Some(mut parts) = self.0.take() else {
            return;
        };
        let may_be_sent = parts.may_be_sent;
        let Some(began) = parts.began.take_if(|_| may_be_sent) else {
            parts.end_unsent();
            return;
        };
        let ending = Ending {
            outcome: CallOutcome::ClientGone,
            status: None,
            evidence: Evidence::None,
        };
        parts.finish(&ending);
        let Parts {
            gate,
            record,
            holding,
            ..
        } = &*parts;
        gate.spool.ended_unwatched(&began, record);
        holding.settle(&gate.limits, record.cost);
    }
}

#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;
