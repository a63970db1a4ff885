//! What of a provider's answer the app gets.

use std::{future::poll_fn, sync::Arc};

use actix_web::HttpResponse;
use bytes::{Bytes, BytesMut};
use events::{CallOutcome, Provider};
use grant_access::GrantAccess;

use crate::{
    call::{
        cached::Keeping,
        flow::Flow,
        forward::Sent,
        gate::Gate,
        head::Head,
        meter::{Framing, Meter},
        models,
        relay::Relay,
        settle::{Ending, Evidence, Settled},
    },
    error::{Refusal, Shape},
    provider::Endpoint,
};

/// A JSON answer up to this length is settled before its first byte; a longer one goes by while it
/// comes in.
const WHOLE: usize = 1024 * 1024;

/// What speech and transcriptions come as, besides JSON and events.
const OPAQUE: [&str; 13] = [
    "audio/mpeg",
    "audio/mp3",
    "audio/opus",
    "audio/ogg",
    "audio/aac",
    "audio/flac",
    "audio/wav",
    "audio/x-wav",
    "audio/wave",
    "audio/pcm",
    "audio/l16",
    "application/octet-stream",
    "text/plain",
];

/// How the bytes of an answer are put together; `None` for what cannot be metered or watched.
pub(crate) fn framing_of(endpoint: Endpoint, headers: &http::HeaderMap) -> Option<Framing> {
    let encoding = headers
        .get("content-encoding")
        .map(http::HeaderValue::as_bytes);
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return None;
    }
    let essence = essence(headers)?;
    if essence.eq_ignore_ascii_case("text/event-stream") {
        Some(Framing::Events)
    } else if essence.eq_ignore_ascii_case("application/json") {
        Some(Framing::Json)
    } else if endpoint.answers_in_audio() && opaque_kind(headers).is_some() {
        Some(Framing::Opaque)
    } else {
        None
    }
}

/// The service tier that Google names beside its answer.
fn tier_of(headers: &http::HeaderMap) -> Option<String> {
    let tier = headers.get("x-gemini-service-tier")?.to_str().ok()?;
    Some(tier.to_owned())
}

/// The media type of an answer, without its parameters.
fn essence(headers: &http::HeaderMap) -> Option<&str> {
    let kind = headers.get("content-type")?.to_str().ok()?;
    Some(kind.split(';').next().unwrap_or_default().trim())
}

/// The media type to tell the app, where it is none of the usual ones.
fn opaque_kind(headers: &http::HeaderMap) -> Option<&'static str> {
    let essence = essence(headers)?;
    let mut known = OPAQUE.into_iter();
    known.find(|known| essence.eq_ignore_ascii_case(known))
}

impl Sent {
    /// Gives the answer on, and sees to it that the call is settled before its last byte.
    ///
    /// # Errors
    /// When the answer cannot be given on; by then the call is settled.
    pub async fn answer(self, gate: &Arc<Gate>) -> Result<HttpResponse, Refusal> {
        if !self.response.status().is_success() {
            // In a box, as for every future here that few calls need: the others need not carry it.
            return Box::pin(self.refused(gate)).await;
        }
        let provider = self.route.upstream.name().clone();
        let Some(framing) = framing_of(self.route.endpoint, self.response.headers()) else {
            tracing::warn!(%provider, "a provider's answer is none that can be passed on");
            let status = Some(self.response.status().as_u16());
            let (outcome, evidence) = (CallOutcome::ProviderError, Evidence::None);
            let ending = Ending {
                outcome,
                status,
                evidence,
            };
            Box::pin(self.open.settle(ending)).await;
            return Err(Refusal::ProviderAnswer(provider));
        };
        self.begin(gate, framing).give(provider).await
    }

    /// Its head, and its bytes on their way in.
    fn begin(self, gate: &Arc<Gate>, framing: Framing) -> Begun {
        let head = Head::of(&self);
        let endpoint = self.route.endpoint;
        let kind = content_type(framing, self.response.headers());
        let keeping = Keeping::begin(self.keep, (&self.response, &self.watch), kind, self.cap);
        let length = self.response.body().length().unwrap_or(0);
        let mut meter = Box::new(Meter::new(endpoint, framing));
        meter.note_tier(tier_of(self.response.headers()));
        let flow = Flow::new(
            Arc::clone(gate),
            self.response,
            meter,
            self.open,
            self.live,
            (self.watch, self.deadline),
        );
        let in_parts = framing != Framing::Json || endpoint == Endpoint::StreamGenerateContent;
        Begun {
            head,
            flow,
            framing,
            kind,
            keeping,
            endpoint,
            shape: self.shape,
            hides_usage: !self.ask.wants_usage,
            access: self.access,
            goes_by: in_parts || length > WHOLE as u64,
        }
    }
}

/// An answer whose head is known.
struct Begun {
    head: Head,
    flow: Flow,
    framing: Framing,
    /// The media type that it is given on as.
    kind: &'static str,
    keeping: Option<Box<Keeping>>,
    endpoint: Endpoint,
    shape: Shape,
    hides_usage: bool,
    access: Arc<GrantAccess>,
    /// It goes on while it comes in.
    goes_by: bool,
}

impl Begun {
    async fn give(self, provider: Provider) -> Result<HttpResponse, Refusal> {
        let Self {
            mut head,
            flow,
            framing,
            kind,
            keeping,
            endpoint,
            shape,
            hides_usage,
            access,
            goes_by,
        } = self;
        let relay = |flow| {
            let target = (endpoint, provider.clone());
            Relay::new(flow, framing, shape, target, hides_usage)
        };
        if goes_by {
            head.standing(&flow);
            let mut relay = relay(flow).keeping(keeping);
            if framing != Framing::Events {
                relay = Box::pin(relay.begun()).await?;
            }
            return Ok(head.passing(kind, relay));
        }
        match whole(flow, &provider).await? {
            Read::Whole { body, settled } if endpoint == Endpoint::ListModels => {
                let detail = access.detail_for(&provider);
                let granted = detail.and_then(|detail| models::granted(&body, &detail.models));
                head.remaining(settled.and_then(|settled| settled.remaining));
                let granted = granted.ok_or(Refusal::ProviderAnswer(provider))?;
                Ok(head.whole(kind, granted))
            }
            Read::Whole { body, settled } => {
                if let Some(keeping) = keeping {
                    keeping.end(&body, settled.as_ref());
                }
                head.remaining(settled.and_then(|settled| settled.remaining));
                Ok(head.whole(kind, body))
            }
            // A list of models has no reason to be that long.
            Read::Long { .. } if endpoint == Endpoint::ListModels => {
                Err(Refusal::ProviderAnswer(provider))
            }
            Read::Long { flow, first } => {
                head.standing(&flow);
                let relay = relay(*flow).keeping(keeping).after(first);
                Ok(head.passing(kind, relay))
            }
        }
    }
}

/// The media type that an answer is given on as.
fn content_type(framing: Framing, headers: &http::HeaderMap) -> &'static str {
    match framing {
        Framing::Events => "text/event-stream; charset=utf-8",
        Framing::Json => "application/json",
        Framing::Opaque => match opaque_kind(headers) {
            Some("text/plain") => "text/plain; charset=utf-8",
            Some(known) => known,
            None => "application/octet-stream",
        },
    }
}

/// What was read of a JSON answer before its first byte goes out.
enum Read {
    /// All of it, and the call is settled.
    Whole {
        body: Bytes,
        settled: Option<Settled>,
    },
    /// It is too long to be kept.
    Long { flow: Box<Flow>, first: Bytes },
}

async fn whole(mut flow: Flow, provider: &Provider) -> Result<Read, Refusal> {
    let mut body = Bytes::new();
    let mut more = BytesMut::new();
    let (outcome, refusal) = loop {
        match poll_fn(|cx| flow.poll_bytes(cx)).await {
            Some(Ok(bytes)) => {
                if flow.watch.finds_next(&bytes) {
                    tracing::error!(%provider, "a provider sent back the key; its answer was kept back");
                    let refusal = Refusal::ProviderAnswer(provider.clone());
                    break (CallOutcome::ProviderError, Some(refusal));
                }
                if let Some(meter) = flow.meter() {
                    meter.read(&bytes);
                }
                if body.is_empty() {
                    body = bytes;
                } else {
                    if more.is_empty() {
                        more.extend_from_slice(&body);
                    }
                    more.extend_from_slice(&bytes);
                }
                if more.len() > WHOLE {
                    return Ok(Read::Long {
                        flow: Box::new(flow),
                        first: more.freeze(),
                    });
                }
            }
            Some(Err(broken)) => break (broken.outcome(), Some(broken.refusal(provider))),
            None => break (CallOutcome::Completed, None),
        }
    };
    let (settling, _) = flow.settle(outcome, refusal.is_none());
    let settled = settling.await;
    match refusal {
        Some(refusal) => Err(refusal),
        None => {
            let body = if more.is_empty() { body } else { more.freeze() };
            Ok(Read::Whole { body, settled })
        }
    }
}
