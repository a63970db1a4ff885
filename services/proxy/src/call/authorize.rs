//! Stage two: the grant covers what is asked.

use std::sync::Arc;

use actix_web::web;
use bytes::{Bytes, BytesMut};
use events::{AuthorizationDetail, Capability, GrantedLimits};
use futures_util::StreamExt;
use grant_access::GrantAccess;
use ids::ProviderKeyId;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::{
    ask::{self, Ask},
    call::{
        gate::Gate,
        live::{Crowded, LiveCall},
        possession,
        received::Received,
    },
    error::{GrantedAt, Refusal, list_in_words, models_in_words},
};

/// A call that its grant covers, with its body read and checked.
pub struct Authorized {
    pub(crate) received: Received,
    pub(crate) access: Arc<GrantAccess>,
    pub(crate) limits: GrantedLimits,
    pub(crate) key: ProviderKeyId,
    pub(crate) capability: Capability,
    pub(crate) ask: Ask,
    pub(crate) body: Bytes,
    pub(crate) live: LiveCall,
    pub(crate) began_at: Timestamp,
}

impl Received {
    /// Finds the grant of the token, reads the body, and compares the two.
    ///
    /// # Errors
    /// With what must be told, in the shape of the provider asked.
    pub async fn authorize(
        self,
        gate: &Gate,
        payload: web::Payload,
    ) -> Result<Authorized, Refusal> {
        let access = find(gate, &self).await?;
        let began_at = gate.clock.now();
        let provider = self.route.upstream.name();
        let detail = access
            .detail_for(provider)
            .ok_or_else(|| Refusal::ProviderNotGranted {
                provider: provider.clone(),
                granted: list_in_words(access.details.iter().map(|detail| &detail.provider)),
            })?;
        if began_at >= detail.expires {
            return Err(Refusal::TokenExpired);
        }
        // Made for a refusal alone.
        let at = || {
            Box::new(GrantedAt {
                grant: access.grant,
                provider: provider.clone(),
            })
        };
        if let Some(needed) = self.route.endpoint.capability() {
            expect(&at, detail, needed)?;
        }
        let live = gate
            .live
            .begin(access.grant, access.top(), self.digest)
            .map_err(|crowded| match crowded {
                Crowded::Grant(most) => Refusal::TooManyAtOnce(most),
                Crowded::Process => Refusal::Busy,
            })?;
        let body = timeout(
            gate.bounds.body_within,
            read_body(gate, &self, detail, payload),
        );
        let body = body.await.map_err(|_| broke_off())??;
        let route = &self.route;
        let ask = ask::read(
            &route.upstream,
            route.endpoint,
            route.model.as_deref(),
            &body,
        )?;
        if route.model.is_some() || route.endpoint.has_body() {
            expect_model(&at, detail, &ask.model)?;
        }
        ask.needs
            .iter()
            .try_for_each(|needed| expect(&at, detail, *needed))?;
        let first = detail.capabilities.iter().next().copied();
        let capability = route
            .endpoint
            .capability()
            .or(first)
            .unwrap_or(Capability::Chat);
        let (limits, key) = (detail.limits, detail.key_id);
        Ok(Authorized {
            received: self,
            limits,
            key,
            capability,
            ask,
            body,
            live,
            began_at,
            access,
        })
    }
}

/// Finds the grant of a token, which its sender must be allowed to use.
pub(crate) async fn find(gate: &Gate, received: &Received) -> Result<Arc<GrantAccess>, Refusal> {
    let access = gate.access.find(received.digest).await.map_err(refusal)?;
    possession::expect(gate, &access, received.proof.as_ref()).await?;
    Ok(access)
}

/// Why a token may do nothing, as its holder is told.
pub(crate) fn refusal(refusal: grant_access::Refusal) -> Refusal {
    match refusal {
        grant_access::Refusal::NotFound => Refusal::TokenUnknown,
        grant_access::Refusal::Closed(_) => Refusal::TokenRevoked,
        grant_access::Refusal::Expired(_) => Refusal::TokenExpired,
        grant_access::Refusal::Unavailable(error) => {
            tracing::error!(%error, cause = ?std::error::Error::source(error.as_ref()), "grants cannot be looked up");
            Refusal::VaultUnavailable
        }
    }
}

/// Where a call was refused.
type At<'a> = dyn Fn() -> Box<GrantedAt> + 'a;

fn expect(at: &At<'_>, detail: &AuthorizationDetail, needed: Capability) -> Result<(), Refusal> {
    if detail.capabilities.contains(&needed) {
        return Ok(());
    }
    Err(Refusal::CapabilityNotGranted {
        needed,
        granted: list_in_words(&detail.capabilities),
        at: at(),
    })
}

fn expect_model(at: &At<'_>, detail: &AuthorizationDetail, model: &str) -> Result<(), Refusal> {
    if detail.models.covers(model) {
        return Ok(());
    }
    let granted = models_in_words(&detail.models);
    Err(Refusal::ModelNotGranted {
        model: model.to_owned(),
        granted,
        at: at(),
    })
}

/// Reads the body up to its limit. A body that came in one piece is not copied.
async fn read_body(
    gate: &Gate,
    received: &Received,
    detail: &AuthorizationDetail,
    mut payload: web::Payload,
) -> Result<Bytes, Refusal> {
    let sees = detail.capabilities.contains(&Capability::Vision);
    let limit = if sees {
        gate.bounds.body_with_vision
    } else {
        gate.bounds.body
    };
    if !received.route.endpoint.has_body() {
        // Such a body means nothing; it is not read.
        return Ok(Bytes::new());
    }
    if received
        .declared_length
        .is_some_and(|length| length > limit)
    {
        return Err(Refusal::TooLarge(limit));
    }
    let mut whole: Option<Bytes> = None;
    let mut more = BytesMut::new();
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| broke_off())?;
        let before = whole.as_ref().map_or(0, Bytes::len) + more.len();
        if before + piece.len() > limit {
            return Err(Refusal::TooLarge(limit));
        }
        match (before, whole.take()) {
            (0, _) => whole = Some(piece),
            (_, Some(first)) => {
                more.reserve(
                    received
                        .declared_length
                        .unwrap_or(0)
                        .max(first.len() + piece.len()),
                );
                more.extend_from_slice(&first);
                more.extend_from_slice(&piece);
            }
            (_, None) => more.extend_from_slice(&piece),
        }
    }
    Ok(whole.unwrap_or_else(|| more.freeze()))
}

fn broke_off() -> Refusal {
    Refusal::Request {
        message: "the body broke off".to_owned(),
        param: None,
    }
}
