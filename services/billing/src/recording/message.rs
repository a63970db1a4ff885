//! What a `call.recorded` message must be: one record, or several, each on a line of its own.

use events::{CallEvent, CallRecord, EventPayload};
use ids::{CallId, EventId, TenantId};
use jiff::{SignedDuration, Timestamp};
use money::{LARGEST_LIMIT, Nanodollars};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// The one type of message that is recorded.
pub const CALL_RECORDED: &str = "call.recorded";
/// No call uses more tokens of a kind than this: beyond it the count is a fault, and sums of it
/// would leave the range of a column.
pub const MOST_TOKENS: u64 = 1_000_000_000_000;
/// The id and the record of a call tell its time by two clocks; they never differ by more.
const CLOCKS_APART: SignedDuration = SignedDuration::from_hours(24);
/// The end of a call may be told late, by a proxy that comes back after long. Beyond this it is a
/// fault, and might not even fit a column.
const LONGEST: SignedDuration = SignedDuration::from_hours(400 * 24);

/// A record that can be taken in.
#[derive(Debug, Clone, PartialEq)]
pub struct CallMessage {
    /// The call, read.
    pub record: CallRecord,
    /// Its payload as it came, with members that this version may not know.
    pub payload: Value,
    /// The version of the payload's form.
    pub schema: i16,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Upon which request.
    pub correlation_id: String,
}

/// Why a message can never be recorded, however often it is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Poison {
    /// Not the JSON of an event.
    #[error("it is not the JSON of an event")]
    Unreadable,
    /// An event of another type.
    #[error("it is not a recorded call")]
    OtherType,
    /// A form of the record that this version does not know.
    #[error("its schema is not known here")]
    UnknownSchema,
    /// The payload is not a call record.
    #[error("its payload is not a call record")]
    Payload,
    /// The event and the record name different calls or organizations.
    #[error("the event and its record name different things")]
    Mismatch,
    /// The call's id is not a UUID version 7, or tells another day than the record.
    #[error("the call's id does not tell when it began")]
    Day,
    /// An end that is nowhere near the beginning.
    #[error("the call ends nowhere near its beginning")]
    End,
    /// An amount, a count or a status that no call has.
    #[error("it holds a number that no call has")]
    Number,
    /// The database cannot hold it.
    #[error("the database cannot hold it")]
    Refused,
}

impl Poison {
    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::OtherType => "other_type",
            Self::UnknownSchema => "unknown_schema",
            Self::Payload => "payload",
            Self::Mismatch => "mismatch",
            Self::Day => "day",
            Self::End => "end",
            Self::Number => "number",
            Self::Refused => "refused",
        }
    }
}

/// The event around a call record, as the proxy sends it.
#[derive(Deserialize)]
struct Envelope {
    /// The call's own id, as that of an event or of a call.
    id: String,
    tenant: TenantId,
    #[serde(rename = "type")]
    event_type: String,
    schema: i16,
    occurred_at: Timestamp,
    correlation_id: String,
    payload: Value,
}

/// Reads each record of a message's body. A message without any counts as one that is unreadable.
pub fn read_all(body: &[u8]) -> Vec<Result<CallMessage, Poison>> {
    let lines = body.split(|byte| *byte == b'\n');
    let records: Vec<_> = lines
        .filter(|line| !line.trim_ascii().is_empty())
        .map(read)
        .collect();
    if records.is_empty() {
        return vec![Err(Poison::Unreadable)];
    }
    records
}

/// Reads one record.
///
/// # Errors
/// When it can never be recorded.
pub fn read(body: &[u8]) -> Result<CallMessage, Poison> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| Poison::Unreadable)?;
    if envelope.event_type != CALL_RECORDED {
        return Err(Poison::OtherType);
    }
    if !(1..=CallEvent::schema(CALL_RECORDED)).contains(&envelope.schema) {
        return Err(Poison::UnknownSchema);
    }
    let CallEvent::Recorded(record) =
        CallEvent::decode(CALL_RECORDED, envelope.schema, envelope.payload.clone())
            .map_err(|_| Poison::Payload)?;
    if id_of(&envelope.id) != Some(record.call.uuid()) || envelope.tenant != record.tenant {
        return Err(Poison::Mismatch);
    }
    check_day(&record)?;
    if record.ended_at.duration_since(record.began_at).abs() > LONGEST {
        return Err(Poison::End);
    }
    check_numbers(&record)?;
    let mut payload = envelope.payload;
    replace_nul(&mut payload);
    Ok(CallMessage {
        record: *record,
        payload,
        schema: envelope.schema,
        occurred_at: envelope.occurred_at,
        correlation_id: without_nul(&envelope.correlation_id),
    })
}

fn id_of(text: &str) -> Option<Uuid> {
    let as_event = text.parse::<EventId>().map(ids::Id::uuid);
    as_event
        .or_else(|_| text.parse::<CallId>().map(ids::Id::uuid))
        .ok()
}

/// The store finds a second record of a call by the day in its id, so the id must tell it.
fn check_day(record: &CallRecord) -> Result<(), Poison> {
    let id = record.call.uuid();
    let made = id
        .get_timestamp()
        .filter(|_| id.get_version_num() == 7)
        .ok_or(Poison::Day)?;
    let (seconds, nanos) = made.to_unix();
    let made = i64::try_from(seconds)
        .ok()
        .zip(i32::try_from(nanos).ok())
        .and_then(|(seconds, nanos)| Timestamp::new(seconds, nanos).ok())
        .ok_or(Poison::Day)?;
    let apart = record.began_at.duration_since(made).abs();
    if apart > CLOCKS_APART {
        Err(Poison::Day)
    } else {
        Ok(())
    }
}

fn check_numbers(record: &CallRecord) -> Result<(), Poison> {
    let amounts = [record.cost, record.reserved];
    let usage = &record.usage;
    let counts = [
        usage.input,
        usage.cached_input,
        usage.cache_write,
        usage.cache_write_1h,
        usage.output,
        usage.reasoning,
    ];
    let fits = amounts
        .iter()
        .all(|amount| (Nanodollars::ZERO..=LARGEST_LIMIT).contains(amount))
        && counts.iter().all(|count| *count <= MOST_TOKENS)
        && record
            .provider_status
            .is_none_or(|status| (100..=999).contains(&status));
    if fits { Ok(()) } else { Err(Poison::Number) }
}

/// Postgres holds every character but U+0000. An app can put one into a model's name; its call is
/// recorded all the same.
fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = without_nul(text),
        Value::Array(items) => items.iter_mut().for_each(replace_nul),
        Value::Object(members) => {
            if members.keys().any(|name| name.contains('\0')) {
                let named = std::mem::take(members).into_iter();
                *members = named
                    .map(|(name, value)| (without_nul(&name), value))
                    .collect();
            }
            members.values_mut().for_each(replace_nul);
        }
        _ => {}
    }
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
