//! Calls as a proxy reports them.

use event_bus::Message;
use events::{CallOutcome, CallRecord, Capability, Measurement, TokenUsage};
use ids::{CallId, GrantId, ProviderKeyId, TenantId, UserId};
use jiff::Timestamp;
use money::Nanodollars;
use serde_json::{Value, json};

/// An instant from its text.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A grant of a person, and the calls under it.
#[derive(Debug, Clone, Copy)]
pub struct Granted {
    pub tenant: TenantId,
    pub user: UserId,
    pub grant: GrantId,
}

impl Granted {
    pub fn by(tenant: TenantId, user: UserId) -> Self {
        Self {
            tenant,
            user,
            grant: GrantId::new(at("2026-01-01T00:00:00Z")),
        }
    }

    /// A call of one cent and a bit.
    pub fn call(&self, began_at: &str) -> CallRecord {
        self.call_at(at(began_at))
    }

    pub fn call_at(&self, began_at: Timestamp) -> CallRecord {
        CallRecord {
            call: CallId::new(began_at),
            tenant: self.tenant,
            grant: self.grant,
            ancestors: vec![],
            budgets: vec![],
            shadows: vec![],
            user: self.user,
            app: None,
            app_name: "Recipe".to_owned(),
            provider: "openai".parse().unwrap(),
            key: ProviderKeyId::new(began_at),
            key_version: 1,
            model: "gpt-4o".to_owned(),
            capability: Capability::Chat,
            route: "/chat/completions".to_owned(),
            stream: false,
            cached: false,
            began_at,
            ended_at: began_at + jiff::SignedDuration::from_millis(1_500),
            provider_status: Some(200),
            outcome: CallOutcome::Completed,
            usage: TokenUsage {
                input: 100,
                output: 20,
                ..TokenUsage::default()
            },
            measurement: Measurement::Measured,
            reserved: Nanodollars::from_dollars(1),
            cost: Nanodollars::from_nanos(10_000_001),
            price_version: "2026-11-20".to_owned(),
            request_id: "0198a5b0-c0de-7000-8000-00000000abcd".to_owned(),
        }
    }
}

/// The message of a call, as JSON.
pub fn envelope(record: &CallRecord) -> Value {
    json!({
        "id": record.call.to_string(),
        "tenant": record.tenant,
        "type": "call.recorded",
        "schema": 1,
        "occurred_at": record.ended_at,
        "actor": "proxy",
        "correlation_id": record.request_id,
        "payload": record,
    })
}

/// The message of a call, as it is published.
pub fn message(record: &CallRecord) -> Message {
    message_of(record.tenant, &envelope(record))
}

/// Any JSON as a message of the proxy.
pub fn message_of(tenant: TenantId, body: &Value) -> Message {
    Message {
        id: body["id"].as_str().unwrap_or("none").to_owned(),
        routing_key: "call.recorded".to_owned(),
        tenant: Some(tenant),
        body: serde_json::to_vec(body).unwrap(),
    }
}
