//! Reads answers to their end when the app has gone, to learn what they cost.
//!
//! Such a call is one of those that run until it is settled: it takes its place among them, and it is
//! cut when its grant is revoked.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Context, time::Duration};

use events::CallOutcome;
use futures_util::{Stream, StreamExt};
use http::Response;
use tokio::{runtime::Handle, time::timeout};

use crate::{
    call::{
        answer::framing_of,
        flow::Parts,
        forward::{Answering, evidence_of},
        gate::Gate,
        live::LiveCall,
        meter::Meter,
        refused::evidence_of_refusal,
        settle::{Ending, Evidence, OpenCall},
    },
    provider::Endpoint,
    wire::Body,
};

/// How long the end of a connection is waited for.
const REST: Duration = Duration::from_secs(2);

/// Runs to its end beside everything else. Without a runtime, which is at the end of the process,
/// what it holds is dropped, and settled as far as is known.
pub(crate) fn behind(work: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(work);
    }
}

/// The app went away before the provider began to answer.
pub(crate) fn before_the_head(
    gate: Arc<Gate>,
    endpoint: Endpoint,
    answering: Answering,
    (open, live): (OpenCall, LiveCall),
) {
    // Dropped, the call is settled at all that is held for it.
    let Some(permit) = gate.drains.begin() else {
        return;
    };
    behind(async move {
        let patience = gate.bounds.drain;
        let answered = tokio::select! {
            answered = timeout(patience, answering) => answered,
            () = cut(&live) => {
                settle(open, CallOutcome::CutByRevocation, None, Evidence::None).await;
                drop(permit);
                return;
            }
        };
        match answered {
            Ok(Ok(response)) if response.status().is_success() => {
                read_on(&gate, parts_of(endpoint, response, open), &live).await;
            }
            Ok(Ok(response)) => {
                let evidence = evidence_of_refusal(response.status());
                let status = Some(response.status().as_u16());
                settle(open, CallOutcome::ProviderError, status, evidence).await;
            }
            Ok(Err(error)) => {
                let evidence = evidence_of(&error);
                settle(open, CallOutcome::ProviderUnreachable, None, evidence).await;
            }
            Err(_) => settle(open, CallOutcome::ClientGone, None, Evidence::None).await,
        }
        drop(permit);
    });
}

/// The app went away in the midst of an answer.
pub(crate) fn in_the_midst(gate: &Arc<Gate>, parts: Parts, live: LiveCall) {
    let Some(permit) = gate.drains.begin() else {
        let Parts {
            meter,
            open,
            status,
            ..
        } = parts;
        let evidence = Evidence::Reading(Box::new(meter.finish(false)));
        behind(settle(
            open,
            CallOutcome::ClientGone,
            Some(status),
            evidence,
        ));
        return;
    };
    let gate = Arc::clone(gate);
    behind(async move {
        read_on(&gate, parts, &live).await;
        drop(permit);
    });
}

/// Ends when the call is cut.
async fn cut(live: &LiveCall) {
    poll_fn(|cx| live.poll_cut(cx)).await;
}

/// Reads the end of an answer that was settled already, so that its connection can be used again.
pub(crate) fn to_its_end(mut rest: Body, cx: &mut Context<'_>) {
    // Mostly it is there by now.
    if Pin::new(&mut rest).poll_next(cx).is_pending() {
        behind(async move { drop(timeout(REST, rest.next()).await) });
    }
}

fn parts_of(endpoint: Endpoint, response: Response<Body>, open: OpenCall) -> Parts {
    let framing =
        framing_of(endpoint, response.headers()).unwrap_or(crate::call::meter::Framing::Json);
    let status = response.status().as_u16();
    let incoming = response.into_body();
    Parts {
        incoming,
        meter: Box::new(Meter::new(endpoint, framing)),
        open,
        status,
    }
}

async fn read_on(gate: &Gate, parts: Parts, live: &LiveCall) {
    let Parts {
        mut incoming,
        mut meter,
        open,
        status,
    } = parts;
    let reading = timeout(gate.bounds.drain, async {
        loop {
            match incoming.next().await {
                Some(Ok(bytes)) => meter.read(&bytes),
                Some(Err(_)) => return false,
                None => return true,
            }
        }
    });
    let (whole, outcome) = tokio::select! {
        read = reading => (read.unwrap_or(false), CallOutcome::ClientGone),
        () = cut(live) => (false, CallOutcome::CutByRevocation),
    };
    drop(incoming);
    let evidence = Evidence::Reading(Box::new(meter.finish(whole)));
    settle(open, outcome, Some(status), evidence).await;
}

async fn settle(open: OpenCall, outcome: CallOutcome, status: Option<u16>, evidence: Evidence) {
    open.settle(Ending {
        outcome,
        status,
        evidence,
    })
    .await;
}
