//! Whether there is room for another request, and whether its app is welcome at all.
//!
//! At a handle nothing is proven of an app before the browser comes back to it: anyone who knows the
//! handle can ask in anyone's name. So everybody there shares one allowance, and what one app has
//! used up it has used up at that handle alone; a ticket or another handle goes on as ever.

use std::time::Duration;

use events::{AppIdentity, AppKey, Transport};
use ids::{HandleId, UserId};
use jiff::{SignedDuration, Timestamp};
use postgres::{DatabaseError, Tx};

use super::{RequestError, Requests, projection};
use crate::{app_key, blocked_app, vault::one_at_a_time};

/// How many undecided requests one handle brings at a time.
pub const OPEN_AT_HANDLE: i64 = 5;
/// How many requests that were not approved one handle brings within a day.
pub const A_DAY_AT_HANDLE: i64 = 20;
/// How many that nobody was asked about, within a day: beyond it nothing is even written down.
const UNASKED_A_DAY: i64 = 100;
/// How often in a row a person denies the app of one domain at one handle before they are not asked
/// any more for a day.
pub const DENIALS: i64 = 3;
const DAY: SignedDuration = SignedDuration::from_hours(24);

const BROUGHT_BY: &str = "
    -- consent.requests_brought_by_handle
    SELECT count(*) FILTER (WHERE state = 'pending' AND expires_at > $2) AS open,
           count(*) FILTER (WHERE state <> 'approved' AND NOT unasked) AS unapproved,
           count(*) FILTER (WHERE unasked) AS unasked
      FROM consent.access_requests
     WHERE handle_id = $1 AND received_at > $3";

const LAST_DECIDED: &str = "
    -- consent.last_decided_of_app_at_handle
    SELECT state = 'denied' AS denied, decided_at
      FROM consent.access_requests
     WHERE handle_id = $1 AND app_key = $2 AND state IN ('approved', 'denied') AND NOT unasked
     ORDER BY decided_at DESC
     LIMIT $3";

/// What a handle has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Brought {
    /// How many undecided requests.
    open: i64,
    /// How many that were not approved, of late.
    unapproved: i64,
    /// How many that nobody was asked about, of late.
    unasked: i64,
}

impl Requests {
    /// Refuses when a person has as many undecided requests as one may have. Those that came
    /// through their own browser are counted apart: nobody who knows an address can stand in their
    /// way. Whoever adds one in the same transaction is the only one to do so until it ends.
    ///
    /// # Errors
    /// When the inbox is full or the database refuses.
    pub async fn look_for_room(
        &self,
        tx: &Tx,
        user: UserId,
        transport: Transport,
    ) -> Result<(), RequestError> {
        let (now, most) = (self.vault.clock.now(), self.vault.policy.pending_requests);
        // Once without waiting for anybody: who fills an inbox does not hold up connections, too.
        if projection::count_pending_like(tx, user, transport, now).await? >= most {
            return Err(RequestError::Full);
        }
        one_at_a_time(tx, user).await?;
        if projection::count_pending_like(tx, user, transport, now).await? >= most {
            return Err(RequestError::Full);
        }
        Ok(())
    }

    /// Refuses when a handle has brought as many requests as one may. The caller is the only one to
    /// add to its person's: see [`Self::look_for_room`].
    ///
    /// # Errors
    /// When it has, or the database refuses.
    pub(super) async fn look_for_room_at(
        &self,
        tx: &Tx,
        handle: HandleId,
    ) -> Result<(), RequestError> {
        let now = self.vault.clock.now();
        let brought = brought_by(tx, handle, now, now - DAY).await?;
        let full = brought.open >= OPEN_AT_HANDLE
            || brought.unapproved >= A_DAY_AT_HANDLE
            || brought.unasked >= UNASKED_A_DAY;
        if full {
            metrics::counter!("latchkey_throttled_total", "limit" => "handle").increment(1);
            return Err(RequestError::Full);
        }
        Ok(())
    }

    /// Whether the person is not to be asked: they block the app, or have just denied the app of
    /// this domain three times in a row at this handle.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn is_unwelcome(
        &self,
        tx: &Tx,
        user: UserId,
        app: &AppIdentity,
        handle: Option<HandleId>,
    ) -> Result<bool, DatabaseError> {
        let keys = app_key::blockable(app, handle);
        if !keys.is_empty() && blocked_app::projection::blocks(tx, user, &keys).await? {
            return Ok(true);
        }
        match (handle, app_key::of(app, handle)) {
            // A mere name is not held against whoever else types it.
            (Some(handle), Some(key @ AppKey::Domain { .. })) => {
                let decided = last_decided(tx, handle, &key, DENIALS).await?;
                Ok(has_had_enough(&decided, self.vault.clock.now()))
            }
            _ => Ok(false),
        }
    }
}

/// What a handle has brought since an instant.
async fn brought_by(
    tx: &Tx,
    handle: HandleId,
    now: Timestamp,
    since: Timestamp,
) -> Result<Brought, DatabaseError> {
    let row = tx
        .query_one(BROUGHT_BY, &[&handle.uuid(), &now, &since])
        .await?;
    Ok(Brought {
        open: row.get("open"),
        unapproved: row.get("unapproved"),
        unasked: row.get("unasked"),
    })
}

/// The last decisions that the person took about an app at a handle, newest first: whether it was
/// denied, and when.
async fn last_decided(
    tx: &Tx,
    handle: HandleId,
    key: &AppKey,
    count: i64,
) -> Result<Vec<(bool, Timestamp)>, DatabaseError> {
    let rows = tx
        .query(LAST_DECIDED, &[&handle.uuid(), &key.to_string(), &count])
        .await?;
    Ok(rows
        .iter()
        .map(|row| (row.get("denied"), row.get("decided_at")))
        .collect())
}

/// Whether these last decisions, newest first, are denials within a day that is not over yet.
fn has_had_enough(decided: &[(bool, Timestamp)], now: Timestamp) -> bool {
    let enough = i64::try_from(decided.len()).is_ok_and(|count| count >= DENIALS);
    let (Some((_, newest)), Some((_, oldest))) = (decided.first(), decided.last()) else {
        return false;
    };
    enough
        && decided.iter().all(|(denied, _)| *denied)
        && now.duration_since(*newest) < DAY
        && newest.duration_since(*oldest) < DAY
}

/// How long an app waits for a denial that nobody decided: a few seconds, as it would for a person,
/// so that its haste does not tell that it is blocked.
pub(super) fn pause(id: ids::RequestId) -> Duration {
    let [.., random] = *id.uuid().as_bytes();
    Duration::from_secs(3 + u64::from(random % 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_denials_in_a_row_within_a_day_are_enough_for_a_day() {
        let at = |hour: i64| Timestamp::from_second(1_790_000_000 + hour * 3_600).unwrap();
        let denied = |hours: [i64; 3]| hours.map(|hour| (true, at(hour)));
        assert!(has_had_enough(&denied([10, 5, 0]), at(33)));
        assert!(!has_had_enough(&denied([10, 5, 0]), at(34)));
        assert!(!has_had_enough(&denied([30, 5, 0]), at(31)));
        assert!(!has_had_enough(&denied([10, 5, 0])[..2], at(11)));
        assert!(!has_had_enough(&[], at(0)));
        let mut approved = denied([10, 5, 0]);
        approved[1].0 = false;
        assert!(!has_had_enough(&approved, at(11)));
    }
}
