//! Taking note of keys that a provider refused, as the proxies tell.

use event_bus::{EventBus, Watched};
use ids::{ProviderKeyId, UserId};
use serde::Deserialize;

use super::ProviderKeys;
use crate::vault::Actor;

/// The routing key under which proxies tell.
const REFUSED: &str = "provider_key.refused";

/// What a proxy tells: a provider refused this version of a key.
#[derive(Deserialize)]
struct Refused {
    key: ProviderKeyId,
    version: i32,
    user: UserId,
}

/// Takes note until `stop`. A telling that is lost is no harm: the next refused call repeats it.
pub async fn note(keys: ProviderKeys, bus: EventBus, stop: impl Future<Output = ()>) {
    let mut watcher = bus.watch(&[REFUSED]);
    let listening = async {
        loop {
            let Watched::Event(event) = watcher.next().await else {
                continue;
            };
            let Ok(refused) = serde_json::from_value::<Refused>(event.payload) else {
                continue;
            };
            let actor = Actor {
                tenant: event.tenant,
                user: refused.user,
                name: "proxy".to_owned(),
                correlation_id: event.correlation_id,
            };
            if let Err(error) = keys
                .found_invalid(&actor, refused.key, refused.version)
                .await
            {
                tracing::warn!(error = %error, "a refused provider key was not marked");
            }
        }
    };
    tokio::select! {
        () = listening => {}
        () = stop => {}
    }
}
