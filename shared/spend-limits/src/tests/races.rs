use std::sync::atomic::AtomicU32;

use super::*;

/// Runs `attempt` two hundred times at once over eight processes' worth of connections; returns
/// how many succeeded.
async fn race<F, Tried>(processes: &[SpendLimits], attempt: F) -> u32
where
    F: Fn(SpendLimits) -> Tried,
    Tried: Future<Output = bool> + Send + 'static,
{
    let mut running = tokio::task::JoinSet::new();
    for turn in 0..200 {
        running.spawn(attempt(processes[turn % processes.len()].clone()));
    }
    running.join_all().await.into_iter().map(u32::from).sum()
}

fn processes(scratch: &Scratch) -> Vec<SpendLimits> {
    (0..8).map(|_| scratch.another()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_at_once_with_room_for_ten_exactly_ten_are_held() {
    let ten = CallLimits {
        requests_per_minute: Some(10),
        requests_per_day: None,
        daily_spend: None,
        monthly_spend: None,
    };
    let limits = [
        monthly(100),
        daily(100),
        ten,
        CallLimits {
            requests_per_minute: None,
            requests_per_day: Some(10),
            ..ten
        },
    ];
    for limits in limits {
        let scratch = Scratch::open().await;
        let bucket = bucket();
        let held = race(&processes(&scratch), |process| async move {
            process.reserve(&asks(bucket, 10, limits)).await.is_ok()
        })
        .await;
        assert_eq!(held, 10, "{limits:?}");
    }
}

/// The control: the same race against a counter that is read first and added to afterwards, in the
/// order that a bad day brings, where all have read before the first adds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_race_passes_a_limit_that_is_checked_before_it_is_added_to() {
    let scratch = Scratch::open().await;
    let counter = format!("{}:naive", scratch.namespace);
    let all_have_read = std::sync::Arc::new(tokio::sync::Barrier::new(200));
    let held = race(&processes(&scratch), |process| {
        let (counter, all_have_read) = (counter.clone(), all_have_read.clone());
        async move {
            let mut read = redis::cmd("GET");
            read.arg(&counter);
            let spent: Option<i64> = process.ask("get", &read).await.unwrap();
            all_have_read.wait().await;
            if spent.unwrap_or(0) + 10 > 100 {
                return false;
            }
            let mut add = redis::cmd("INCRBY");
            add.arg(&counter).arg(10);
            let _: i64 = process.ask("add", &add).await.unwrap();
            true
        }
    })
    .await;
    assert!(held > 10, "{held}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_is_held_once_and_settled_once_however_many_try() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let asked = asks(bucket, 10, monthly(1000));
    let held_times = race(&processes(&scratch), |process| {
        let asked = asked.clone();
        async move { process.reserve(&asked).await.is_ok() }
    })
    .await;
    assert_eq!(held_times, 1);
    assert_eq!(month(&scratch, bucket).await, (0, 10));

    let hold = crate::Hold {
        bucket,
        above: crate::OwnersAbove::NONE,
        call: asked.call,
        epoch: scratch.position().await.unwrap().0.unwrap(),
    };
    let settled = race(&processes(&scratch), |process| {
        let hold = hold.clone();
        async move { process.settle(hold, nanos(7)).await.unwrap() == crate::Settled::Done }
    })
    .await;
    assert_eq!(settled, 1);
    assert_eq!(month(&scratch, bucket).await, (7, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_and_goes_at_once_ends_at_the_sum_of_the_costs() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let next = std::sync::Arc::new(AtomicU32::new(0));
    let held = race(&processes(&scratch), |process| {
        let next = next.clone();
        async move {
            let cost = i64::from(next.fetch_add(1, Ordering::SeqCst));
            let Ok(hold) = process
                .reserve(&asks(bucket, 200, all_four(1_000_000)))
                .await
            else {
                return false;
            };
            process.settle(&hold, nanos(cost)).await.is_ok()
        }
    })
    .await;
    assert_eq!(held, 200);
    assert_eq!(month(&scratch, bucket).await, ((0..200).sum(), 0));
}
