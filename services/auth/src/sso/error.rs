//! What can go wrong on the way in.

use std::sync::Arc;

use key_vault::SmallSecretError;
use postgres::DatabaseError;

use super::{ProviderError, admission};
use crate::{
    organization,
    records::{RecordError, Retriable},
    sign_in::SignInError,
    user,
};

/// Why nobody was signed in, or nothing connected.
#[derive(Debug, thiserror::Error)]
pub enum SsoError {
    /// There is no such organization, or it has no identity provider (of this id).
    #[error("there is no single sign-on for this")]
    NotConnected,
    /// The state is unknown, was used, or is too old.
    #[error("this sign-in is over")]
    AttemptOver,
    /// It began in another browser, or at another connection.
    #[error("this sign-in did not begin here")]
    NotBegunHere,
    /// The identity provider did not sign the person in.
    #[error("the identity provider answered `{0}`")]
    Denied(String),
    /// The identity provider cannot be used, or is not believed.
    #[error(transparent)]
    Provider(#[from] Arc<ProviderError>),
    /// The organization does not take them.
    #[error(transparent)]
    Admission(#[from] admission::Refusal),
    /// They are somebody else already.
    #[error(transparent)]
    Member(#[from] user::Refusal),
    /// The organization cannot connect this provider.
    #[error(transparent)]
    Organization(#[from] organization::Refusal),
    /// The session was not opened.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The client secret was not sealed or opened.
    #[error(transparent)]
    Secret(#[from] SmallSecretError),
    /// The decision could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The database was not reached or refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<ProviderError> for SsoError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(Arc::new(error))
    }
}

impl Retriable for SsoError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Record(error) => error.is_conflict(),
            Self::SignIn(error) => error.is_conflict(),
            // Two first sign-ins of one person at the same moment.
            Self::Database(error) => error.is_unique_violation(),
            _ => false,
        }
    }
}
