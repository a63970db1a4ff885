//! Stage four: the call is sent to its provider, under the owner's key.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use events::CallOutcome;
use grant_access::GrantAccess;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::Full;
use tokio::time::{Instant, Sleep, sleep};

use crate::{
    ask::Ask,
    body::FormType,
    call::{
        cached::Keep,
        drain,
        gate::Gate,
        headers,
        key_watch::KeyWatch,
        live::LiveCall,
        open_key::Payer,
        received::Received,
        reserve::Reserved,
        route::Route,
        settle::{Ending, Evidence, OpenCall},
    },
    error::{Refusal, Shape},
    provider::Endpoint,
    sandbox,
    wire::{Body, WireError},
};

/// A call whose provider has begun to answer.
pub struct Sent {
    pub(crate) route: Route,
    pub(crate) shape: Shape,
    pub(crate) access: Arc<GrantAccess>,
    pub(crate) ask: Ask,
    /// The cap that was put in.
    pub(crate) cap: Option<u32>,
    /// What becomes of the app's wish for a kept answer, if it has one.
    pub(crate) keep: Option<Keep>,
    pub(crate) response: Response<Body>,
    pub(crate) open: OpenCall,
    pub(crate) live: LiveCall,
    pub(crate) watch: KeyWatch,
    /// When the call must be over.
    pub(crate) deadline: Instant,
}

pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, WireError>> + Send>>;

impl Reserved {
    /// Writes down that the call begins, sends it, and waits for the head of the answer.
    ///
    /// # Errors
    /// When it cannot be written down or sent, or no answer comes; by then the call is settled.
    pub async fn send(self, gate: &Arc<Gate>, payer: &Payer) -> Result<Sent, Refusal> {
        let Self {
            authorized,
            estimate,
            mut open,
        } = self;
        let Received {
            route,
            shape,
            forwarded,
            form,
            ..
        } = authorized.received;
        let mut edits = authorized.ask.edits.clone();
        if let (Some(member), Some(cap)) = (&authorized.ask.cap_member, estimate.cap) {
            member.write(cap, &mut edits);
        }
        let body = edits.apply(authorized.body);
        let fault = |what: &str| {
            tracing::error!(what, provider = %route.upstream.name(), "a call cannot be sent");
            Refusal::Fault
        };
        let url = route.url().map_err(|_| fault("its address is no URL"))?;
        let mut request = Request::new(Full::default());
        *request.method_mut() = method(route.endpoint.has_body());
        *request.uri_mut() = url;
        *request.headers_mut() = forwarded;
        if route.endpoint.has_body() {
            let kind =
                body_kind(form.as_ref()).map_err(|_| fault("its boundary fits no header"))?;
            request.headers_mut().insert("content-type", kind);
            *request.body_mut() = Full::new(body.clone());
        }
        let answering: Answering = match payer {
            Payer::Key(key) => {
                let style = route.upstream.key_header;
                headers::add_key(request.headers_mut(), style, key.reveal())
                    .map_err(|_| fault("its key fits no header"))?;
                let named_by = route.upstream.named_by();
                Box::pin(gate.wire.clone().send(request, named_by))
            }
            Payer::Nobody => {
                let answer = sandbox::answer(route.endpoint, route.model.as_deref(), &body);
                Box::pin(std::future::ready(Ok(answer)))
            }
        };
        open.begin(payer.version()).await.map_err(|error| {
            tracing::error!(%error, "a call is refused because it cannot be written down");
            Refusal::VaultUnavailable
        })?;
        // Its key may have been waited for, and the disk: nothing was sent until now.
        if authorized.live.is_cut() {
            Box::pin(open.settle(Ending {
                outcome: CallOutcome::CutByRevocation,
                status: None,
                evidence: Evidence::Nothing,
            }))
            .await;
            return Err(Refusal::TokenRevoked);
        }
        let deadline = Instant::now() + gate.bounds.total;
        let sending = Sending {
            gate: Arc::clone(gate),
            endpoint: route.endpoint,
            answering: Some(answering),
            open: Some(open),
            live: Some(authorized.live),
            late: Box::pin(sleep(gate.bounds.first_byte.min(gate.bounds.total))),
        };
        let watch = payer.watch();
        let (answer, open, live) = sending.await;
        match answer {
            Answer::Begun(response) => Ok(Sent {
                route,
                shape,
                access: authorized.access,
                ask: authorized.ask,
                cap: estimate.cap,
                keep: authorized.keep,
                response: *response,
                open,
                live,
                watch,
                deadline,
            }),
            Answer::Failed(ending, refusal) => {
                Box::pin(open.settle(ending)).await;
                Err(refusal(route.upstream.name().clone()))
            }
        }
    }
}

/// The `Content-Type` of a body, as it was checked.
pub(super) fn body_kind(
    form: Option<&FormType>,
) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    form.map_or(Ok(HeaderValue::from_static("application/json")), |form| {
        HeaderValue::from_str(&form.header())
    })
}

pub(super) const fn method(has_body: bool) -> Method {
    if has_body { Method::POST } else { Method::GET }
}

enum Answer {
    Begun(Box<Response<Body>>),
    Failed(Ending, fn(events::Provider) -> Refusal),
}

/// Waits for the head of an answer. If nobody waits any more, the answer is read all the same,
/// because it costs what it costs.
struct Sending {
    gate: Arc<Gate>,
    endpoint: Endpoint,
    answering: Option<Answering>,
    open: Option<OpenCall>,
    live: Option<LiveCall>,
    late: Pin<Box<Sleep>>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        let (answering, call) = (self.answering.take(), self.take_call());
        if let (Some(answering), Some(call)) = (answering, call) {
            drain::before_the_head(Arc::clone(&self.gate), self.endpoint, answering, call);
        }
    }
}

impl Sending {
    fn take_call(&mut self) -> Option<(OpenCall, LiveCall)> {
        self.open.take().zip(self.live.take())
    }

    fn poll_cut(&self, cx: &Context<'_>) -> Poll<()> {
        let live = self.live.as_ref();
        live.map_or(Poll::Pending, |live| live.poll_cut(cx))
    }
}

impl Future for Sending {
    type Output = (Answer, OpenCall, LiveCall);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let polled = match this.answering.as_mut() {
            Some(answering) => answering.as_mut().poll(cx),
            None => Poll::Pending,
        };
        let answer = match polled {
            Poll::Ready(Ok(response)) => Answer::Begun(Box::new(response)),
            Poll::Ready(Err(error)) => failed(&error),
            Poll::Pending if this.poll_cut(cx).is_ready() => Answer::Failed(
                Ending {
                    outcome: CallOutcome::CutByRevocation,
                    status: None,
                    evidence: Evidence::None,
                },
                |_| Refusal::TokenRevoked,
            ),
            Poll::Pending if this.late.as_mut().poll(cx).is_ready() => Answer::Failed(
                // It has the call, and may be working on it.
                Ending {
                    outcome: CallOutcome::ProviderUnreachable,
                    status: None,
                    evidence: Evidence::None,
                },
                Refusal::ProviderLate,
            ),
            Poll::Pending => return Poll::Pending,
        };
        this.answering = None;
        match this.take_call() {
            Some((open, live)) => Poll::Ready((answer, open, live)),
            None => Poll::Pending,
        }
    }
}

/// What is known of a call whose answer did not begin: it was never sent, or the provider may be
/// working on it.
pub(crate) fn evidence_of(error: &WireError) -> Evidence {
    if error.may_have_been_sent() {
        Evidence::None
    } else {
        Evidence::Nothing
    }
}

/// No connection, or one that broke before the first byte of an answer.
fn failed(error: &WireError) -> Answer {
    // Without the address: it may hold what an app wrote.
    tracing::warn!(
        %error,
        cause = ?std::error::Error::source(error),
        "a provider could not be reached"
    );
    let ending = Ending {
        outcome: CallOutcome::ProviderUnreachable,
        status: None,
        evidence: evidence_of(error),
    };
    Answer::Failed(ending, Refusal::ProviderUnreachable)
}
