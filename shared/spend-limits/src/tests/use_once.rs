//! What counts once counts once over all processes.

use std::time::Duration;

use ids::TokenDigest;
use tokio::time::Instant;

use super::{SHARED_REDIS, Scratch};
use crate::SpendLimits;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_use_the_same_thing_at_once_one_does() {
    let here = Scratch::closed(SHARED_REDIS);
    let there = SpendLimits::connect(SHARED_REDIS, &here.namespace).unwrap();
    let digest = TokenDigest::of("a proof");
    let long = Duration::from_secs(60);
    let both = (0..20).map(|n| {
        if n % 2 == 0 {
            here.limits.clone()
        } else {
            there.clone()
        }
    });
    let using = both.map(|limits| tokio::spawn(async move { limits.use_once(digest, long).await }));
    let mut first = 0;
    for used in using.collect::<Vec<_>>() {
        first += usize::from(used.await.unwrap().unwrap());
    }
    assert_eq!(first, 1);
    assert!(
        there
            .use_once(TokenDigest::of("another"), long)
            .await
            .unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_forgotten_after_its_time_and_not_before() {
    let scratch = Scratch::closed(SHARED_REDIS);
    let (digest, short) = (TokenDigest::of("a proof"), Duration::from_millis(300));
    let began = Instant::now();
    assert!(scratch.limits.use_once(digest, short).await.unwrap());
    while !scratch.limits.use_once(digest, short).await.unwrap() {
        assert!(began.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() >= short);
}
