//! A provider's refusal: given on where it tells nothing it should not, and noted where it means
//! that the key is bad.

use std::sync::Arc;

use actix_web::HttpResponse;
use bytes::BytesMut;
use event_bus::{EventBus, Message};
use events::{CallOutcome, CallRecord};
use futures_util::StreamExt;
use http::{Response, StatusCode};
use ids::{EventId, ProviderKeyId, UserId};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    call::{
        answer::framing_of,
        drain,
        forward::Sent,
        gate::Gate,
        head::Head,
        meter::Framing,
        settle::{Ending, Evidence},
    },
    error::Refusal,
    provider::{Dialect, Endpoint, Place},
    wire::Body,
};

/// A longer refusal is not given on.
const LONGEST: usize = 64 * 1024;
/// The routing key under which consent hears of a refused key.
const KEY_REFUSED: &str = "provider_key.refused";

impl Sent {
    /// Gives a provider's refusal on. Nothing was used, so nothing is charged.
    ///
    /// # Errors
    /// When the provider refused the key, or its text cannot be given on.
    pub(crate) async fn refused(mut self, gate: &Arc<Gate>) -> Result<HttpResponse, Refusal> {
        let provider = self.route.upstream.name().clone();
        let status = self.response.status();
        let head = Head::of(&self);
        let record = self.open.record().cloned();
        let ending = Ending {
            outcome: CallOutcome::ProviderError,
            status: Some(status.as_u16()),
            evidence: Evidence::Nothing,
        };
        // Before its text is read: the app may go away meanwhile, and nothing was used.
        self.open.settle(ending).await;
        let dialect = self.route.upstream.dialect();
        let body = read_refusal(&mut self.response, (self.route.endpoint, dialect), gate).await;
        if refuses_key(self.route.upstream.is_google(), status, body.as_deref()) {
            let has_key = self.route.upstream.place != Place::Sandbox;
            if let Some(record) = record.filter(|_| has_key) {
                tell(&gate.bus, &record, gate.clock.now());
            }
            return Err(Refusal::ProviderKeyInvalid(provider));
        }
        let is_refusal = status.is_client_error() || status.is_server_error();
        match body.filter(|body| is_refusal && !self.watch.finds_in(body)) {
            Some(body) => Ok(head.whole("application/json", body.freeze())),
            None if is_refusal => Err(Refusal::Provider {
                provider,
                status: status.as_u16(),
            }),
            // A redirect, which is never followed, or something stranger.
            None => Err(Refusal::ProviderAnswer(provider)),
        }
    }
}

/// The refusal's JSON; `None` if it is something else, too long, or does not come.
async fn read_refusal(
    response: &mut Response<Body>,
    (endpoint, dialect): (Endpoint, Dialect),
    gate: &Gate,
) -> Option<BytesMut> {
    if framing_of(endpoint, response.headers()) != Some(Framing::Json) {
        return None;
    }
    let read = timeout(gate.bounds.idle, async {
        let mut body = BytesMut::new();
        while let Some(Ok(bytes)) = response.body_mut().next().await {
            if body.len() + bytes.len() > LONGEST {
                return None;
            }
            body.extend_from_slice(&bytes);
        }
        // Google answers in OpenAI's dialect with a list, too, which no SDK reads.
        let in_shape = dialect != Dialect::OpenAi || body.trim_ascii_start().starts_with(b"{");
        serde_json::from_slice::<serde::de::IgnoredAny>(&body)
            .ok()
            .filter(|_| in_shape)
            .map(|_| body)
    });
    read.await.ok().flatten()
}

/// Whether a refusal means that the key is bad. Google says so with 400.
fn refuses_key(of_google: bool, status: StatusCode, body: Option<&[u8]>) -> bool {
    let says =
        |text: &str| body.is_some_and(|body| memchr::memmem::find(body, text.as_bytes()).is_some());
    match status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN if of_google => {
            says("API_KEY_INVALID") || says("API key not valid") || says("API key expired")
        }
        _ => false,
    }
}

/// The event around a refused key, as events travel between services.
#[derive(Serialize)]
struct KeyRefused<'a> {
    id: EventId,
    tenant: ids::TenantId,
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

/// Tells the services that a provider refused a key. Not waited for: the next refused call says
/// it again.
fn tell(bus: &EventBus, record: &CallRecord, now: Timestamp) {
    tracing::warn!(key.id = %record.key, provider = %record.provider, "a provider refused its key");
    metrics::counter!("latchkey_provider_keys_refused_total", "provider" => record.provider.to_string())
        .increment(1);
    let event = KeyRefused {
        id: EventId::new(now),
        tenant: record.tenant,
        stream: format!("provider_key-{}", record.key.uuid()),
        version: 1,
        event_type: KEY_REFUSED,
        schema: 1,
        occurred_at: now,
        actor: "proxy",
        correlation_id: &record.request_id,
        payload: Payload {
            key: record.key,
            version: record.key_version,
            user: record.user,
            provider: record.provider.as_str(),
        },
    };
    let Ok(body) = serde_json::to_vec(&event) else {
        return;
    };
    let message = Message {
        id: event.id.to_string(),
        routing_key: KEY_REFUSED.to_owned(),
        tenant: Some(record.tenant),
        body,
    };
    let bus = bus.clone();
    drain::behind(async move {
        if let Err(error) = bus.publish_one(&message).await {
            tracing::warn!(%error, "nobody could be told of a refused key");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_is_known_as_each_provider_says_it() {
        let google = br#"{"error":{"code":400,"details":[{"reason":"API_KEY_INVALID"}]}}"#;
        let other = br#"{"error":{"code":400,"message":"no such field"}}"#;
        for (of_google, status, body, expected) in [
            (false, StatusCode::UNAUTHORIZED, &other[..], true),
            (false, StatusCode::UNAUTHORIZED, other, true),
            (true, StatusCode::BAD_REQUEST, google, true),
            (true, StatusCode::BAD_REQUEST, other, false),
            (false, StatusCode::BAD_REQUEST, google, false),
            (false, StatusCode::FORBIDDEN, other, false),
            (false, StatusCode::TOO_MANY_REQUESTS, other, false),
        ] {
            assert_eq!(
                refuses_key(of_google, status, Some(body)),
                expected,
                "{of_google} {status}"
            );
        }
    }
}
