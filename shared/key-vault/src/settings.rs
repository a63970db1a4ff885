//! Which key service, as the person who runs Latchkey says.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use url::Url;

use crate::key_service::{AwsKeys, KeyService, SetupError, is_production};

/// Who keeps the wrapping key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyServiceKind {
    /// A file on this machine: for development, refused in production.
    Local,
    /// AWS KMS.
    Aws,
}

/// The settings of the key service.
#[derive(Debug, Clone, Args)]
pub struct KeyServiceSettings {
    /// Who keeps the key that wraps all others: a file here, or AWS KMS.
    #[arg(long, env = "LATCHKEY_KMS", value_enum, default_value = "local")]
    pub kms: KeyServiceKind,
    /// With `--kms local`: the file of the wrapping key, made on first use.
    #[arg(long, env = "LATCHKEY_KMS_KEY_FILE")]
    pub kms_key_file: Option<PathBuf>,
    /// With `--kms aws`: ARN, id or alias of the KMS key. An ARN also says the region.
    #[arg(long, env = "LATCHKEY_KMS_KEY_ID")]
    pub kms_key_id: Option<String>,
    /// With `--kms aws`: another address than AWS's own.
    #[arg(long, env = "LATCHKEY_KMS_ENDPOINT")]
    pub kms_endpoint: Option<Url>,
}

impl KeyServiceSettings {
    /// The key service of this environment. Asks nothing of it yet.
    ///
    /// # Errors
    /// When a setting is missing or not allowed in this environment, or the file cannot be used.
    pub async fn connect(&self, environment: &str) -> Result<KeyService, SetupError> {
        match self.kms {
            KeyServiceKind::Local => {
                let missing = SetupError::Missing("--kms-key-file");
                // Whether it is allowed at all comes first.
                match &self.kms_key_file {
                    None if !is_production(environment) => Err(missing),
                    file => KeyService::local(&file.clone().unwrap_or_default(), environment),
                }
            }
            KeyServiceKind::Aws => {
                let key_id = self.kms_key_id.as_deref().filter(|id| !id.is_empty());
                let key_id = key_id.ok_or(SetupError::Missing("--kms-key-id"))?;
                if is_production(environment) && self.kms_endpoint.as_ref().is_some_and(is_plain) {
                    return Err(SetupError::PlainEndpoint);
                }
                let keys = AwsKeys::connect(key_id, self.kms_endpoint.as_ref()).await;
                Ok(KeyService::aws(keys, environment))
            }
        }
    }
}

/// Whether data keys would cross a network in clear.
fn is_plain(endpoint: &Url) -> bool {
    let here = match endpoint.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    endpoint.scheme() != "https" && !here
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aws(endpoint: &str) -> KeyServiceSettings {
        KeyServiceSettings {
            kms: KeyServiceKind::Aws,
            kms_key_file: None,
            kms_key_id: Some("arn:aws:kms:eu-central-1:111122223333:key/1".to_owned()),
            kms_endpoint: Some(endpoint.parse().unwrap()),
        }
    }

    #[tokio::test]
    async fn production_takes_no_local_key_and_no_plain_endpoint() {
        let local = KeyServiceSettings {
            kms: KeyServiceKind::Local,
            kms_key_file: None,
            kms_key_id: None,
            kms_endpoint: None,
        };
        let refused = local.connect("production").await.err();
        assert!(matches!(refused, Some(SetupError::LocalInProduction)));
        let refused = aws("http://kms.example").connect("production").await.err();
        assert!(matches!(refused, Some(SetupError::PlainEndpoint)));
        assert!(
            aws("http://127.0.0.1:14566")
                .connect("production")
                .await
                .is_ok()
        );
        assert!(aws("http://kms.example").connect("staging").await.is_ok());
    }

    #[tokio::test]
    async fn what_a_kind_needs_is_asked_for_by_name() {
        let mut settings = aws("https://kms.example");
        settings.kms_key_id = None;
        let refused = settings.connect("development").await.err();
        assert!(matches!(refused, Some(SetupError::Missing("--kms-key-id"))));
        settings.kms = KeyServiceKind::Local;
        let refused = settings.connect("development").await.err();
        assert!(matches!(
            refused,
            Some(SetupError::Missing("--kms-key-file"))
        ));
    }
}
