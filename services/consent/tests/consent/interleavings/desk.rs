//! Where everybody comes: the service, or the control that is to be told from it.

use actix_web::test::TestRequest;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::world::{Answer, Person};

/// By which call the request behind a token came, as the desk itself wrote it down.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The id of the HTTP request.
    pub call: Uuid,
    /// The PKCE challenge, of an OAuth request: whoever has its verifier is who asked.
    pub challenge: Option<String>,
}

pub trait Desk {
    /// Whose vault it is.
    fn person(&self) -> &Person;
    /// Where it is asked.
    fn address(&self) -> &str;
    /// An OAuth client, as everybody knows it.
    fn client(&self) -> &str;
    fn now(&self) -> Timestamp;
    fn later(&self, span: SignedDuration);
    async fn send(&self, request: TestRequest) -> Answer;
    /// The access request that a call became.
    async fn request_of(&self, call: Uuid) -> Option<String>;
    /// Where a token comes from; `None` when it is no token of this vault.
    async fn origin_of(&self, token: &str) -> Option<Origin>;
}
