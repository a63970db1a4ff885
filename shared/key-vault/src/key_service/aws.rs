//! Wrapping keys in AWS KMS.

use std::{error::Error, time::Duration};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_kms::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::Blob,
    types::DataKeySpec,
};
use url::Url;
use zeroize::Zeroizing;

use super::{DataKey, KeyServiceError};
use crate::{
    cipher::{KEY_LENGTH, PlainKey},
    context::Context,
};

const CONNECT: Duration = Duration::from_secs(1);
const ATTEMPT: Duration = Duration::from_secs(2);
/// All attempts and the pauses between them.
const CALL: Duration = Duration::from_secs(7);
const ATTEMPTS: u32 = 3;

/// The wrapping key at AWS KMS that new data keys are made under.
pub struct AwsKeys {
    client: Client,
    key_id: String,
}

impl AwsKeys {
    /// Uses the credentials and the region of the process's surroundings, as AWS tools do; a key
    /// named by its ARN says the region itself.
    pub async fn connect(key_id: &str, endpoint: Option<&Url>) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = region_of(key_id) {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let shared = loader.load().await;
        Self::with(
            aws_sdk_kms::config::Builder::from(&shared),
            key_id,
            endpoint,
        )
    }

    /// Puts our time limits on a configuration.
    pub(crate) fn with(
        config: aws_sdk_kms::config::Builder,
        key_id: &str,
        endpoint: Option<&Url>,
    ) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(CALL)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(Duration::from_millis(100));
        let mut config = config.timeout_config(timeouts).retry_config(retries);
        config.set_endpoint_url(endpoint.map(|url| url.as_str().trim_end_matches('/').to_owned()));
        Self {
            client: Client::from_conf(config.build()),
            key_id: key_id.to_owned(),
        }
    }

    pub async fn generate(&self, context: &Context) -> Result<DataKey, KeyServiceError> {
        let answer = self
            .client
            .generate_data_key()
            .key_id(&self.key_id)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(context.pairs()))
            .send()
            .await
            .map_err(|error| classify(&error))?;
        let (Some(plaintext), Some(encrypted), Some(arn)) =
            (answer.plaintext, answer.ciphertext_blob, answer.key_id)
        else {
            return Err(incomplete());
        };
        if !names(&self.key_id, &arn) {
            return Err(KeyServiceError::Refused(
                "it answered with another key".to_owned(),
            ));
        }
        let plaintext = plain_key(plaintext)?;
        Ok(DataKey {
            plaintext,
            encrypted: encrypted.into_inner(),
            wrapping_key: arn,
        })
    }

    pub async fn decrypt(
        &self,
        wrapping_key: &str,
        encrypted: &[u8],
        context: &Context,
    ) -> Result<PlainKey, KeyServiceError> {
        let answer = self
            .client
            .decrypt()
            .key_id(wrapping_key)
            .ciphertext_blob(Blob::new(encrypted))
            .set_encryption_context(Some(context.pairs()))
            .send()
            .await
            .map_err(|error| classify(&error))?;
        let (Some(plaintext), Some(arn)) = (answer.plaintext, answer.key_id) else {
            return Err(incomplete());
        };
        if arn != wrapping_key {
            return Err(KeyServiceError::Refused(
                "it answered with another key".to_owned(),
            ));
        }
        plain_key(plaintext)
    }
}

fn plain_key(blob: Blob) -> Result<PlainKey, KeyServiceError> {
    let bytes = Zeroizing::new(blob.into_inner());
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    if bytes.len() != KEY_LENGTH {
        return Err(incomplete());
    }
    key.copy_from_slice(&bytes);
    Ok(key)
}

fn incomplete() -> KeyServiceError {
    KeyServiceError::Unavailable("it answered without a data key".to_owned())
}

/// The region inside `arn:aws:kms:REGION:ACCOUNT:key/ID`.
fn region_of(key_id: &str) -> Option<&str> {
    let mut parts = key_id.split(':');
    (parts.next() == Some("arn"))
        .then(|| parts.nth(2))
        .flatten()
        .filter(|r| !r.is_empty())
}

/// Whether the key of this ARN is the one we asked for by ARN or id. An alias names any key.
fn names(asked: &str, arn: &str) -> bool {
    let is_alias = asked.starts_with("alias/") || asked.contains(":alias/");
    arn.contains(":key/")
        && (is_alias || asked == arn || arn.rsplit_once(":key/").is_some_and(|(_, id)| id == asked))
}

/// Sorts an error by what may be done about it. An error that is not known to pass by itself
/// counts as a refusal: then nothing goes on working from memory.
fn classify<E, R>(error: &SdkError<E, R>) -> KeyServiceError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug,
{
    let SdkError::ServiceError(service) = error else {
        return KeyServiceError::Unavailable(with_causes(error));
    };
    let code = service
        .err()
        .code()
        .unwrap_or("an error without a code")
        .to_owned();
    match code.as_str() {
        "InvalidCiphertextException" | "IncorrectKeyException" => {
            KeyServiceError::NotThisCiphertext(code)
        }
        // Ours to mend (credentials that ran out, a wrong clock), or passing at AWS.
        "ThrottlingException"
        | "Throttling"
        | "LimitExceededException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "DependencyTimeoutException"
        | "KMSInternalException"
        | "KeyUnavailableException"
        | "InternalFailure"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "an error without a code" => KeyServiceError::Unavailable(code),
        _ => KeyServiceError::Refused(code),
    }
}

/// The error and its causes, each in its own words. Not `{:?}`, which would show whole answers.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd";

    #[test]
    fn an_arn_says_its_region() {
        assert_eq!(region_of(ARN), Some("eu-central-1"));
        assert_eq!(region_of("alias/latchkey"), None);
        assert_eq!(region_of("1234abcd"), None);
    }

    #[test]
    fn an_answer_from_another_key_is_not_taken() {
        for asked in [ARN, "1234abcd", "alias/latchkey"] {
            assert!(names(asked, ARN), "{asked}");
            assert!(!names(asked, "garbage"), "{asked}");
        }
        let other = "arn:aws:kms:eu-central-1:999999999999:key/1234abcd";
        assert!(!names(ARN, other));
        assert!(!names("34abcd", ARN));
    }
}
