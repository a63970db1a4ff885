use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::cache::Likeness;

const BOUNDS: CacheBounds = CacheBounds {
    all: 64 * 1024,
    one: 8 * 1024,
};

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn max_age(seconds: u32) -> MaxAge {
    let mut headers = actix_web::http::header::HeaderMap::new();
    let value = format!("max-age={seconds}").parse().unwrap();
    let name = actix_web::http::header::HeaderName::from_static(crate::cache::HEADER);
    headers.insert(name, value);
    MaxAge::asked(&headers).unwrap().unwrap()
}

/// The key of a call with this body under this grant.
fn key(tenant: TenantId, grant: GrantId, body: &[u8]) -> CacheKey {
    Likeness {
        tenant,
        grant,
        key: ids::ProviderKeyId::NONE,
        tokens_per_request: 1,
        provider: "openai",
        method: "POST",
        url: "https://api.openai.com/v1/chat/completions",
        forwarded: &http::HeaderMap::new(),
        content_type: b"application/json",
        body,
    }
    .key()
}

fn answer(tenant: TenantId, grants: &[GrantId], length: usize, seconds: u32) -> KeptAnswer {
    KeptAnswer {
        tenant,
        grants: grants.into(),
        content_type: "application/json",
        provider_request_id: None,
        output_cap: None,
        body: vec![b'x'; length].into(),
        kept_at: now(),
        max_age: max_age(seconds),
    }
}

fn ids() -> (TenantId, GrantId) {
    (TenantId::new(now()), GrantId::new(now()))
}

#[test]
fn an_answer_is_as_old_as_both_its_call_and_this_one_allow() {
    let cache = ResponseCache::new(BOUNDS);
    let (tenant, grant) = ids();
    let one = key(tenant, grant, b"one");
    cache.keep(one, answer(tenant, &[grant], 10, 60));
    let found = |asked: u32, at| cache.find(&one, max_age(asked), at).is_some();
    assert!(found(3600, after(0)) && found(3600, after(59)));
    assert!(!found(3600, after(60)), "kept for a minute alone");
    assert!(found(10, after(9)) && !found(10, after(10)));
    assert!(found(10, after(-5)), "a clock that was set back");
}

#[test]
fn a_newer_answer_takes_the_place_of_the_older() {
    let cache = ResponseCache::new(BOUNDS);
    let (tenant, grant) = ids();
    let one = key(tenant, grant, b"one");
    cache.keep(one, answer(tenant, &[grant], 10, 60));
    let newer = KeptAnswer {
        kept_at: after(120),
        ..answer(tenant, &[grant], 20, 60)
    };
    cache.keep(one, newer);
    let found = cache.find(&one, max_age(60), after(130)).unwrap();
    assert_eq!((found.body.len(), found.age(after(130))), (20, 10));
}

#[test]
fn what_is_too_long_is_not_kept_and_without_room_nothing_is() {
    let (tenant, grant) = ids();
    let one = key(tenant, grant, b"one");
    let cache = ResponseCache::new(BOUNDS);
    cache.keep(one, answer(tenant, &[grant], BOUNDS.one + 1, 60));
    assert!(cache.find(&one, max_age(60), now()).is_none());
    cache.keep(one, answer(tenant, &[grant], BOUNDS.one, 60));
    assert!(cache.find(&one, max_age(60), now()).is_some());
    let none = ResponseCache::new(CacheBounds { all: 0, ..BOUNDS });
    none.keep(one, answer(tenant, &[grant], 1, 60));
    assert!(!none.is_on() && none.find(&one, max_age(60), now()).is_none());
}

#[test]
fn answers_of_what_has_ended_go() {
    let cache = ResponseCache::new(BOUNDS);
    let (tenant, parent) = ids();
    let (other, stays) = ids();
    let child = GrantId::new(now());
    let of = |tenant, grant| key(tenant, grant, b"one");
    cache.keep(of(tenant, parent), answer(tenant, &[parent], 10, 60));
    cache.keep(of(tenant, child), answer(tenant, &[child, parent], 10, 60));
    cache.keep(of(other, stays), answer(other, &[stays], 10, 60));
    let kept = |tenant, grant| {
        let found = cache.find(&of(tenant, grant), max_age(60), now());
        found.is_some()
    };
    cache.forget_grant(parent);
    cache.tidy();
    assert!(!kept(tenant, parent) && !kept(tenant, child) && kept(other, stays));
    cache.forget_tenant(other);
    cache.tidy();
    assert!(!kept(other, stays));
    cache.keep(of(other, stays), answer(other, &[stays], 10, 60));
    cache.tidy();
    assert!(kept(other, stays), "what ended is told once");
    cache.forget_all();
    assert!(!kept(other, stays));
}

proptest! {
    #[test]
    fn no_more_is_kept_than_may_be(lengths in prop::collection::vec(0_usize..10_000, 0..60)) {
        let cache = ResponseCache::new(BOUNDS);
        let (tenant, grant) = ids();
        for (at, length) in lengths.iter().enumerate() {
            let key = key(tenant, grant, &at.to_be_bytes());
            cache.keep(key, answer(tenant, &[grant], *length, 60));
            prop_assert!(cache.answers.weighted_size() <= BOUNDS.all);
            let all: usize = cache.answers.iter().map(|(_, kept)| kept.weight()).sum();
            prop_assert!(all as u64 <= BOUNDS.all, "{all}");
        }
    }
}
