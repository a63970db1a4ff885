//! Before stage one: a request whose body says where it goes.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use bytes::Bytes;
use dpop::Proof;
use http::HeaderMap as Forwarded;
use ids::TokenDigest;

use crate::{
    cache::MaxAge,
    call::{
        authorize::{self, Authorized},
        gate::Gate,
        headers,
        one::{
            choice::{Choice, Covered},
            meant::meant,
            wish::{self, Wish},
        },
        possession,
        received::{Received, parameters, token},
        route::Route,
    },
    error::{Refusal, Shape},
    provider::{Dialect, Endpoint},
};

/// A request with one well-formed token. Its provider is not known yet.
pub(super) struct Asked {
    head: Head,
    proof: Option<Proof>,
    declared_length: Option<usize>,
}

/// What every call that comes of the request has from it.
struct Head {
    endpoint: Endpoint,
    digest: TokenDigest,
    shape: Shape,
    forwarded: Forwarded,
    max_age: Option<MaxAge>,
}

/// A request that was read, whose sender may use its token, and the providers that may answer it,
/// all of them granted; in the order in which they are tried.
pub(super) struct Candidates {
    head: Head,
    body: Bytes,
    pub(super) choices: Vec<Choice>,
}

/// One of them, as a call of its own.
pub(super) struct Candidate {
    received: Received,
    body: Bytes,
}

impl Asked {
    /// Reads the head of a request. Nothing is looked up.
    ///
    /// # Errors
    /// When it carries no token or a malformed one, or cannot be checked.
    pub(super) fn read(
        gate: &Gate,
        request: &HttpRequest,
        shape: &Shape,
        endpoint: Endpoint,
    ) -> Result<Self, Refusal> {
        let parameters = parameters(request.query_string(), endpoint)?;
        let digest = token(request.headers(), parameters.key)?;
        let proof = possession::proof(request, digest, gate.clock.now())?;
        headers::expect_json(request.headers())?;
        let head = Head {
            endpoint,
            digest,
            shape: shape.clone(),
            forwarded: headers::to_provider(request.headers(), Dialect::OpenAi),
            max_age: MaxAge::asked(request.headers())?,
        };
        Ok(Self {
            head,
            proof,
            declared_length: headers::declared_length(request.headers())?,
        })
    }

    /// Finds the grant of the token, reads the body, and finds who of those granted it means.
    ///
    /// # Errors
    /// When the token may do nothing, the body cannot be checked, or it names what is not granted.
    pub(super) async fn resolve(
        self,
        gate: &Gate,
        payload: web::Payload,
    ) -> Result<Candidates, Refusal> {
        let Self { head, proof, .. } = self;
        let access = authorize::find(gate, head.digest, proof.as_ref()).await?;
        // A body that is being read counts as a call that runs.
        let reading = authorize::begin(gate, &access, head.digest)?;
        let limit = authorize::largest(gate, &access.details, false);
        let body = authorize::read_body(
            gate.bounds.body_within,
            self.declared_length,
            limit,
            payload,
        )
        .await?;
        drop(reading);
        let wish = Wish::read(&body)?;
        let now = gate.clock.now();
        let covered = Covered::of(&access, gate, Some(head.endpoint), now);
        Ok(Candidates {
            choices: meant(&wish, &covered, &gate.latencies)?,
            head,
            body,
        })
    }
}

impl Candidates {
    /// The call to one of the choices: the body names the model as its provider does, and holds
    /// nothing that was said to us alone.
    ///
    /// # Errors
    /// When the body cannot be changed so.
    pub(super) fn call_to(&self, choice: &Choice) -> Result<Candidate, Refusal> {
        let received = Received {
            route: Route {
                upstream: Arc::clone(&choice.upstream),
                endpoint: self.head.endpoint,
                version: "",
                model: None,
                query: String::new(),
                added: None,
            },
            digest: self.head.digest,
            // Used up when the grant was found.
            proof: None,
            shape: self.head.shape.clone(),
            forwarded: self.head.forwarded.clone(),
            declared_length: None,
            form: None,
            max_age: self.head.max_age,
        };
        let body = wish::for_provider(&self.body, &choice.model)?;
        Ok(Candidate { received, body })
    }
}

impl Candidate {
    /// Stage two, for what was read before.
    ///
    /// # Errors
    /// As for any call.
    pub(super) async fn authorize(self, gate: &Gate) -> Result<Authorized, Refusal> {
        self.received.authorize_read(gate, self.body).await
    }
}
