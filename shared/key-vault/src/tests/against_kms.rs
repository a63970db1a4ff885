//! Against a KMS that speaks AWS's protocol over HTTP and honours key states.

use aws_sdk_kms::{
    Client,
    config::{BehaviorVersion, Builder, Credentials, Region},
    types::Tag,
};
use clap::Parser;
use jiff::SignedDuration;
use url::Url;

use super::scratch::Vault;
use crate::{
    KeyService, KeyServiceError, OpenRefusal, SmallSecrets, context::Context, key_service::AwsKeys,
};

const SECRET: &str = "sk-behind-a-kms";

#[derive(Parser)]
struct Surroundings {
    #[arg(long, env = "LATCHKEY_TEST_KMS_ENDPOINT")]
    endpoint: Option<Url>,
    #[arg(long, env = "CI", default_value = "")]
    ci: String,
}

struct Kms {
    admin: Client,
    endpoint: Url,
    arn: String,
}

fn config() -> Builder {
    aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
}

impl Kms {
    /// A wrapping key of the test's own; `None` where no KMS was given and none must be.
    async fn new() -> Option<Self> {
        let surroundings = Surroundings::parse_from(["test"]);
        let Some(endpoint) = surroundings.endpoint else {
            assert_ne!(
                surroundings.ci, "true",
                "LATCHKEY_TEST_KMS_ENDPOINT must name a test KMS"
            );
            eprintln!("not run: LATCHKEY_TEST_KMS_ENDPOINT names no test KMS");
            return None;
        };
        let admin = Client::from_conf(config().endpoint_url(endpoint.as_str()).build());
        let arn = new_key(&admin).await;
        Some(Self {
            admin,
            endpoint,
            arn,
        })
    }

    fn service(&self) -> KeyService {
        KeyService::aws(
            AwsKeys::with(config(), &self.arn, Some(&self.endpoint)),
            "test",
        )
    }

    async fn disable(&self) {
        // By its id: moto does not find a key to disable by its ARN, as AWS does.
        let (_, id) = self.arn.rsplit_once('/').unwrap();
        self.admin.disable_key().key_id(id).send().await.unwrap();
    }

    /// Has every use of the key fail so, until it is mended.
    async fn fail_with(&self, fault: &str) {
        let tag = Tag::builder().tag_key("fault").tag_value(fault).build();
        let tagging = self.admin.tag_resource().key_id(&self.arn);
        tagging.tags(tag.unwrap()).send().await.unwrap();
    }

    async fn mend(&self) {
        let untagging = self.admin.untag_resource().key_id(&self.arn);
        untagging.tag_keys("fault").send().await.unwrap();
    }
}

async fn new_key(admin: &Client) -> String {
    let made = admin.create_key().send().await.unwrap();
    made.key_metadata.and_then(|metadata| metadata.arn).unwrap()
}

#[tokio::test]
async fn a_provider_key_goes_through_the_kms_and_back() {
    let Some(kms) = Kms::new().await else { return };
    let vault = Vault::with(kms.service()).await;
    vault.seal(1, SECRET).await;
    assert_eq!(vault.opened(1).await.unwrap(), SECRET);
    let secrets = SmallSecrets::new(kms.service());
    let sealed = secrets
        .seal_small(&[("okap:tenant", "org_1")], b"client secret")
        .await
        .unwrap();
    let opened = secrets
        .open_small(&[("okap:tenant", "org_1")], &sealed)
        .await
        .unwrap();
    assert_eq!(*opened, b"client secret");
    assert!(
        secrets
            .open_small(&[("okap:tenant", "org_2")], &sealed)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_data_key_opens_only_in_its_context_and_under_the_key_it_names() {
    let Some(kms) = Kms::new().await else { return };
    let (generates, decrypts) = (kms.service().generating(), kms.service().decrypting());
    let context = Context::new(&[("okap:tenant", "t1")], "test");
    let made = generates.data_key(&context).await.unwrap();
    assert_eq!(made.wrapping_key, kms.arn);
    let opened = decrypts
        .data_key(&kms.arn, &made.encrypted, &context)
        .await
        .unwrap();
    assert_eq!(*opened, *made.plaintext);
    let other_context = Context::new(&[("okap:tenant", "t2")], "test");
    let other_key = new_key(&kms.admin).await;
    for (key, context) in [(&kms.arn, &other_context), (&other_key, &context)] {
        let refused = decrypts.data_key(key, &made.encrypted, context).await.err();
        assert!(
            matches!(refused, Some(KeyServiceError::NotThisCiphertext(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_disabled_wrapping_key_is_a_refusal_and_memory_is_cleared() {
    let Some(kms) = Kms::new().await else { return };
    let vault = Vault::with(kms.service()).await;
    vault.seal(1, SECRET).await;
    vault.opened(1).await.unwrap();
    kms.disable().await;
    vault.wait(SignedDuration::from_mins(5));
    let refused = vault.opened(1).await;
    let Err(OpenRefusal::Refused(KeyServiceError::Refused(code))) = refused else {
        panic!("a disabled key must be refused");
    };
    assert_eq!(code, "DisabledException");
    let refused = kms
        .service()
        .generating()
        .data_key(&Context::new(&[], "test"))
        .await
        .err();
    assert!(
        matches!(refused, Some(KeyServiceError::Refused(_))),
        "{refused:?}"
    );
}

/// Longer than an opened key is fresh, and shorter than it may be used in an outage.
const STALE: SignedDuration = SignedDuration::from_mins(6);
/// Longer than a wrapping key that failed is left alone.
const RESTED: SignedDuration = SignedDuration::from_secs(3);

#[tokio::test]
async fn an_error_that_passes_is_bridged_from_memory() {
    let Some(kms) = Kms::new().await else { return };
    let vault = Vault::with(kms.service()).await;
    vault.seal(1, SECRET).await;
    for fault in [
        "ThrottlingException",
        "LimitExceededException",
        "KMSInternalException",
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "garbled",
    ] {
        assert_eq!(vault.opened(1).await.unwrap(), SECRET, "before {fault}");
        kms.fail_with(fault).await;
        vault.wait(STALE);
        assert_eq!(vault.opened(1).await.unwrap(), SECRET, "in {fault}");
        vault.wait(SignedDuration::from_mins(15));
        let late = vault.opened(1).await;
        assert!(
            matches!(late, Err(OpenRefusal::Unavailable(_))),
            "long after {fault}"
        );
        kms.mend().await;
        vault.wait(RESTED);
    }
}

#[tokio::test]
async fn a_refusal_is_not_bridged() {
    let Some(kms) = Kms::new().await else { return };
    let vault = Vault::with(kms.service()).await;
    vault.seal(1, SECRET).await;
    for fault in [
        "AccessDeniedException",
        "DisabledException",
        "KMSInvalidStateException",
        "NotFoundException",
        "AnErrorOfNextYear",
    ] {
        assert_eq!(vault.opened(1).await.unwrap(), SECRET, "before {fault}");
        kms.fail_with(fault).await;
        vault.wait(STALE);
        let refused = vault.opened(1).await;
        assert!(
            matches!(refused, Err(OpenRefusal::Refused(_))),
            "in {fault}"
        );
        // Nor is it when the key service then cannot be asked at all.
        kms.fail_with("KMSInternalException").await;
        let later = vault.opened(1).await;
        assert!(
            matches!(later, Err(OpenRefusal::Unavailable(_))),
            "after {fault}"
        );
        kms.mend().await;
        vault.wait(RESTED);
    }
}

#[tokio::test]
async fn a_kms_that_does_not_answer_is_unavailable() {
    let nowhere: Url = "http://127.0.0.1:1".parse().unwrap();
    let arn = "arn:aws:kms:us-east-1:111122223333:key/1";
    let service = KeyService::aws(AwsKeys::with(config(), arn, Some(&nowhere)), "test");
    let refused = service
        .generating()
        .data_key(&Context::new(&[], "test"))
        .await
        .err();
    assert!(
        matches!(refused, Some(KeyServiceError::Unavailable(_))),
        "{refused:?}"
    );
}
