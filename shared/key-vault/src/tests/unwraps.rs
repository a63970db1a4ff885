//! What is written down when a data key is opened.

use jiff::SignedDuration;
use postgres::Scope;

use super::scratch::{Folder, REQUEST, Vault};
use crate::{KeyServiceError, OpenRefusal, Unwrap, key_service::scripted::Script};

async fn vault(script: &Script) -> (Folder, Vault) {
    let folder = Folder::new();
    let vault = Vault::with(script.service(&folder.key_file())).await;
    vault.seal(1, "sk-audited-1").await;
    (folder, vault)
}

impl Vault {
    /// What its owner is told, the newest first.
    async fn unwraps(&self) -> Vec<Unwrap> {
        let tx = self.consent.begin("look", Scope::Tenant(self.tenant));
        let tx = tx.await.unwrap();
        Unwrap::of_key(&tx, self.tenant, self.key, None, 100)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn each_time_the_key_service_is_asked_is_written_down_and_no_other() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    for _ in 0..5 {
        vault.opened(1).await.unwrap();
    }
    vault.wait(SignedDuration::from_mins(5));
    vault.opened(1).await.unwrap();
    // A refusal was asked for too.
    vault.wait(SignedDuration::from_mins(5));
    script.fail_with(Some(KeyServiceError::Refused(
        "DisabledException".to_owned(),
    )));
    assert!(vault.opened(1).await.is_err());
    let unwraps = vault.unwraps().await;
    assert_eq!(unwraps.len(), script.decrypted());
    assert_eq!(unwraps.len(), 3);
    let newest = &unwraps[0];
    assert_eq!(
        (
            newest.version,
            newest.correlation_id.as_str(),
            newest.asked_by.as_str()
        ),
        (1, REQUEST, "latchkey_proxy")
    );
    assert_eq!(newest.asked_at, vault.clock.now());
}

#[tokio::test]
async fn a_key_service_that_rests_is_not_asked_and_nothing_is_written() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    script.fail_with(Some(KeyServiceError::Unavailable("down".to_owned())));
    for _ in 0..3 {
        assert!(vault.opened(1).await.is_err());
    }
    assert_eq!((script.decrypted(), vault.unwraps().await.len()), (1, 1));
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_opened() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    vault
        .tamper("REVOKE INSERT ON consent.key_unwraps FROM latchkey_proxy")
        .await;
    let refused = vault.opened(1).await;
    assert!(matches!(refused, Err(OpenRefusal::Unavailable(_))));
    assert_eq!(script.decrypted(), 0, "the key service was asked");
}

#[tokio::test]
async fn nobody_changes_what_was_written_and_who_writes_cannot_read() {
    let script = Script::default();
    let (_folder, vault) = vault(&script).await;
    vault.opened(1).await.unwrap();
    let proxy = vault.scratch.as_role("latchkey_proxy");
    let statements = [
        (&vault.consent, "DELETE FROM consent.key_unwraps"),
        (&vault.consent, "UPDATE consent.key_unwraps SET version = 2"),
        (&proxy, "DELETE FROM consent.key_unwraps"),
        (&proxy, "SELECT 1 FROM consent.key_unwraps"),
    ];
    for (postgres, statement) in statements {
        let tx = postgres.begin("try", Scope::Tenant(vault.tenant));
        let tried = tx.await.unwrap().execute(statement, &[]).await;
        assert!(tried.is_err(), "{statement}");
    }
    assert_eq!(vault.unwraps().await.len(), 1);
}
