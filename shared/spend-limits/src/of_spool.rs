//! Holds of one spool: what a proxy that died has left in the limits, whether its calls began or not.

use std::fmt;

use ids::CallId;
use uuid::Uuid;

use crate::{
    above::OwnersAbove,
    connection::SpendLimits,
    epoch::Epoch,
    error::{LimitsError, StoreError},
    hold::Hold,
    script::{Call, OF_SPOOL, Reply},
};

/// About how many holds are looked at in one round trip: Redis answers nobody else meanwhile.
const LOOKED_AT: usize = 200;
/// The values of one hold in an answer.
const VALUES: usize = 4;

/// Where the beginning of a call is written down before its provider is asked. Who has all that was
/// written there from `segment` on, and finds no such line, knows that the call was never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolPlace {
    /// Names the spool of one process, among all that there ever were.
    pub spool: u64,
    /// The part of it that was written to when the hold was asked for, or an earlier one.
    pub segment: u64,
}

impl fmt::Display for SpoolPlace {
    /// As a hold notes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":@{:016x}.{}", self.spool, self.segment)
    }
}

/// A hold of a spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolHold {
    /// Names it.
    pub hold: Hold,
    /// [`SpoolPlace::segment`].
    pub segment: u64,
}

impl SpendLimits {
    /// The holds that were asked for with this spool and have not ended. One that comes or goes
    /// meanwhile may be among them or not.
    ///
    /// # Errors
    /// When Redis cannot be asked, or no epoch is open.
    pub async fn of_spool(&self, spool: u64) -> Result<Vec<SpoolHold>, LimitsError> {
        let (mut found, mut cursor) = (Vec::new(), "0".to_owned());
        loop {
            let (epoch, reply) = self
                .in_open_epoch(&OF_SPOOL, |epoch| self.of_spool_call(spool, &cursor, epoch))
                .await?;
            if reply.word() != "HOLDS" {
                return Err(reply.unexpected().into());
            }
            for first in (2..reply.0.len()).step_by(VALUES) {
                found.push(read(&reply, first, epoch)?);
            }
            reply.text(1).clone_into(&mut cursor);
            if cursor == "0" {
                return Ok(found);
            }
        }
    }

    fn of_spool_call(&self, spool: u64, cursor: &str, epoch: Epoch) -> Call {
        let keys = &self.shared.keys;
        Call {
            keys: [keys.epoch(), keys.holds(epoch)].into(),
            args: [
                epoch.to_string(),
                cursor.to_owned(),
                LOOKED_AT.to_string(),
                keys.before_bucket(epoch),
                format!("{spool:016x}"),
            ]
            .into(),
        }
    }
}

fn read(reply: &Reply, first: usize, epoch: Epoch) -> Result<SpoolHold, StoreError> {
    let text = |nth| reply.text(first + nth);
    let unexpected = || reply.unexpected();
    let call = Uuid::try_parse(text(1)).map_err(|_| unexpected())?;
    Ok(SpoolHold {
        hold: Hold {
            bucket: text(0).parse().map_err(|_| unexpected())?,
            above: OwnersAbove::read(text(3)).ok_or_else(unexpected)?,
            call: CallId::from_uuid(call),
            epoch,
        },
        segment: text(2).parse().map_err(|_| unexpected())?,
    })
}
