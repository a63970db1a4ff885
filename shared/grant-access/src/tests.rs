use std::sync::Arc;

use clock::Clock;
use events::{
    AppIdentity, AuthorizationDetail, Capability, GrantedLimits, Models, Provider, RouteStrategy,
    Verification,
};
use ids::{GrantId, OkapToken, ProviderKeyId, TenantId, TokenDigest, UserId};
use jiff::{SignedDuration, Timestamp};
use money::Nanodollars;
use postgres::{Postgres, Scope};

use crate::{
    GrantAccess, GrantAccessReader, Refusal, change, close, open, reader::FIND, scratch::Scratch,
};

const NOW: &str = "2026-11-22T10:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn detail(provider: &str, requests_per_day: u32) -> AuthorizationDetail {
    AuthorizationDetail {
        provider: provider.parse().unwrap(),
        models: Models::default(),
        capabilities: [Capability::Chat].into(),
        limits: GrantedLimits {
            monthly_spend: Nanodollars::ZERO,
            daily_spend: Nanodollars::ZERO,
            requests_per_minute: 10,
            requests_per_day,
            tokens_per_request: 1000,
        },
        expires: now() + SignedDuration::from_hours(24),
        key_id: ProviderKeyId::new(now()),
        reason: None,
    }
}

fn access(tenant: TenantId) -> GrantAccess {
    GrantAccess {
        tenant,
        grant: GrantId::new(now()),
        user: UserId::new(now()),
        app: AppIdentity {
            app: None,
            name: "Reader".to_owned(),
            url: None,
            verification: Verification::Unverified,
            registration: None,
        },
        details: vec![detail("openai", 5), detail("anthropic", 6)],
        expires_at: now() + SignedDuration::from_hours(1),
        closed_at: None,
        bound_to: None,
        ancestors: vec![],
        custom_providers: Vec::new(),
        model_aliases: Vec::new(),
        response_cache: false,
        shadows: Vec::new(),
        version: 1,
    }
}

/// One granted access in a database of its own, and a reader under the proxy's role.
struct Granted {
    scratch: Scratch,
    consent: Postgres,
    clock: Clock,
    reader: GrantAccessReader,
    digest: TokenDigest,
    access: GrantAccess,
}

async fn granted() -> Granted {
    let scratch = Scratch::new().await;
    let consent = scratch.as_role("latchkey_consent");
    let clock = Clock::set(now());
    let reader = GrantAccessReader::new(scratch.as_role("latchkey_proxy"), clock.clone());
    let (access, digest) = (
        access(TenantId::new(now())),
        OkapToken::mint().unwrap().digest(),
    );
    let granted = Granted {
        scratch,
        consent,
        clock,
        reader,
        digest,
        access,
    };
    granted.open(&granted.digest, &granted.access).await;
    granted
}

impl Granted {
    async fn open(&self, digest: &TokenDigest, access: &GrantAccess) {
        let tx = self
            .consent
            .begin("open", Scope::Tenant(access.tenant))
            .await
            .unwrap();
        open(&tx, digest, access).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn close(&self) -> bool {
        let tx = self
            .consent
            .begin("close", Scope::Tenant(self.access.tenant))
            .await
            .unwrap();
        let closed = close(&tx, self.access.grant, now()).await.unwrap();
        tx.commit().await.unwrap();
        closed
    }

    async fn change(&self, details: &[AuthorizationDetail]) -> bool {
        let tx = self
            .consent
            .begin("change", Scope::Tenant(self.access.tenant))
            .await
            .unwrap();
        let changed = change(&tx, self.access.grant, details, self.access.expires_at)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        changed
    }
}

#[tokio::test]
async fn a_token_finds_what_was_granted_and_nothing_else() {
    let granted = granted().await;
    let found = granted.reader.find(granted.digest).await.unwrap();
    assert_eq!(*found, granted.access);
    let anthropic: Provider = "anthropic".parse().unwrap();
    assert_eq!(
        found
            .detail_for(&anthropic)
            .unwrap()
            .limits
            .requests_per_day,
        6
    );
    assert!(found.detail_for(&"google".parse().unwrap()).is_none());
    let other = OkapToken::mint().unwrap().digest();
    assert!(matches!(
        granted.reader.find(other).await,
        Err(Refusal::NotFound)
    ));
}

#[tokio::test]
async fn the_holder_of_a_token_sees_one_row_and_a_stranger_none() {
    let granted = granted().await;
    let other = access(TenantId::new(now()));
    let other_digest = OkapToken::mint().unwrap().digest();
    granted.open(&other_digest, &other).await;
    let proxy = granted.scratch.as_role("latchkey_proxy");
    for (scope, visible) in [
        (Scope::Holder(granted.digest), vec![granted.access.grant]),
        (Scope::Holder(other_digest), vec![other.grant]),
        (Scope::Tenant(other.tenant), vec![other.grant]),
        (Scope::Tenant(TenantId::new(now())), vec![]),
        (Scope::None, vec![]),
    ] {
        let tx = proxy.begin("look", scope).await.unwrap();
        let rows = tx
            .query("SELECT grant_id FROM consent.grant_access", &[])
            .await
            .unwrap();
        let seen: Vec<_> = rows
            .iter()
            .map(|row| GrantId::from_uuid(row.get(0)))
            .collect();
        assert_eq!(seen, visible, "{scope:?}");
    }
}

#[tokio::test]
async fn another_organization_cannot_close_or_open_a_grant() {
    let granted = granted().await;
    let stranger = Scope::Tenant(TenantId::new(now()));
    let tx = granted.consent.begin("close", stranger).await.unwrap();
    assert!(!close(&tx, granted.access.grant, now()).await.unwrap());
    let forged = access(granted.access.tenant);
    let digest = OkapToken::mint().unwrap().digest();
    assert!(open(&tx, &digest, &forged).await.is_err());
}

#[tokio::test]
async fn a_closed_grant_is_refused_as_soon_as_it_is_forgotten() {
    let granted = granted().await;
    granted.reader.find(granted.digest).await.unwrap();
    assert!(granted.close().await);
    granted.reader.forget(granted.access.grant);
    assert!(matches!(
        granted.reader.find(granted.digest).await,
        Err(Refusal::Closed(_))
    ));
    assert!(!granted.close().await, "closing is final");
    assert!(
        !granted.change(&[detail("openai", 1)]).await,
        "a closed grant does not change"
    );
}

#[tokio::test]
async fn a_changed_grant_is_enforced_as_soon_as_everything_is_forgotten() {
    let granted = granted().await;
    let before = granted.reader.find(granted.digest).await.unwrap();
    assert!(granted.change(&[detail("openai", 1)]).await);
    granted.reader.forget_all();
    let after = granted.reader.find(granted.digest).await.unwrap();
    assert_eq!(
        (
            after.details.len(),
            after.details[0].limits.requests_per_day
        ),
        (1, 1)
    );
    assert_eq!(after.version, before.version + 1);
}

#[tokio::test]
async fn what_the_organization_says_of_kept_answers_stands_beside_the_grant() {
    let granted = granted().await;
    let says = async |tenant: TenantId, rules: &str| {
        let client = granted.scratch.superuser().await;
        let sql = format!(
            "INSERT INTO consent.organization_policies (tenant_id, rules, changed_at)
             VALUES ('{}', '{rules}', now())
                 ON CONFLICT (tenant_id) DO UPDATE SET rules = excluded.rules",
            tenant.uuid()
        );
        client.batch_execute(&sql).await.unwrap();
        granted.reader.forget_all();
        let found = granted.reader.find(granted.digest).await.unwrap();
        found.response_cache
    };
    let allowed = r#"{"response_cache": "allowed"}"#;
    assert!(!says(TenantId::new(now()), allowed).await, "another's word");
    let tenant = granted.access.tenant;
    for (rules, expected) in [
        (allowed, true),
        (r#"{"every_model": false}"#, false),
        (r#"{"response_cache": "off"}"#, false),
        (r#"{"response_cache": "of a later version"}"#, false),
    ] {
        assert_eq!(says(tenant, rules).await, expected, "{rules}");
    }
}

#[tokio::test]
async fn the_organizations_model_aliases_stand_beside_the_grant() {
    let granted = granted().await;
    let client = granted.scratch.superuser().await;
    let alias = r#"{"name": "fast", "candidates": [{"provider": "openai", "model": "o1"}], "strategy": "latency"}"#;
    let set = async |tenant: TenantId| {
        let sql = format!(
            "INSERT INTO consent.model_aliases (alias_id, tenant_id, name, definition, set_at, changed_at)
             VALUES (gen_random_uuid(), '{}', 'fast', '{alias}', now(), now())",
            tenant.uuid()
        );
        client.batch_execute(&sql).await.unwrap();
        granted.reader.forget_all();
    };
    let found = async || granted.reader.find(granted.digest).await.unwrap();
    set(TenantId::new(now())).await;
    assert_eq!(found().await.model_aliases, [], "another's");
    set(granted.access.tenant).await;
    let access = found().await;
    let fast = access.model_alias("fast").unwrap();
    assert_eq!(fast.candidates[0].name(), "openai/o1");
    assert_eq!(fast.strategy, RouteStrategy::Latency);
    assert_eq!(access.model_alias("Fast"), None);
}

#[tokio::test]
async fn a_row_read_before_it_was_forgotten_is_not_served_after() {
    let granted = granted().await;
    // The row is locked against reading by nobody, so the race is made by hand: a look-up that
    // began before the revocation puts its row into memory after `forget`.
    let reading = granted.reader.find(granted.digest).await.unwrap();
    assert!(granted.close().await);
    granted.reader.forget(granted.access.grant);
    granted.reader.keep_late(granted.digest, reading).await;
    assert!(matches!(
        granted.reader.find(granted.digest).await,
        Err(Refusal::Closed(_))
    ));
}

#[tokio::test]
async fn a_grant_expires_at_its_very_millisecond_though_it_is_in_memory() {
    let granted = granted().await;
    let end = granted.access.expires_at;
    granted.clock.move_to(end - SignedDuration::from_millis(1));
    assert!(granted.reader.find(granted.digest).await.is_ok());
    granted.clock.move_to(end);
    assert!(matches!(
        granted.reader.find(granted.digest).await,
        Err(Refusal::Expired(_))
    ));
}

#[tokio::test]
async fn many_calls_at_once_ask_the_database_once() {
    let granted = granted().await;
    let calls = (0..50).map(|_| {
        let (reader, digest) = (granted.reader.clone(), granted.digest);
        tokio::spawn(async move { reader.find(digest).await.unwrap() })
    });
    let mut found = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        found.push(call.await.unwrap());
    }
    assert!(found.iter().all(|access| Arc::ptr_eq(access, &found[0])));
}

#[tokio::test]
async fn without_a_database_nothing_is_assumed() {
    let nowhere = postgres::DatabaseSettings {
        url: "postgres://latchkey_proxy@127.0.0.1:1/none".to_owned(),
        connections: 1,
    };
    let reader = GrantAccessReader::new(Postgres::connect(&nowhere).unwrap(), Clock::set(now()));
    let digest = OkapToken::mint().unwrap().digest();
    assert!(matches!(
        reader.find(digest).await,
        Err(Refusal::Unavailable(_))
    ));
}

#[tokio::test]
async fn what_a_token_is_looked_up_by_is_an_index_however_many_there_are() {
    let granted = granted().await;
    let proxy = granted.scratch.as_role("latchkey_proxy");
    let scope = Scope::Holder(granted.digest);
    let tx = proxy.begin("explain", scope).await.unwrap();
    // A small table would be read through in any case.
    tx.execute("SET LOCAL enable_seqscan = off", &[])
        .await
        .unwrap();
    let explain = format!("EXPLAIN {FIND}");
    let digest = granted.digest.as_bytes().as_slice();
    let plan = tx.query(&explain, &[&digest]).await.unwrap();
    let lines: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let scans: Vec<_> = (lines.windows(2))
        .filter(|pair| pair[0].contains(" on grant_access"))
        .collect();
    assert!(scans.len() > 1, "{lines:#?}");
    for scan in scans {
        let condition = scan[1].trim();
        assert!(
            condition.starts_with("Index Cond: (token_digest = "),
            "{lines:#?}"
        );
    }
}
