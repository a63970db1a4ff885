//! What runs beside the calls.

use std::{sync::Arc, time::Duration};

use event_bus::Watched;
use event_store::RecordedEvent;
use events::{GrantEvent, ProviderKeyEvent};
use ids::{GrantId, ProviderKeyId};
use server::Shutdown;
use spend_limits::Unrecorded;
use tokio::{task::JoinHandle, time::interval};

use crate::{
    call::{self, Gate, LeftBehind},
    key_health,
    spool::{self, Register},
};

/// What dead processes left, shared by those who end it and those who carry it into a new epoch.
type Left = Arc<tokio::sync::Mutex<LeftBehind>>;

/// How often spools of dead processes are looked for.
const RECOVER_EVERY: Duration = Duration::from_secs(30);
/// How often the grants of running calls are looked up again: the net under messages that were
/// missed.
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(5);
/// How often opened keys that nobody uses, and kept answers whose time is over, are cleared.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Starts all of it.
pub(crate) fn start(
    gate: &Arc<Gate>,
    register: &Register,
    shutdown: &Shutdown,
) -> Vec<JoinHandle<()>> {
    let publishing = publish(Arc::clone(gate), register.clone(), shutdown.requested());
    let left = Left::default();
    vec![
        tokio::spawn(publishing),
        until(
            shutdown,
            recover(Arc::clone(gate), Arc::clone(&left), register.clone()),
        ),
        until(shutdown, heed(Arc::clone(gate))),
        until(shutdown, look_again(Arc::clone(gate))),
        tokio::spawn(keep_limits(Arc::clone(gate), left, shutdown.requested())),
        until(shutdown, tidy(Arc::clone(gate))),
        until(shutdown, key_health::answer(Arc::clone(gate))),
    ]
}

fn until(shutdown: &Shutdown, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let stop = shutdown.requested();
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = stop => {}
        }
    })
}

/// Publishes ended calls until the stop. What is left then is taken over by the next process; if nothing
/// is, nobody needs to answer for this spool any more.
async fn publish(gate: Arc<Gate>, register: Register, stop: impl Future<Output = ()>) {
    spool::publish(gate.spool.clone(), gate.bus.clone(), stop).await;
    if let Some(number) = gate.spool.number().filter(|_| gate.spool.is_done())
        && let Err(error) = register.leave(&[number]).await
    {
        tracing::warn!(%error, "the spool stays registered, with nothing in it");
    }
}

/// Takes over what dead processes left: the records of their calls, and then their holds, which
/// nobody else would end before their deadline.
async fn recover(gate: Arc<Gate>, left: Left, register: Register) {
    let mut ticks = interval(RECOVER_EVERY);
    loop {
        ticks.tick().await;
        left.lock().await.take_over(&gate.spool).await;
        keep_registered(&gate, &left, &register).await;
        if let Err(error) = left.lock().await.end(&gate.limits).await {
            tracing::warn!(%error, "holds of a process that died wait to be settled");
        }
    }
}

/// Takes spools that are gone from the register, and enters our own again, should limits have begun
/// anew without it because it could not be heard. Nobody is kept waiting meanwhile: what is carried
/// into an epoch has no time for a database.
async fn keep_registered(gate: &Gate, left: &Left, register: &Register) {
    let gone = left.lock().await.registered().to_vec();
    let kept = async {
        if let Some(number) = gate.spool.number() {
            register.enter(number).await?;
        }
        if !gone.is_empty() {
            register.leave(&gone).await?;
        }
        Ok::<_, postgres::DatabaseError>(())
    };
    match kept.await {
        Ok(()) => left.lock().await.left(&gone),
        Err(error) => tracing::warn!(%error, "the register of spools is not up to date"),
    }
}

/// Heeds decisions as they are announced.
async fn heed(gate: Arc<Gate>) {
    let mut watcher = gate.bus.watch(&[
        "grant.#",
        "provider_key.#",
        "custom_provider.#",
        "model_alias.#",
        "budget.#",
        "organization_policy.#",
    ]);
    loop {
        match watcher.next().await {
            Watched::Event(event) => heed_event(&gate, &event).await,
            Watched::Gap => {
                gate.access.forget_all();
                gate.budgets.forget_all();
                gate.cache.forget_all();
                gate.keys.forget_all().await;
                cut_what_ended(&gate).await;
            }
        }
    }
}

async fn heed_event(gate: &Gate, event: &RecordedEvent) {
    if event.event_type.starts_with("budget.") {
        gate.budgets.forget(event.tenant);
        return;
    }
    let Some(id) = event.stream_uuid() else {
        return;
    };
    if event.event_type.starts_with("grant.") {
        let grant = GrantId::from_uuid(id);
        gate.access.forget(grant);
        let read = event.read::<GrantEvent>();
        if matches!(read, Ok(Some(GrantEvent::Revoked { .. }))) {
            gate.cache.forget_grant(grant);
            let cut = gate.live.cut(grant);
            // Those that do not read are not woken by it.
            gate.apps.give_up();
            tracing::info!(grant.id = %grant, cut, "a grant was revoked");
        } else if read.is_err() {
            // Whatever it says of the grant: it is looked up again.
            cut_what_ended(gate).await;
        }
    } else if ["custom_provider.", "model_alias."]
        .iter()
        .any(|family| event.event_type.starts_with(family))
    {
        // They stand beside every grant of their organization; such events are few.
        gate.access.forget_all();
    } else if event.event_type.starts_with("organization_policy.") {
        // So does this.
        gate.access.forget_all();
        gate.cache.forget_tenant(event.tenant);
    } else if event.event_type.starts_with("provider_key.") && changes_key(event) {
        gate.keys.forget(ProviderKeyId::from_uuid(id)).await;
    }
}

/// Whether the key is not what it was. What cannot be read may say so.
fn changes_key(event: &RecordedEvent) -> bool {
    // What proxies tell is not stored, and no event of the family.
    let told = event.event_type == key_health::WORKS;
    !told
        && !matches!(
            event.read::<ProviderKeyEvent>(),
            Ok(Some(
                ProviderKeyEvent::Stored { .. }
                    | ProviderKeyEvent::CheckRequested { .. }
                    | ProviderKeyEvent::FoundWorking { .. }
            ))
        )
}

async fn look_again(gate: Arc<Gate>) {
    let mut ticks = interval(LOOK_AGAIN_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        cut_what_ended(&gate).await;
        let stalled = gate.apps.give_up();
        if stalled > 0 {
            tracing::info!(
                stalled,
                "answers were taken from apps that did not read them"
            );
        }
        metrics::gauge!("latchkey_calls_running").set(as_gauge(gate.live.running() as u64));
        metrics::gauge!("latchkey_calls_unended").set(as_gauge(gate.spool.running()));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn as_gauge(count: u64) -> f64 {
    count as f64
}

/// Cuts the calls of grants that were revoked. A call may outlast its grant's expiry, which only
/// says when the last one may begin.
async fn cut_what_ended(gate: &Gate) {
    for (grant, digest) in gate.live.grants() {
        let found = gate.access.find(digest).await;
        let ended = matches!(
            found,
            Err(grant_access::Refusal::Closed(_) | grant_access::Refusal::NotFound)
        );
        if ended && gate.live.cut(grant) > 0 {
            tracing::info!(grant.id = %grant, "calls of a revoked grant were cut");
        }
    }
}

/// Carries calls into the limits until the stop. By then all calls have ended; those that ended
/// last are settled here, for the workers that began it have gone.
async fn keep_limits(gate: Arc<Gate>, left: Left, stop: impl Future<Output = ()>) {
    tokio::select! {
        () = carry(Arc::clone(&gate), left) => {}
        () = stop => {}
    }
    gate.keys.forget_all().await;
    if let Err(error) = gate.limits.settle_rest().await {
        tracing::warn!(%error, "calls are settled at the deadline of their holds");
    }
}

/// Carries calls into the limits when these begin anew: those of this process, and those of processes
/// that died, of which neither the ledger nor anybody else knows.
async fn carry(gate: Arc<Gate>, left: Left) {
    let unrecorded = || {
        let (gate, left) = (Arc::clone(&gate), Arc::clone(&left));
        async move {
            let mut left = left.lock().await;
            left.take_over(&gate.spool).await;
            let (mut spools, mut spent) = (left.numbers().to_vec(), Vec::new());
            match gate.spool.unpublished().await {
                Ok(own) => {
                    spools.extend(gate.spool.number());
                    spent.extend(
                        own.iter()
                            .filter_map(|(record, note)| call::spent(record, note)),
                    );
                }
                Err(error) => tracing::error!(%error, "the spool cannot be read"),
            }
            // What was taken over may be on its way to the ledger by now, and not in it.
            spent.extend(left.spent().cloned());
            Unrecorded { spent, spools }
        }
    };
    gate.limits.watch_openings(unrecorded).await;
}

async fn tidy(gate: Arc<Gate>) {
    let mut ticks = interval(TIDY_EVERY);
    loop {
        ticks.tick().await;
        gate.keys.tidy().await;
        gate.cache.tidy();
    }
}
