//! A line: the message that billing's recorder takes.

use events::{CallEvent, CallRecord, EventPayload};
use ids::{CallId, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::spool::HoldNote;

/// The type of the one event of a call.
pub(super) const CALL_RECORDED: &str = "call.recorded";

/// Room for a line, and for what is reserved while it is written.
const USUAL_LENGTH: usize = 4_096;

#[derive(Serialize)]
struct Line<'a> {
    id: CallId,
    tenant: TenantId,
    #[serde(rename = "type")]
    event_type: &'static str,
    schema: i16,
    occurred_at: Timestamp,
    correlation_id: &'a str,
    payload: &'a CallRecord,
    hold: &'a HoldNote,
}

/// Which call a line is of.
#[derive(Debug, Deserialize)]
pub(super) struct Address {
    pub(super) id: CallId,
}

/// A line, read.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Whole {
    pub(super) payload: CallRecord,
    pub(super) hold: HoldNote,
}

/// The line of a record, with its end.
pub(super) fn of(record: &CallRecord, hold: &HoldNote) -> Result<Vec<u8>, sonic_rs::Error> {
    // Twice for each call, so by the quickest writer there is.
    let mut line = Vec::with_capacity(USUAL_LENGTH);
    let message = Line {
        id: record.call,
        tenant: record.tenant,
        event_type: CALL_RECORDED,
        schema: CallEvent::schema(CALL_RECORDED),
        occurred_at: record.ended_at,
        correlation_id: &record.request_id,
        payload: record,
        hold,
    };
    sonic_rs::to_writer(&mut line, &message)?;
    line.push(b'\n');
    Ok(line)
}

/// Whose line it is; `None` for a line that was torn.
pub(super) fn address(line: &[u8]) -> Option<Address> {
    serde_json::from_slice(line).ok()
}

/// All of a line; `None` for one that was torn.
pub(super) fn whole(line: &[u8]) -> Option<Whole> {
    serde_json::from_slice(line).ok()
}
