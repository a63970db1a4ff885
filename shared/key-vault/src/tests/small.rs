//! Small secrets.

use super::scratch::Folder;
use crate::{KeyService, SmallSecrets};

fn secrets(folder: &Folder, environment: &str) -> SmallSecrets {
    SmallSecrets::new(KeyService::local(&folder.key_file(), environment).unwrap())
}

#[tokio::test]
async fn a_small_secret_opens_in_its_context_and_no_other() {
    let folder = Folder::new();
    let secrets = secrets(&folder, "test");
    let context = [("okap:tenant", "org_1"), ("okap:connection", "sso_1")];
    let sealed = secrets
        .seal_small(&context, b"client secret")
        .await
        .unwrap();
    assert_eq!(
        *secrets.open_small(&context, &sealed).await.unwrap(),
        b"client secret"
    );
    let turned = [context[1], context[0]];
    assert!(
        secrets.open_small(&turned, &sealed).await.is_ok(),
        "the order does not matter"
    );
    for other in [
        &[("okap:tenant", "org_2"), ("okap:connection", "sso_1")][..],
        &[("okap:tenant", "org_1"), ("okap:connection", "sso_2")],
        &[("okap:tenant", "org_1")],
        &[],
    ] {
        assert!(
            secrets.open_small(other, &sealed).await.is_err(),
            "{other:?}"
        );
    }
}

#[tokio::test]
async fn a_small_secret_of_another_environment_does_not_open() {
    let folder = Folder::new();
    let sealed = secrets(&folder, "test")
        .seal_small(&[], b"client secret")
        .await
        .unwrap();
    let disguise = [("okap:environment", "test")];
    assert!(
        secrets(&folder, "staging")
            .open_small(&[], &sealed)
            .await
            .is_err()
    );
    assert!(
        secrets(&folder, "staging")
            .open_small(&disguise, &sealed)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_changed_or_cut_small_secret_does_not_open() {
    let folder = Folder::new();
    let secrets = secrets(&folder, "test");
    let sealed = secrets.seal_small(&[], b"client secret").await.unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(
            secrets.open_small(&[], &changed).await.is_err(),
            "byte {at}"
        );
        assert!(
            secrets.open_small(&[], &sealed[..at]).await.is_err(),
            "cut at {at}"
        );
    }
}
