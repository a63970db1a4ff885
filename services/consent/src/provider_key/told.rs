//! Taking note of what providers said of keys, as the proxies tell.

use event_bus::{EventBus, Watched};
use event_store::RecordedEvent;
use ids::{ProviderKeyId, UserId};
use serde::Deserialize;

use super::{ProviderKeyError, ProviderKeys};
use crate::vault::Actor;

/// The routing keys under which proxies tell.
const REFUSED: &str = "provider_key.refused";
const WORKS: &str = "provider_key.works";

/// What a proxy tells: this version of a key was refused, or taken when its provider was asked.
#[derive(Deserialize)]
struct Told {
    key: ProviderKeyId,
    version: i32,
    user: UserId,
}

/// Takes note until `stop`. A telling that is lost is no harm: the next refused call repeats it, and
/// a check can be asked for again.
pub async fn note(keys: ProviderKeys, bus: EventBus, stop: impl Future<Output = ()>) {
    let mut watcher = bus.watch(&[REFUSED, WORKS]);
    let listening = async {
        loop {
            if let Watched::Event(event) = watcher.next().await {
                match note_one(&keys, *event).await {
                    Ok(()) => {}
                    // Every process hears it, and one writes it down.
                    Err(ProviderKeyError::Record(error)) if error.is_conflict() => {}
                    Err(error) => {
                        tracing::warn!(%error, "what a provider said of a key was not noted");
                    }
                }
            }
        }
    };
    tokio::select! {
        () = listening => {}
        () = stop => {}
    }
}

async fn note_one(keys: &ProviderKeys, event: RecordedEvent) -> Result<(), ProviderKeyError> {
    let Ok(told) = serde_json::from_value::<Told>(event.payload) else {
        return Ok(());
    };
    let actor = Actor {
        tenant: event.tenant,
        user: told.user,
        name: "proxy".to_owned(),
        correlation_id: event.correlation_id,
    };
    match event.event_type.as_str() {
        REFUSED => keys.found_invalid(&actor, told.key, told.version).await,
        WORKS => keys.found_working(&actor, told.key, told.version).await,
        _ => Ok(()),
    }
}
