//! Checks of keys that consent asks for, each taken by whichever proxy is free.

use std::sync::Arc;

use event_bus::{Delivery, Queue};
use event_store::RecordedEvent;
use events::ProviderKeyEvent;
use futures_util::{StreamExt, stream};
use ids::ProviderKeyId;

use super::{Of, asking, tell};
use crate::call::Gate;

/// How many keys one process checks at a time.
const AT_ONCE: u16 = 4;

/// Checks keys as they are asked for, for ever. What is not answered when this is dropped comes to
/// another proxy.
pub(crate) async fn answer(gate: Arc<Gate>) {
    let consumer = gate.bus.consume(Queue::KeyChecks, AT_ONCE);
    let wanted = stream::unfold(consumer, |mut consumer| async {
        Some((consumer.next().await, consumer))
    });
    let check = |delivery| check(&gate, delivery);
    wanted
        .for_each_concurrent(usize::from(AT_ONCE), check)
        .await;
}

async fn check(gate: &Gate, delivery: Delivery) {
    match wanted(&delivery.body) {
        Some(wanted) => ask_and_tell(gate, &wanted).await,
        None => {
            tracing::error!(event.type = %delivery.routing_key, "a check of a key is unreadable");
        }
    }
    if let Err(error) = delivery.ack().await {
        tracing::warn!(%error, "a key will be checked again");
    }
}

async fn ask_and_tell(gate: &Gate, wanted: &Of) {
    let (of, verdict) = match asking::ask(gate, wanted).await {
        Ok(said) => said,
        Err(error) => {
            tracing::info!(key.id = %wanted.key, provider = %wanted.provider, %error,
                cause = ?std::error::Error::source(&error), "nothing is known of a key");
            return;
        }
    };
    if let Err(error) = tell(&gate.bus, &of, verdict, gate.clock.now()).await {
        tracing::warn!(%error, "nobody could be told of a checked key");
    }
}

/// Which key is to be checked; `None` if the event is not one of those that ask for it.
fn wanted(body: &[u8]) -> Option<Of> {
    let event: RecordedEvent = serde_json::from_slice(body).ok()?;
    let Ok(Some(ProviderKeyEvent::CheckRequested {
        owner,
        provider,
        version,
    })) = event.read()
    else {
        return None;
    };
    Some(Of {
        tenant: event.tenant,
        owner,
        key: ProviderKeyId::from_uuid(event.stream_uuid()?),
        version,
        provider,
        correlation_id: event.correlation_id,
    })
}
