//! Holds that nobody settled in time: their proxy died, or lost its way.

use std::str::FromStr;

use ids::{CallId, Id, Kind};
use jiff::Timestamp;
use money::Nanodollars;
use uuid::Uuid;

use crate::{
    above::OwnersAbove,
    bucket::Bucket,
    connection::SpendLimits,
    error::LimitsError,
    hold::Hold,
    script::{Call, OVERDUE, Reply},
};

/// A hold past its deadline. It counts until it is settled: nothing is given back without evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueHold {
    /// What to settle.
    pub hold: Hold,
    /// The worst case that is held.
    pub amount: Nanodollars,
    /// When it was reserved.
    pub at: Timestamp,
    /// When it should have been settled at the latest.
    pub deadline: Timestamp,
}

impl SpendLimits {
    /// Up to `most` holds past their deadline, the oldest first, but for the first `without` of them.
    /// Billing settles each whose call is recorded at what it cost.
    ///
    /// # Errors
    /// When Redis cannot be asked, or no epoch is open.
    pub async fn overdue(&self, without: u32, most: u16) -> Result<Vec<OverdueHold>, LimitsError> {
        let keys = &self.shared.keys;
        let (epoch, reply) = self
            .in_open_epoch(&OVERDUE, |epoch| Call {
                keys: [keys.epoch(), keys.holds(epoch)].into(),
                args: [
                    epoch.to_string(),
                    self.time(),
                    without.to_string(),
                    most.to_string(),
                    keys.before_bucket(epoch),
                ]
                .into(),
            })
            .await?;
        if reply.word() != "OVERDUE" {
            return Err(reply.unexpected().into());
        }
        (1..reply.0.len())
            .step_by(6)
            .map(|first| {
                let bucket: Bucket = reply
                    .text(first)
                    .parse()
                    .map_err(|_| LimitsError::from(reply.unexpected()))?;
                let call: CallId = id(&reply, first + 1)?;
                let above = OwnersAbove::read(reply.text(first + 5))
                    .ok_or_else(|| LimitsError::from(reply.unexpected()))?;
                Ok(OverdueHold {
                    hold: Hold {
                        bucket,
                        above,
                        call,
                        epoch,
                    },
                    amount: reply.nanos(first + 2)?,
                    deadline: reply.instant(first + 3)?,
                    at: reply.instant(first + 4)?,
                })
            })
            .collect()
    }
}

fn id<K: Kind>(reply: &Reply, index: usize) -> Result<Id<K>, LimitsError> {
    Uuid::from_str(reply.text(index))
        .map(Id::from_uuid)
        .map_err(|_| LimitsError::from(reply.unexpected()))
}
