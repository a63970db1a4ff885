//! The wrapping key in a file.

use std::{fs, os::unix::fs::PermissionsExt, thread};

use super::scratch::Folder;
use crate::{
    KeyService, KeyServiceError, SetupError,
    context::Context,
    key_service::{Decrypts, Generates},
};

fn halves(folder: &Folder, environment: &str) -> (Generates, Decrypts) {
    let service = KeyService::local(&folder.key_file(), environment).unwrap();
    (service.clone().generating(), service.decrypting())
}

#[test]
fn a_local_key_is_refused_in_production_before_any_file_is_made() {
    let folder = Folder::new();
    for environment in [
        "production",
        "Production",
        "prod",
        "prod-eu",
        " production ",
    ] {
        let refused = KeyService::local(&folder.key_file(), environment).err();
        assert!(
            matches!(refused, Some(SetupError::LocalInProduction)),
            "{environment}"
        );
    }
    assert!(!folder.key_file().exists());
}

#[test]
fn the_file_is_made_on_first_use_for_its_owner_only() {
    let folder = Folder::new();
    halves(&folder, "test");
    let metadata = fs::metadata(folder.key_file()).unwrap();
    assert_eq!(
        (metadata.len(), metadata.permissions().mode() & 0o7777),
        (32, 0o600)
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no draft is left behind"
    );
}

#[test]
fn a_file_that_others_may_read_or_that_holds_no_key_is_refused() {
    let folder = Folder::new();
    halves(&folder, "test");
    for mode in [0o644, 0o640, 0o660, 0o604, 0o4600] {
        fs::set_permissions(folder.key_file(), fs::Permissions::from_mode(mode)).unwrap();
        let refused = KeyService::local(&folder.key_file(), "test").err();
        assert!(
            matches!(refused, Some(SetupError::FileMode { .. })),
            "{mode:o}"
        );
    }
    fs::set_permissions(folder.key_file(), fs::Permissions::from_mode(0o600)).unwrap();
    for content in [&b""[..], &[0; 31], &[0; 33]] {
        fs::write(folder.key_file(), content).unwrap();
        let refused = KeyService::local(&folder.key_file(), "test").err();
        assert!(matches!(refused, Some(SetupError::FileContent(_))));
    }
}

#[tokio::test]
async fn processes_that_start_together_share_one_key() {
    let folder = Folder::new();
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let file = folder.key_file();
            thread::spawn(move || KeyService::local(&file, "test").unwrap())
        })
        .collect();
    let context = Context::new(&[("okap:key", "key_1")], "test");
    let mut made = None;
    for start in starts {
        let service = start.join().unwrap();
        let first = match made.take() {
            Some(first) => first,
            None => service
                .clone()
                .generating()
                .data_key(&context)
                .await
                .unwrap(),
        };
        let opened = service
            .decrypting()
            .data_key(&first.wrapping_key, &first.encrypted, &context)
            .await
            .unwrap();
        assert_eq!(*opened, *first.plaintext);
        made = Some(first);
    }
}

#[tokio::test]
async fn a_data_key_opens_only_in_its_context_environment_and_under_its_own_key() {
    let folder = Folder::new();
    let (generates, decrypts) = halves(&folder, "test");
    let context = Context::new(&[("okap:tenant", "t1"), ("okap:key", "k1")], "test");
    let made = generates.data_key(&context).await.unwrap();
    let (name, encrypted) = (&made.wrapping_key, &made.encrypted);
    assert_eq!(
        *decrypts.data_key(name, encrypted, &context).await.unwrap(),
        *made.plaintext
    );
    let shifted = Context::new(&[("okap:tenant", "t1"), ("okap:keyk", "1")], "test");
    let staging = Context::new(&[("okap:tenant", "t1"), ("okap:key", "k1")], "staging");
    let nothing = Context::new(&[], "test");
    for other in [shifted, staging, nothing] {
        let refused = decrypts.data_key(name, encrypted, &other).await.err();
        assert!(
            matches!(refused, Some(KeyServiceError::NotThisCiphertext(_))),
            "{other:?}"
        );
    }
    let elsewhere = Folder::new();
    let (_, other) = halves(&elsewhere, "test");
    assert!(other.data_key(name, encrypted, &context).await.is_err());
    for cut in [0, 5, 12, encrypted.len() - 1] {
        assert!(
            decrypts
                .data_key(name, &encrypted[..cut], &context)
                .await
                .is_err(),
            "{cut}"
        );
    }
}
