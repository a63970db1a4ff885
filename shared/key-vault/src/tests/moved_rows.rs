//! What is sealed opens at its own place and nowhere else.

use ids::{ProviderKeyId, TenantId};
use postgres::{Scope, Tx};

use super::scratch::{Folder, Vault};
use crate::{
    KeyService, KeyServiceError, OpenRefusal, ProviderSecret, SealError,
    key_service::scripted::Script,
};

const SECRET: &str = "sk-of-the-victim";

async fn vault() -> (Folder, Vault) {
    let folder = Folder::new();
    let service = KeyService::local(&folder.key_file(), "test").unwrap();
    let vault = Vault::with(service).await;
    vault.seal(1, SECRET).await;
    (folder, vault)
}

impl Vault {
    async fn refused(&self, tenant: TenantId, key: ProviderKeyId, version: i32) {
        let refused = self.opener.open(tenant, key, version, "r").await.err();
        let foreign = OpenRefusal::Refused(KeyServiceError::NotThisCiphertext(String::new()));
        assert_eq!(
            refused.map(|refusal| std::mem::discriminant(&refusal)),
            Some(std::mem::discriminant(&foreign))
        );
    }
}

#[tokio::test]
async fn what_was_sealed_opens() {
    let (_folder, vault) = vault().await;
    assert_eq!(vault.opened(1).await.unwrap(), SECRET);
}

#[tokio::test]
async fn a_row_moved_to_another_organization_key_or_version_does_not_open() {
    let (_folder, vault) = vault().await;
    moved_rows_stay_shut(&vault).await;
}

#[tokio::test]
async fn a_moved_row_does_not_open_even_where_the_key_service_ignores_the_context() {
    let (folder, script) = (Folder::new(), Script::default());
    script.ignore_context();
    let vault = Vault::with(script.service(&folder.key_file())).await;
    vault.seal(1, SECRET).await;
    moved_rows_stay_shut(&vault).await;
    assert_eq!(
        script.decrypted(),
        4,
        "each data key was opened, and did not help"
    );
}

async fn moved_rows_stay_shut(vault: &Vault) {
    let (tenant, key) = (
        TenantId::new(vault.clock.now()),
        ProviderKeyId::new(vault.clock.now()),
    );
    for (column, value) in [
        ("tenant_id", tenant.uuid().to_string()),
        ("key_id", key.uuid().to_string()),
        ("version", 2.to_string()),
    ] {
        vault
            .tamper(&format!(
                "CREATE TEMPORARY TABLE moved AS SELECT * FROM consent.sealed_keys
                  WHERE tenant_id = '{}' AND key_id = '{}' AND version = 1;
                 UPDATE moved SET {column} = '{value}';
                 INSERT INTO consent.sealed_keys SELECT * FROM moved;
                 DROP TABLE moved",
                vault.tenant.uuid(),
                vault.key.uuid(),
            ))
            .await;
    }
    vault.refused(tenant, vault.key, 1).await;
    vault.refused(vault.tenant, key, 1).await;
    vault.refused(vault.tenant, vault.key, 2).await;
    assert_eq!(vault.opened(1).await.unwrap(), SECRET);
}

#[tokio::test]
async fn a_ciphertext_under_the_data_key_of_another_row_does_not_open() {
    let (_folder, vault) = vault().await;
    vault.seal(2, "sk-of-the-thief").await;
    // The victim's ciphertext beside the thief's own data key, and the other way round.
    for column in ["ciphertext", "encrypted_data_key"] {
        vault
            .tamper(&format!(
                "UPDATE consent.sealed_keys AS thief SET {column} = victim.{column}
                   FROM consent.sealed_keys AS victim WHERE thief.version = 2 AND victim.version = 1"
            ))
            .await;
        vault.refused(vault.tenant, vault.key, 2).await;
    }
}

#[tokio::test]
async fn a_changed_byte_in_any_column_keeps_a_key_shut() {
    let (_folder, vault) = vault().await;
    let flip = |column: &str| {
        format!(
            "UPDATE consent.sealed_keys SET {column} = set_byte({column}, 3, get_byte({column}, 3) # 1)"
        )
    };
    for column in ["encrypted_data_key", "nonce", "ciphertext"] {
        vault.tamper(&flip(column)).await;
        vault.refused(vault.tenant, vault.key, 1).await;
        vault.tamper(&flip(column)).await;
        assert_eq!(vault.opened(1).await.unwrap(), SECRET);
        vault.opener.forget_all().await;
    }
    vault
        .tamper("UPDATE consent.sealed_keys SET wrapping_key = 'local:another'")
        .await;
    vault.refused(vault.tenant, vault.key, 1).await;
}

#[tokio::test]
async fn consent_cannot_read_what_it_wrote_and_proxy_cannot_write() {
    let (_folder, vault) = vault().await;
    let begin = |postgres: postgres::Postgres| async move {
        postgres
            .begin("try", Scope::Tenant(vault.tenant))
            .await
            .unwrap()
    };
    let refuses = |tx: Tx, sql: &'static str| async move {
        assert!(tx.execute(sql, &[]).await.is_err(), "{sql}");
    };
    for sql in [
        "SELECT ciphertext FROM consent.sealed_keys",
        "SELECT encrypted_data_key FROM consent.sealed_keys",
        "UPDATE consent.sealed_keys SET version = 2",
    ] {
        refuses(begin(vault.consent.clone()).await, sql).await;
    }
    let proxy = vault.scratch.as_role("latchkey_proxy");
    for sql in [
        "DELETE FROM consent.sealed_keys",
        "UPDATE consent.sealed_keys SET version = 2",
    ] {
        refuses(begin(proxy.clone()).await, sql).await;
    }
}

#[tokio::test]
async fn a_version_is_sealed_once_and_only_for_ones_own_organization() {
    let (_folder, vault) = vault().await;
    let secret = ProviderSecret::parse(SECRET).unwrap();
    let tx = vault
        .consent
        .begin("seal", Scope::Tenant(vault.tenant))
        .await
        .unwrap();
    let again = vault
        .sealer
        .seal(&tx, vault.tenant, vault.key, 1, &secret)
        .await;
    assert!(matches!(again, Err(SealError::Database(error)) if error.is_unique_violation()));
    let tx = vault
        .consent
        .begin("seal", Scope::Tenant(vault.tenant))
        .await
        .unwrap();
    let other = TenantId::new(vault.clock.now());
    assert!(
        vault
            .sealer
            .seal(&tx, other, vault.key, 2, &secret)
            .await
            .is_err()
    );
}
