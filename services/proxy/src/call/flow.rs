//! An answer on its way in: its bytes, its bounds in time, and who must be told when it ends.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use events::CallOutcome;
use futures_util::Stream;
use http::Response;
use tokio::time::Instant;

use crate::{
    call::{
        alarm::Alarm,
        drain,
        gate::Gate,
        key_watch::KeyWatch,
        live::LiveCall,
        meter::Meter,
        settle::{Ending, Evidence, OpenCall, Settled},
    },
    error::Refusal,
    wire::Body,
};

/// An answer on its way in. Dropped before its end, because the app went away, it is read on
/// behind the app's back for as long as it is worth.
pub(crate) struct Flow {
    gate: Arc<Gate>,
    parts: Option<Parts>,
    /// There until nobody waits for the answer any more.
    live: Option<LiveCall>,
    pub(crate) watch: KeyWatch,
    /// Rings when the provider took too long. Who is woken by it is woken when the call is cut, too.
    alarm: Alarm,
    heard: Instant,
    /// When the app last asked for more.
    asked: Instant,
    idle: Duration,
    deadline: Instant,
    /// Why it was taken from the app.
    abandoned: Option<Broken>,
}

/// What is needed to read an answer to its end and settle its call.
pub(crate) struct Parts {
    pub(crate) incoming: Body,
    pub(crate) meter: Box<Meter>,
    pub(crate) open: OpenCall,
    pub(crate) status: u16,
}

/// Why an answer goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The grant was revoked.
    Revoked,
    /// The provider was silent, or took longer than a call may.
    Late,
    /// The provider broke off.
    Off,
}

impl Broken {
    pub(crate) const fn outcome(self) -> CallOutcome {
        match self {
            Self::Revoked => CallOutcome::CutByRevocation,
            Self::Late | Self::Off => CallOutcome::ProviderUnreachable,
        }
    }

    pub(crate) fn refusal(self, provider: &events::Provider) -> Refusal {
        match self {
            Self::Revoked => Refusal::TokenRevoked,
            Self::Late => Refusal::ProviderLate(provider.clone()),
            Self::Off => Refusal::ProviderUnreachable(provider.clone()),
        }
    }
}

impl Flow {
    pub(crate) fn new(
        gate: Arc<Gate>,
        response: Response<Body>,
        meter: Box<Meter>,
        open: OpenCall,
        live: LiveCall,
        guard: (KeyWatch, Instant),
    ) -> Self {
        let status = response.status().as_u16();
        let (watch, deadline) = guard;
        let (heard, idle) = (Instant::now(), gate.bounds.idle);
        let parts = Parts {
            incoming: response.into_body(),
            meter,
            open,
            status,
        };
        Self {
            gate,
            parts: Some(parts),
            live: Some(live),
            watch,
            alarm: Alarm::at((heard + idle).min(deadline)),
            heard,
            asked: heard,
            idle,
            deadline,
            abandoned: None,
        }
    }

    /// The next bytes; `None` at the end.
    pub(crate) fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        if self.is_cut() {
            return Poll::Ready(Some(Err(Broken::Revoked)));
        }
        if let Some(broken) = self.abandoned {
            return Poll::Ready(Some(Err(broken)));
        }
        let (Some(parts), Some(live)) = (&mut self.parts, &self.live) else {
            return Poll::Ready(None);
        };
        match Pin::new(&mut parts.incoming).poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.heard = Instant::now();
                self.asked = self.heard;
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(Broken::Off))),
            Poll::Ready(None) => Poll::Ready(None),
            // It was just found not to be cut, so neither is asked with each piece of an answer.
            Poll::Pending if self.alarm.is_set_for(cx) => Poll::Pending,
            Poll::Pending if live.poll_cut(cx).is_ready() => {
                Poll::Ready(Some(Err(Broken::Revoked)))
            }
            Poll::Pending => {
                let due = (self.heard + self.idle).min(self.deadline);
                ready!(self.alarm.poll(cx, due));
                Poll::Ready(Some(Err(Broken::Late)))
            }
        }
    }

    /// The meter, as long as the call is not settled.
    pub(crate) fn meter(&mut self) -> Option<&mut Meter> {
        self.parts.as_mut().map(|parts| &mut *parts.meter)
    }

    /// Ends the call with what the meter has read: gives what settles it, and what is left of the
    /// answer. Settling goes on without being waited for only once it was polled.
    pub(crate) fn settle(
        &mut self,
        outcome: CallOutcome,
        whole: bool,
    ) -> (
        impl Future<Output = Option<Settled>> + Send + 'static + use<>,
        Option<Body>,
    ) {
        let (mut rest, mut settle) = (None, None);
        if let Some(Parts {
            incoming,
            meter,
            open,
            status,
        }) = self.parts.take()
        {
            let reading = meter.finish(whole);
            let outcome = match outcome {
                CallOutcome::Completed if reading.failed => CallOutcome::ProviderError,
                other => other,
            };
            let evidence = Evidence::Reading(Box::new(reading));
            settle = Some((
                open,
                Ending {
                    outcome,
                    status: Some(status),
                    evidence,
                },
            ));
            rest = Some(incoming);
        }
        let settling = async move {
            match settle {
                Some((open, ending)) => Some(open.settle(ending).await),
                None => None,
            }
        };
        (settling, rest)
    }

    fn is_cut(&self) -> bool {
        self.live.as_ref().is_some_and(LiveCall::is_cut)
    }

    pub(crate) const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    pub(crate) fn open(&self) -> Option<&OpenCall> {
        self.parts.as_ref().map(|parts| &parts.open)
    }
}

impl Flow {
    /// Takes the answer from an app that has not asked for more in this time, or whose grant was
    /// revoked. Tells whether it did.
    pub(crate) fn abandon_if_unread(&mut self, patience: Duration) -> bool {
        let is_cut = self.is_cut();
        let unread = self.asked.elapsed() > patience || is_cut;
        if !unread || self.parts.is_none() {
            return false;
        }
        self.abandoned = Some(if is_cut {
            Broken::Revoked
        } else {
            Broken::Late
        });
        self.let_go();
        true
    }

    /// Nobody waits for the answer any more.
    fn let_go(&mut self) {
        let Some(parts) = self.parts.take() else {
            return;
        };
        let live = self.live.take();
        if let Some(live) = live.filter(|live| !live.is_cut()) {
            return drain::in_the_midst(&self.gate, parts, live);
        }
        // Revoked: the provider is to stop, and what it did until now is not known.
        let evidence = Evidence::Reading(Box::new(parts.meter.finish(false)));
        let outcome = CallOutcome::CutByRevocation;
        let ending = Ending {
            outcome,
            status: Some(parts.status),
            evidence,
        };
        drain::behind(async move {
            parts.open.settle(ending).await;
        });
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.let_go();
    }
}
