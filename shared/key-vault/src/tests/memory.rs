//! How long opened keys live.

use std::sync::Arc;

use jiff::SignedDuration;
use postgres::Scope;

use super::scratch::{Folder, Vault};
use crate::{KeyServiceError, OpenRefusal, key_service::scripted::Script};

const SECRET: &str = "sk-remembered-1";

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn down() -> Option<KeyServiceError> {
    Some(KeyServiceError::Unavailable("down".to_owned()))
}

fn disabled() -> Option<KeyServiceError> {
    Some(KeyServiceError::Refused("DisabledException".to_owned()))
}

async fn vault(script: &Script) -> (Folder, Vault) {
    let folder = Folder::new();
    let vault = Vault::with(script.service(&folder.key_file())).await;
    vault.seal(1, SECRET).await;
    (folder, vault)
}

#[tokio::test]
async fn the_key_service_is_asked_once_in_five_minutes() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    for _ in 0..3 {
        assert_eq!(vault.opened(1).await.unwrap(), SECRET);
    }
    vault.wait(minutes(4) - SignedDuration::from_millis(1));
    vault.opened(1).await.unwrap();
    assert_eq!(script.decrypted(), 1);
    vault.wait(minutes(1) + SignedDuration::from_millis(1));
    vault.opened(1).await.unwrap();
    assert_eq!(script.decrypted(), 2);
}

#[tokio::test]
async fn many_calls_at_once_ask_the_key_service_once() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    let vault = Arc::new(vault);
    let calls = (0..50).map(|_| {
        let vault = Arc::clone(&vault);
        tokio::spawn(async move { vault.opened(1).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), SECRET);
    }
    assert_eq!(script.decrypted(), 1);
}

#[tokio::test]
async fn the_key_service_is_asked_again_after_ten_thousand_uses() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    for _ in 0..10_000 {
        vault.opened(1).await.unwrap();
    }
    assert_eq!(script.decrypted(), 1);
    vault.opened(1).await.unwrap();
    assert_eq!(script.decrypted(), 2);
}

#[tokio::test]
async fn an_outage_is_bridged_for_fifteen_minutes_and_no_longer() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    vault.opened(1).await.unwrap();
    script.fail_with(down());
    vault.wait(minutes(20) - SignedDuration::from_millis(1));
    assert_eq!(vault.opened(1).await.unwrap(), SECRET);
    vault.wait(SignedDuration::from_millis(1));
    assert!(matches!(
        vault.opened(1).await,
        Err(OpenRefusal::Unavailable(_))
    ));
    script.fail_with(None);
    vault.wait(SignedDuration::from_secs(2));
    assert_eq!(vault.opened(1).await.unwrap(), SECRET);
}

#[tokio::test]
async fn a_key_never_opened_before_is_unavailable_in_an_outage() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    script.fail_with(down());
    for _ in 0..3 {
        assert!(matches!(
            vault.opened(1).await,
            Err(OpenRefusal::Unavailable(_))
        ));
    }
    assert_eq!(
        script.decrypted(),
        1,
        "a service that is down is not asked by each call"
    );
}

#[tokio::test]
async fn a_refusal_ends_what_is_in_memory_at_once() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    vault.opened(1).await.unwrap();
    vault.wait(minutes(5));
    script.fail_with(disabled());
    assert!(matches!(
        vault.opened(1).await,
        Err(OpenRefusal::Refused(_))
    ));
    // Nothing is left that an outage could be bridged with.
    script.fail_with(down());
    assert!(matches!(
        vault.opened(1).await,
        Err(OpenRefusal::Unavailable(_))
    ));
}

#[tokio::test]
async fn a_destroyed_key_is_unknown_once_it_is_forgotten() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    vault.opened(1).await.unwrap();
    let tx = vault
        .consent
        .begin("destroy", Scope::Tenant(vault.tenant))
        .await
        .unwrap();
    assert_eq!(
        vault
            .sealer
            .destroy(&tx, vault.tenant, vault.key)
            .await
            .unwrap(),
        1
    );
    tx.commit().await.unwrap();
    vault.opener.forget(vault.key).await;
    assert!(matches!(vault.opened(1).await, Err(OpenRefusal::Unknown)));
}

#[tokio::test]
async fn a_rotated_key_is_used_once_the_old_is_forgotten() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    let newest = || async {
        let opened = vault
            .opener
            .open_newest(vault.tenant, vault.key, None, "r")
            .await
            .unwrap();
        (opened.version(), opened.reveal().to_owned())
    };
    assert_eq!(newest().await, (1, SECRET.to_owned()));
    vault.seal(2, "sk-remembered-2").await;
    vault.opener.forget(vault.key).await;
    assert_eq!(newest().await, (2, "sk-remembered-2".to_owned()));
    assert_eq!(
        vault.opened(1).await.unwrap(),
        SECRET,
        "calls in flight keep theirs"
    );
    let tx = vault
        .consent
        .begin("destroy", Scope::Tenant(vault.tenant))
        .await
        .unwrap();
    assert_eq!(
        vault
            .sealer
            .destroy_before(&tx, vault.tenant, vault.key, 2)
            .await
            .unwrap(),
        1
    );
    tx.commit().await.unwrap();
    vault.opener.forget_all().await;
    assert!(matches!(vault.opened(1).await, Err(OpenRefusal::Unknown)));
    assert_eq!(newest().await.0, 2);
}

#[tokio::test]
async fn a_key_in_memory_is_not_given_to_another_organization() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    vault.opened(1).await.unwrap();
    let stranger = ids::TenantId::new(vault.clock.now());
    let refused = vault.opener.open(stranger, vault.key, 1, "r").await.err();
    assert!(matches!(refused, Some(OpenRefusal::Unknown)));
}
