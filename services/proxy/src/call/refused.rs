//! A provider's refusal: given on where it tells nothing it should not, and noted where it means
//! that the key is bad.

use std::sync::Arc;

use actix_web::HttpResponse;
use bytes::BytesMut;
use events::{CallOutcome, CallRecord};
use futures_util::StreamExt;
use http::{Response, StatusCode};
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
    key_health::{Of, Verdict, refuses_key, tell},
    provider::{Dialect, Endpoint, Place},
    wire::Body,
};

/// A longer refusal is not given on.
const LONGEST: usize = 64 * 1024;

impl Sent {
    /// Gives a provider's refusal on, and charges what it may have used: mostly nothing.
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
            evidence: evidence_of_refusal(status),
        };
        // Before its text is read: the app may go away meanwhile, and the text says nothing of use.
        self.open.settle(ending).await;
        let dialect = self.route.upstream.dialect();
        let body = read_refusal(&mut self.response, (self.route.endpoint, dialect), gate).await;
        if refuses_key(self.route.upstream.is_google(), status, body.as_deref()) {
            let has_key = self.route.upstream.place != Place::Sandbox;
            if let Some(record) = record.filter(|_| has_key) {
                gate.keys.doubt(record.key).await;
                tell_refused(gate, &record);
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

/// What a refusal says of what was used: nothing was, unless a gateway in front of the provider
/// speaks for it. Such a one knows only that it got no answer, or got it too late, and the provider
/// may have generated one all the same.
pub(super) fn evidence_of_refusal(status: StatusCode) -> Evidence {
    match status.as_u16() {
        // The last two are Cloudflare's, which stands in front of several providers.
        502 | 504 | 520 | 524 => Evidence::None,
        _ => Evidence::Nothing,
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

/// Tells of a refused key. Not waited for: the next refused call says it again.
fn tell_refused(gate: &Gate, record: &CallRecord) {
    let of = Of {
        tenant: record.tenant,
        owner: record.user,
        key: record.key,
        version: record.key_version,
        provider: record.provider.clone(),
        correlation_id: record.request_id.clone(),
    };
    let (bus, now) = (gate.bus.clone(), gate.clock.now());
    drain::behind(async move {
        if let Err(error) = tell(&bus, &of, Verdict::Refused, now).await {
            tracing::warn!(%error, "nobody could be told of a refused key");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_gateway_leaves_open_what_was_used() {
        for status in [502, 504, 520, 524] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(evidence_of_refusal(status), Evidence::None, "{status}");
        }
        for status in [302, 400, 401, 404, 429, 500, 501, 503, 521, 522, 523, 529] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(evidence_of_refusal(status), Evidence::Nothing, "{status}");
        }
    }
}
