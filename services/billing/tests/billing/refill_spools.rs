//! Limits begin anew when somebody answered for every spool, or after a while without.

use std::time::Duration;

use billing::{App, Settings, refill::Refill};
use clock::Clock;
use spend_limits::{Grace, Opened, Unrecorded};

use crate::{
    refill::{GRACE, limits, refill},
    stage::Stage,
};

/// Registers a spool, as a proxy does, and tells its number.
async fn registered(stage: &Stage) -> u64 {
    let number = stage.tenant().uuid().as_u64_pair().0;
    let row = "INSERT INTO store.spools (number) VALUES ($1)";
    let server = stage.superuser().await;
    server.execute(row, &[&number.cast_signed()]).await.unwrap();
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_stay_shut_until_a_registered_spool_is_answered_for() {
    let stage = Stage::at_time(Clock::system()).await;
    let number = registered(&stage).await;
    let refill = refill(&stage);
    let mut opening = tokio::spawn(async move { refill.open().await });
    let proxy = limits(&stage);
    let heir = async || Unrecorded {
        spools: vec![number],
        ..Unrecorded::default()
    };
    let longer_than_others_get = tokio::time::timeout(GRACE * 10, &mut opening);
    assert!(longer_than_others_get.await.is_err(), "it did not wait");
    assert!(proxy.epoch_needed().await.unwrap());
    tokio::select! {
        () = proxy.watch_openings(heir) => unreachable!("it watches for ever"),
        opened = opening => assert!(matches!(opened.unwrap().unwrap(), Opened::Opened(_))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_is_lost_is_waited_for_once() {
    let stage = Stage::at_time(Clock::system()).await;
    let number = registered(&stage).await;
    let brief = Refill {
        grace: Grace {
            least: Duration::ZERO,
            most: GRACE,
        },
        ..refill(&stage)
    };
    let opened = brief.open().await.unwrap();
    assert!(matches!(opened, Opened::Without(_, spools) if spools == [number]));
    stage.forget_redis();
    let opened = brief.open().await.unwrap();
    assert!(matches!(opened, Opened::Opened(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_cannot_be_taken_in_are_waited_for_as_long_and_no_longer() {
    let stage = Stage::at_time(Clock::system()).await;
    let without_a_bus = Settings {
        amqp_url: "amqp://127.0.0.1:1".to_owned(),
        ..stage.settings.clone()
    };
    let app = App::build(&without_a_bus, stage.clock.clone()).unwrap();
    let within = |most| Refill {
        grace: Grace {
            least: Duration::ZERO,
            most,
        },
        ..app.refill().clone()
    };
    let long = within(Duration::from_secs(60));
    let opening = tokio::time::timeout(Duration::from_secs(2), long.open());
    assert!(opening.await.is_err(), "it did not wait");
    stage.forget_redis();
    let opened = within(Duration::ZERO).open().await.unwrap();
    assert!(matches!(opened, Opened::Opened(_)));
}
