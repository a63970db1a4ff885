//! What consent is told of a key, over the message bus: an announcement as events are, though nothing
//! is stored here.

use event_bus::{EventBus, Message, PublishError};
use ids::{EventId, ProviderKeyId, TenantId, UserId};
use jiff::Timestamp;
use serde::Serialize;

use super::Verdict;

/// The routing keys under which consent hears.
const REFUSED: &str = "provider_key.refused";
pub(crate) const WORKS: &str = "provider_key.works";

/// Which key it is about.
#[derive(Debug, Clone)]
pub struct Of {
    /// Whose organization.
    pub tenant: TenantId,
    /// Whose key.
    pub owner: UserId,
    /// The key.
    pub key: ProviderKeyId,
    /// The version that the provider was asked with.
    pub version: i32,
    /// Who was asked.
    pub provider: events::Provider,
    /// Upon which request.
    pub correlation_id: String,
}

/// The event around a verdict, as events travel between services.
#[derive(Serialize)]
struct Announcement<'a> {
    id: EventId,
    tenant: TenantId,
    stream: String,
    version: i32,
    #[serde(rename = "type")]
    event_type: &'static str,
    schema: i16,
    occurred_at: Timestamp,
    actor: &'static str,
    correlation_id: &'a str,
    payload: Payload<'a>,
}

#[derive(Serialize)]
struct Payload<'a> {
    key: ProviderKeyId,
    version: i32,
    user: UserId,
    provider: &'a str,
}

/// Tells the services what a provider said of a key.
///
/// # Errors
/// When the message bus did not take it. Nothing else is lost: the next refused call, or the next
/// check, says it again.
pub(crate) async fn tell(
    bus: &EventBus,
    of: &Of,
    verdict: Verdict,
    now: Timestamp,
) -> Result<(), PublishError> {
    if verdict == Verdict::Refused {
        tracing::warn!(key.id = %of.key, provider = %of.provider, "a provider refused its key");
        let provider = of.provider.to_string();
        metrics::counter!("latchkey_provider_keys_refused_total", "provider" => provider)
            .increment(1);
    }
    match message(of, verdict, now) {
        Ok(message) => bus.publish_one(&message).await,
        Err(error) => {
            tracing::error!(%error, "what a provider said of a key cannot be written");
            Ok(())
        }
    }
}

fn message(of: &Of, verdict: Verdict, now: Timestamp) -> serde_json::Result<Message> {
    let event_type = match verdict {
        Verdict::Works => WORKS,
        Verdict::Refused => REFUSED,
    };
    let event = Announcement {
        id: EventId::new(now),
        tenant: of.tenant,
        stream: format!("provider_key-{}", of.key.uuid()),
        version: 1,
        event_type,
        schema: 1,
        occurred_at: now,
        actor: "proxy",
        correlation_id: &of.correlation_id,
        payload: Payload {
            key: of.key,
            version: of.version,
            user: of.owner,
            provider: of.provider.as_str(),
        },
    };
    Ok(Message {
        id: event.id.to_string(),
        routing_key: event_type.to_owned(),
        tenant: Some(of.tenant),
        body: serde_json::to_vec(&event)?,
    })
}
