//! The body of an answer that goes by while it comes in.
//!
//! Bytes pass as they are and as soon as they are there; pieces that are there together go out
//! together. The last of them waits until the call's record is written down.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_web::body::{BodySize, MessageBody};
use bytes::{Bytes, BytesMut};
use events::CallOutcome;

use crate::{
    call::{
        cached::Keeping,
        drain,
        event_lines::{Events, Leak},
        flow::{Broken, Flow},
        gathered::Gathered,
        meter::Framing,
        settle::Settled,
        stalled::Passing,
        stream_end::says_the_end,
        text_watch::TextWatch,
    },
    error::{Refusal, Shape, stream_event},
    provider::Endpoint,
    wire::Body,
};

/// So many bytes go out at once at most.
const AT_ONCE: usize = 64 * 1024;

type Settling = Pin<Box<dyn Future<Output = Option<Settled>> + Send>>;

/// The body of an answer that goes by. Small, for it is cold in the processor's memory each time a
/// piece comes in.
pub(crate) struct Relay {
    flow: Passing,
    phase: Phase,
    framing: Framing,
    endpoint: Endpoint,
    ends_in_a_line: bool,
    /// There are bytes that were had before the relay began.
    has_first: bool,
    /// Puts lines together, where the answer is a stream of events.
    events: Option<Events>,
    /// Gathers what goes by, where it is to be kept.
    keeping: Option<Box<Keeping>>,
    beside: Box<Beside>,
}

/// What few pieces of an answer need.
struct Beside {
    /// Bytes that were had before the relay began.
    first: Option<Bytes>,
    shape: Shape,
    provider: events::Provider,
    /// Why it breaks off.
    broken_by: Option<Refusal>,
    /// The end of a connection that can be used again once it is read.
    rest: Option<Body>,
}

enum Phase {
    /// Bytes go by.
    Open,
    /// The call is being settled; then these bytes go out, and nothing follows, or it breaks.
    Last {
        settling: Settling,
        bytes: Bytes,
        breaks: bool,
    },
    /// Nothing follows.
    Over,
    /// The connection is to be broken off.
    Breaks,
}

/// What came in at one time.
enum Came {
    More(Bytes),
    Last(Bytes),
    Broken(Bytes, Broken),
    Leaked,
}

/// How far an answer has come.
enum End {
    NotYet,
    Whole,
    Broken(Broken),
}

impl Relay {
    pub(crate) fn new(
        flow: Flow,
        framing: Framing,
        shape: Shape,
        target: (Endpoint, events::Provider),
        hides_usage: bool,
    ) -> Self {
        let holds_lines = framing == Framing::Events && !target.0.has_long_events();
        let events = holds_lines.then(|| {
            let texts = TextWatch::new(&flow.watch, target.0);
            Events::new(texts, hides_usage)
        });
        let gate = Arc::clone(flow.gate());
        Self {
            flow: gate.apps.watch_over(flow),
            phase: Phase::Open,
            framing,
            endpoint: target.0,
            ends_in_a_line: false,
            has_first: false,
            events,
            keeping: None,
            beside: Box::new(Beside {
                first: None,
                shape,
                provider: target.1,
                broken_by: None,
                rest: None,
            }),
        }
    }

    /// The same, gathering what goes by.
    pub(crate) fn keeping(mut self, keeping: Option<Box<Keeping>>) -> Self {
        self.keeping = keeping;
        self
    }

    /// Waits for the first bytes, so that an answer which breaks off before them is refused with
    /// a reason, which a broken connection is not.
    ///
    /// # Errors
    /// With that reason; by then the call is settled.
    pub(crate) async fn begun(mut self) -> Result<Self, Refusal> {
        match poll_fn(|cx| Pin::new(&mut self).poll_next(cx)).await {
            Some(Ok(first)) => {
                self.begin_with(first);
                Ok(self)
            }
            Some(Err(BrokenOff)) => {
                let Beside {
                    broken_by,
                    provider,
                    ..
                } = &mut *self.beside;
                let refusal = broken_by.take();
                Err(refusal.unwrap_or(Refusal::ProviderAnswer(provider.clone())))
            }
            None => Ok(self),
        }
    }

    /// Begins with bytes that were had, watched and metered before.
    pub(crate) fn after(mut self, first: Bytes) -> Self {
        self.gather(&first);
        self.begin_with(first);
        self
    }

    fn begin_with(&mut self, first: Bytes) {
        self.beside.first = Some(first);
        self.has_first = true;
    }

    fn gather(&mut self, bytes: &[u8]) {
        if let Some(keeping) = &mut self.keeping {
            keeping.add(bytes);
        }
    }

    /// Takes what is there, all of it together; pending only if nothing is.
    fn poll_came(&mut self, cx: &mut Context<'_>) -> Poll<Came> {
        let mut flow = self.flow.lock();
        let mut gathered = Gathered::default();
        let end = loop {
            match flow.poll_bytes(cx) {
                Poll::Ready(Some(Ok(bytes))) => {
                    gathered.add(bytes);
                    if gathered.length() >= AT_ONCE {
                        break End::NotYet;
                    }
                }
                Poll::Ready(Some(Err(broken))) => break End::Broken(broken),
                Poll::Ready(None) => break End::Whole,
                Poll::Pending if gathered.length() == 0 => return Poll::Pending,
                Poll::Pending => break End::NotYet,
            }
        };
        let Ok(passed) = pass(&mut flow, &mut self.events, gathered.take()) else {
            return Poll::Ready(Came::Leaked);
        };
        Poll::Ready(match end {
            End::NotYet => Came::More(passed),
            End::Broken(broken) => Came::Broken(passed, broken),
            End::Whole => {
                // A last line may lack its end.
                let rest = self.events.as_mut().map(Events::rest).unwrap_or_default();
                if let Some(meter) = flow.meter() {
                    meter.read(&rest);
                }
                gathered.add(passed);
                gathered.add(rest);
                Came::Last(gathered.take())
            }
        })
    }

    /// Settles, and sends these bytes after that.
    fn end(&mut self, outcome: CallOutcome, whole: bool, bytes: Bytes, breaks: bool) {
        let (settling, rest) = self.flow.lock().settle(outcome, whole);
        self.beside.rest = rest.filter(|_| outcome == CallOutcome::Completed);
        self.phase = Phase::Last {
            settling: Box::pin(settling),
            bytes,
            breaks,
        };
    }

    /// Ends an answer that cannot go on: with an event that says so, or, where there are no
    /// events, by breaking off.
    fn end_badly(&mut self, outcome: CallOutcome, mut sent: BytesMut, refusal: Refusal) {
        if self.framing != Framing::Events {
            self.beside.broken_by = Some(refusal);
            return self.end(outcome, false, sent.freeze(), true);
        }
        let in_a_line = sent
            .last()
            .map_or(self.ends_in_a_line, |last| *last != b'\n');
        if in_a_line {
            sent.extend_from_slice(b"\n\n");
        }
        sent.extend_from_slice(&stream_event(&self.beside.shape, self.endpoint, &refusal));
        self.end(outcome, false, sent.freeze(), false);
    }

    fn is_events(&self) -> bool {
        self.framing == Framing::Events
    }

    fn came(&mut self, came: Came) -> Option<Bytes> {
        match came {
            Came::More(bytes) if self.is_events() && says_the_end(self.endpoint, &bytes) => {
                // What follows, if anything, is only the end of the connection.
                self.end(CallOutcome::Completed, true, bytes, false);
                None
            }
            Came::More(bytes) => Some(bytes),
            Came::Last(bytes) => {
                self.end(CallOutcome::Completed, true, bytes, false);
                None
            }
            Came::Broken(bytes, broken) => {
                let refusal = broken.refusal(&self.beside.provider);
                self.end_badly(broken.outcome(), BytesMut::from(&bytes[..]), refusal);
                None
            }
            Came::Leaked => {
                tracing::error!(provider = %self.beside.provider, "a provider sent back the key; its answer was cut");
                let refusal = Refusal::ProviderAnswer(self.beside.provider.clone());
                self.end_badly(CallOutcome::ProviderError, BytesMut::new(), refusal);
                None
            }
        }
    }
}

impl MessageBody for Relay {
    type Error = BrokenOff;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let relay = self.get_mut();
        if relay.has_first {
            relay.has_first = false;
            if let Some(first) = relay.beside.first.take() {
                return Poll::Ready(Some(Ok(first)));
            }
        }
        loop {
            match &mut relay.phase {
                Phase::Open => {
                    let came = ready!(relay.poll_came(cx));
                    if let Some(bytes) = relay.came(came).filter(|bytes| !bytes.is_empty()) {
                        relay.ends_in_a_line = bytes.last() != Some(&b'\n');
                        relay.gather(&bytes);
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Phase::Last {
                    settling,
                    bytes,
                    breaks,
                } => {
                    let settled = ready!(settling.as_mut().poll(cx));
                    let bytes = std::mem::take(bytes);
                    relay.phase = if *breaks { Phase::Breaks } else { Phase::Over };
                    if let Some(keeping) = relay.keeping.take() {
                        keeping.end(&bytes, settled.as_ref());
                    }
                    if !bytes.is_empty() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Phase::Breaks => {
                    relay.phase = Phase::Over;
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
                Phase::Over => {
                    if let Some(rest) = relay.beside.rest.take() {
                        drain::to_its_end(rest, cx);
                    }
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // What is read on behind the app's back begins in the midst of this line.
        if let Some(events) = &mut self.events
            && let Some(meter) = self.flow.lock().meter()
        {
            meter.read(&events.rest());
        }
        // Half settled: the rest is done though nobody waits for it.
        if let Phase::Last { settling, .. } = std::mem::replace(&mut self.phase, Phase::Over) {
            drain::behind(async move {
                settling.await;
            });
        }
    }
}

/// Has the meter read the bytes; gives what of them goes on.
fn pass(flow: &mut Flow, events: &mut Option<Events>, bytes: Bytes) -> Result<Bytes, Leak> {
    if flow.watch.finds_next(&bytes) {
        return Err(Leak);
    }
    let Some(meter) = flow.meter() else {
        return Ok(bytes);
    };
    match events {
        Some(lines) if lines.is_too_much(&bytes) => {
            let mut all = BytesMut::from(&lines.rest()[..]);
            all.extend_from_slice(&bytes);
            *events = None;
            let all = all.freeze();
            meter.read(&all);
            Ok(all)
        }
        Some(lines) => lines.pass(&bytes, meter),
        None => {
            meter.read(&bytes);
            Ok(bytes)
        }
    }
}

/// The answer goes no further.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer broke off")]
pub(crate) struct BrokenOff;

/// Keeps the relay's type out of sight of those who answer.
pub(crate) fn boxed(relay: Relay) -> actix_web::body::BoxBody {
    actix_web::body::BoxBody::new(relay)
}
