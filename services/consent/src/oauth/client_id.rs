//! From a client id to the client: one that was registered here, or one whose id is the address of
//! its metadata document.

use actix_web::HttpRequest;
use server::Problem;

use super::error::OauthError;
use crate::{
    client_metadata::{DocumentError, DocumentUrl},
    registered_app::{AppRow, Apps},
    vault::Vault,
};

/// Why there is no client of this id.
pub(super) enum Unknown {
    /// Nobody registered it.
    Unregistered,
    /// The id is an address, of the wrong kind.
    Address(&'static str),
    /// The document at the address cannot be had, or breaks a rule.
    Document(std::sync::Arc<DocumentError>),
    /// The database was not reached.
    Database(postgres::DatabaseError),
}

/// The client of this id.
///
/// # Errors
/// When there is none, as far as can be known now.
pub(super) async fn find(
    (vault, apps): (&Vault, &Apps),
    request: &HttpRequest,
    client_id: &str,
) -> Result<AppRow, Unknown> {
    if !DocumentUrl::is_meant(client_id) {
        let known = apps.by_client_id(client_id).await;
        return known
            .map_err(Unknown::Database)?
            .ok_or(Unknown::Unregistered);
    }
    let published = &vault.published;
    let url = DocumentUrl::parse(client_id, published.reach()).map_err(Unknown::Address)?;
    let client = published.documents.client(&url, request).await;
    client
        .map(|client| client.as_ref().clone())
        .map_err(Unknown::Document)
}

impl Unknown {
    fn words(&self) -> String {
        match self {
            Self::Unregistered => "no app of this client_id is registered".to_owned(),
            Self::Address(rule) => (*rule).to_owned(),
            Self::Document(error) => format!("the document at client_id: {error}"),
            Self::Database(_) => "try again in a moment".to_owned(),
        }
    }
}

/// At an endpoint that clients call directly.
impl From<Unknown> for OauthError {
    fn from(unknown: Unknown) -> Self {
        match &unknown {
            Unknown::Database(error) => Self::unavailable(error),
            Unknown::Document(error) => match error.as_ref() {
                DocumentError::TooOften(problem) => Self::too_many(problem),
                // It may be there the next time.
                DocumentError::Fetch(_) | DocumentError::Status(_) => Self::later(unknown.words()),
                _ => Self::new("invalid_client", unknown.words()),
            },
            _ => Self::new("invalid_client", unknown.words()),
        }
    }
}

/// In front of a person, who is never sent to an address that is not known to be the client's.
impl From<Unknown> for Problem {
    fn from(unknown: Unknown) -> Self {
        match &unknown {
            Unknown::Database(error) => Self::dependency(error),
            Unknown::Document(error) if matches!(**error, DocumentError::TooOften(_)) => {
                Self::too_many("Too many apps were looked up from here. Please wait a moment.")
            }
            _ => Self::bad_request(format!("The app is not known here: {}.", unknown.words()))
                .named(
                    "invalid-client-request",
                    "The app's request cannot be trusted",
                ),
        }
    }
}
