//! A key that is bound to an origin opens for that origin and for no other.

use std::sync::Arc;

use postgres::Scope;

use super::scratch::{Folder, Vault};
use crate::{KeyService, OpenRefusal, ProviderSecret};

const SECRET: &str = "sk-of-one-host";
const HERE: &str = "https://llm.acme.example";

/// A vault with one key, sealed for this origin or for any.
async fn vault(origin: Option<&str>) -> (Folder, Vault) {
    let folder = Folder::new();
    let service = KeyService::local(&folder.key_file(), "test").unwrap();
    let vault = Vault::with(service).await;
    let Some(origin) = origin else {
        vault.seal(1, SECRET).await;
        return (folder, vault);
    };
    let secret = ProviderSecret::parse(SECRET).unwrap();
    let place = (vault.tenant, vault.key, 1);
    let sealed = vault.sealer.enclose_for(place, origin, &secret).await;
    let scope = Scope::Tenant(vault.tenant);
    let tx = vault.consent.begin("seal", scope).await.unwrap();
    vault.sealer.store(&tx, &sealed.unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    (folder, vault)
}

impl Vault {
    async fn opens_for(&self, origin: Option<&str>) -> bool {
        let origin: Option<Arc<str>> = origin.map(Arc::from);
        let opened = (self.opener)
            .open_newest(self.tenant, self.key, origin.as_ref(), "r")
            .await;
        match opened {
            Ok(key) => key.reveal() == SECRET,
            Err(OpenRefusal::Refused(_)) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_key_sealed_for_one_host_opens_for_no_other() {
    let (_folder, vault) = vault(Some(HERE)).await;
    assert!(vault.opens_for(Some(HERE)).await);
    for other in [
        "https://llm.acme.example.evil.test",
        "https://llm.acme.example:8443",
        "http://llm.acme.example",
        "",
    ] {
        assert!(!vault.opens_for(Some(other)).await, "{other}");
    }
    assert!(!vault.opens_for(None).await);
    // What is in memory for one is not given out for another.
    assert!(vault.opens_for(Some(HERE)).await);
    assert!(!vault.opens_for(Some("https://evil.test")).await);
}

#[tokio::test]
async fn a_key_that_was_bound_to_none_opens_for_none_but_the_built_in() {
    let (_folder, vault) = vault(None).await;
    assert!(vault.opens_for(None).await);
    assert!(!vault.opens_for(Some(HERE)).await);
}
