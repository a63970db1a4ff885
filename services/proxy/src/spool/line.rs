//! A line: the message that billing's recorder takes.
//!
//! Each call has two, one when it begins and one when it has ended, which differ from [`CHANGES`] on.
//! The second takes over what the first says before that.

use std::sync::LazyLock;

use events::{CallEvent, CallOutcome, CallRecord, EventPayload, Measurement, TokenUsage};
use ids::{CallId, TenantId};
use jiff::Timestamp;
use memchr::memmem;
use money::Nanodollars;
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
    correlation_id: &'a str,
    hold: &'a HoldNote,
    payload: &'a CallRecord,
    occurred_at: Timestamp,
}

/// Where the end of a call begins in its line. In a text of an app its marks would be escaped, so it is
/// there once.
static CHANGES: LazyLock<memmem::Finder<'static>> =
    LazyLock::new(|| memmem::Finder::new(b",\"ended_at\":"));

/// The members of a record from there on.
#[derive(Serialize)]
struct End<'a> {
    ended_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_status: Option<u16>,
    outcome: CallOutcome,
    usage: TokenUsage,
    measurement: Measurement,
    reserved: Nanodollars,
    cost: Nanodollars,
    price_version: &'a str,
    request_id: &'a str,
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
    // For each call, so by the quickest writer there is.
    let mut line = Vec::with_capacity(USUAL_LENGTH);
    let message = Line {
        id: record.call,
        tenant: record.tenant,
        event_type: CALL_RECORDED,
        schema: CallEvent::schema(CALL_RECORDED),
        correlation_id: &record.request_id,
        hold,
        payload: record,
        occurred_at: record.ended_at,
    };
    sonic_rs::to_writer(&mut line, &message)?;
    line.push(b'\n');
    Ok(line)
}

/// What of the line of a call that begins stands in the line of its end, too.
pub(super) fn stem(line: &[u8]) -> Vec<u8> {
    let end = CHANGES.find(line).unwrap_or(line.len());
    line.get(..end).unwrap_or(line).to_vec()
}

/// The line of a call that has ended: what [`of`] makes of its record, from the stem of the line that
/// it began with.
pub(super) fn ended(stem: &[u8], record: &CallRecord) -> Result<Vec<u8>, sonic_rs::Error> {
    let mut line = Vec::with_capacity(USUAL_LENGTH);
    line.extend_from_slice(stem);
    let end = End {
        ended_at: record.ended_at,
        provider_status: record.provider_status,
        outcome: record.outcome,
        usage: record.usage,
        measurement: record.measurement,
        reserved: record.reserved,
        cost: record.cost,
        price_version: &record.price_version,
        request_id: &record.request_id,
    };
    sonic_rs::to_writer(&mut line, &end)?;
    // They go on with the record that is open, and open none of their own.
    if let Some(opening) = line.get_mut(stem.len()) {
        *opening = b',';
    }
    line.extend_from_slice(b",\"occurred_at\":");
    sonic_rs::to_writer(&mut line, &record.ended_at)?;
    line.extend_from_slice(b"}\n");
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
