//! Stage two: the grant covers what is asked.

use std::{sync::Arc, time::Duration};

use actix_web::web;
use bytes::{Bytes, BytesMut};
use dpop::Proof;
use events::{AuthorizationDetail, Capability, GrantedLimits, Provider};
use futures_util::StreamExt;
use grant_access::GrantAccess;
use ids::{ProviderKeyId, TokenDigest};
use jiff::Timestamp;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::{
    ask::{self, Ask},
    call::{
        cached::Keep,
        gate::Gate,
        headers,
        live::{Crowded, LiveCall, Whose},
        possession,
        received::Received,
        route::Route,
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
    /// What becomes of the app's wish for a kept answer, once that was looked for.
    pub(crate) keep: Option<Keep>,
}

impl Received {
    /// Finds the grant of the token, reads the body, and compares the two.
    ///
    /// # Errors
    /// With what must be told, in the shape of the provider asked.
    pub async fn authorize(
        mut self,
        gate: &Gate,
        payload: web::Payload,
    ) -> Result<Authorized, Refusal> {
        let access = find(gate, self.digest, self.proof.as_ref()).await?;
        self.route.resolve(&access)?;
        let began_at = gate.clock.now();
        let (detail, live) = self.admit(gate, &access, began_at)?;
        let body = if self.route.endpoint.has_body() {
            let limit = largest(gate, [detail], self.form.is_some());
            read_body(
                gate.bounds.body_within,
                self.declared_length,
                limit,
                payload,
            )
            .await?
        } else {
            // Such a body means nothing; it is not read.
            Bytes::new()
        };
        self.covered((access, live), began_at, body).await
    }

    /// The same for a request whose body was read, and whose sender may use its token, before its
    /// provider was chosen. The grant is looked up anew: it may have ended meanwhile.
    ///
    /// # Errors
    /// As [`Received::authorize`].
    pub(super) async fn authorize_read(
        self,
        gate: &Gate,
        body: Bytes,
    ) -> Result<Authorized, Refusal> {
        let access = gate.access.find(self.digest).await.map_err(refusal)?;
        let began_at = gate.clock.now();
        let (_, live) = self.admit(gate, &access, began_at)?;
        self.covered((access, live), began_at, body).await
    }

    /// What the head alone can be refused for; then the call is one of those that run.
    fn admit<'a>(
        &self,
        gate: &Gate,
        access: &'a GrantAccess,
        now: Timestamp,
    ) -> Result<(&'a AuthorizationDetail, LiveCall), Refusal> {
        let provider = self.route.upstream.name();
        let detail = detail_at(access, provider)?;
        if now >= detail.expires {
            return Err(Refusal::TokenExpired);
        }
        if let Some(needed) = self.route.endpoint.capability() {
            expect(&|| granted_at(access, provider), detail, needed)?;
        }
        let live = begin(gate, access, self.digest)?;
        Ok((detail, live))
    }

    /// What the body asks for. How long a recording is takes long to tell, and is told on a thread that
    /// may wait.
    async fn asks_for(&self, body: &Bytes) -> Result<Ask, Refusal> {
        let Route {
            upstream,
            endpoint,
            model,
            ..
        } = &self.route;
        if !endpoint.hears() {
            return Ok(ask::read(
                upstream,
                *endpoint,
                model.as_deref(),
                self.form.as_ref(),
                body,
            )?);
        }
        let (upstream, endpoint, model) = (Arc::clone(upstream), *endpoint, model.clone());
        let (form, body) = (self.form.clone(), body.clone());
        // Whoever left does not stop a thread: so many at one time, and no more.
        let turn = READING.acquire().await.map_err(|_| Refusal::Fault)?;
        let reading = spawn_blocking(move || {
            let _turn = turn;
            ask::read(&upstream, endpoint, model.as_deref(), form.as_ref(), &body)
        });
        Ok(reading.await.map_err(|_| Refusal::Fault)??)
    }

    /// What the body asks for is granted, all of it.
    async fn covered(
        self,
        (access, live): (Arc<GrantAccess>, LiveCall),
        began_at: Timestamp,
        body: Bytes,
    ) -> Result<Authorized, Refusal> {
        let route = &self.route;
        let provider = route.upstream.name();
        let detail = detail_at(&access, provider)?;
        let at = || granted_at(&access, provider);
        let mut ask = self.asks_for(&body).await?;
        ask.input.longest_window = headers::ask_for_longest_window(&self.forwarded);
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
            keep: None,
        })
    }
}

impl Authorized {
    /// What only the price of the model tells that it needs is granted, too.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn expect(&self, needed: Capability) -> Result<(), Refusal> {
        let provider = self.received.route.upstream.name();
        let detail = detail_at(&self.access, provider)?;
        expect(&|| granted_at(&self.access, provider), detail, needed)
    }
}

/// Recordings that are heard out at one time.
static READING: Semaphore = Semaphore::const_new(2);

/// What is granted at a provider.
pub(super) fn detail_at<'a>(
    access: &'a GrantAccess,
    provider: &Provider,
) -> Result<&'a AuthorizationDetail, Refusal> {
    access
        .detail_for(provider)
        .ok_or_else(|| Refusal::ProviderNotGranted {
            provider: provider.clone(),
            granted: list_in_words(access.details.iter().map(|detail| &detail.provider)),
        })
}

/// Made for a refusal alone.
pub(super) fn granted_at(access: &GrantAccess, provider: &Provider) -> Box<GrantedAt> {
    Box::new(GrantedAt {
        grant: access.grant,
        provider: provider.clone(),
    })
}

/// Counts one more call of a grant.
pub(super) fn begin(
    gate: &Gate,
    access: &GrantAccess,
    digest: TokenDigest,
) -> Result<LiveCall, Refusal> {
    let whose = Whose {
        tenant: access.tenant,
        top: access.top(),
        grant: access.grant,
    };
    let too_many = |whose, most| Refusal::TooManyAtOnce { whose, most };
    gate.live
        .begin(whose, digest)
        .map_err(|crowded| match crowded {
            Crowded::Grant(most) => too_many("this grant", most),
            Crowded::Tenant(most) => too_many("this organization", most),
            Crowded::Process => Refusal::Busy,
        })
}

/// Finds the grant of a token, which its sender must be allowed to use.
pub(crate) async fn find(
    gate: &Gate,
    digest: TokenDigest,
    proof: Option<&Proof>,
) -> Result<Arc<GrantAccess>, Refusal> {
    let access = gate.access.find(digest).await.map_err(refusal)?;
    possession::expect(gate, &access, proof).await?;
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

/// The most bytes of a body under these details; forms bring recordings.
pub(super) fn largest<'d>(
    gate: &Gate,
    details: impl IntoIterator<Item = &'d AuthorizationDetail>,
    is_form: bool,
) -> usize {
    let mut details = details.into_iter();
    if is_form || details.any(|detail| detail.capabilities.contains(&Capability::Vision)) {
        gate.bounds.body_with_vision
    } else {
        gate.bounds.body
    }
}

/// Reads the body up to its limit and for as long as it may take. A body that came in one piece is
/// not copied.
pub(super) async fn read_body(
    within: Duration,
    declared_length: Option<usize>,
    limit: usize,
    payload: web::Payload,
) -> Result<Bytes, Refusal> {
    if declared_length.is_some_and(|length| length > limit) {
        return Err(Refusal::TooLarge(limit));
    }
    let pieces = pieces(declared_length, limit, payload);
    timeout(within, pieces)
        .await
        .map_err(|_| too_slow(within))?
}

async fn pieces(
    declared_length: Option<usize>,
    limit: usize,
    mut payload: web::Payload,
) -> Result<Bytes, Refusal> {
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
                more.reserve(declared_length.unwrap_or(0).max(first.len() + piece.len()));
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

fn too_slow(within: Duration) -> Refusal {
    Refusal::Request {
        message: format!("the body did not come whole within {within:?}"),
        param: None,
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use actix_web::{FromRequest, dev, error::PayloadError, test::TestRequest};
    use futures_util::{Stream, stream};

    use super::*;

    type Piece = Result<Bytes, PayloadError>;

    async fn payload(pieces: impl Stream<Item = Piece> + 'static) -> web::Payload {
        let pieces: Pin<Box<dyn Stream<Item = Piece>>> = Box::pin(pieces);
        let request = TestRequest::default().to_http_request();
        web::Payload::from_request(&request, &mut dev::Payload::from(pieces))
            .await
            .unwrap()
    }

    fn two_pieces() -> impl Stream<Item = Piece> {
        stream::iter([b"{\"a\":".as_slice(), b"1}"]).map(|piece| Ok(Bytes::from_static(piece)))
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_in_time_is_refused() {
        let within = Duration::from_millis(50);
        let hanging = payload(two_pieces().chain(stream::pending())).await;
        let refused = read_body(within, Some(100), 100, hanging).await;
        assert_eq!(refused, Err(too_slow(within)));
        assert!(too_slow(within).to_string().contains("within 50ms"));
        let whole = payload(two_pieces()).await;
        let read = read_body(within, Some(8), 100, whole).await;
        assert_eq!(read.unwrap(), "{\"a\":1}");
    }

    #[tokio::test]
    async fn a_body_above_its_limit_is_refused_before_it_ends() {
        let within = Duration::from_secs(60);
        let endless = payload(two_pieces().chain(stream::pending())).await;
        let refused = read_body(within, None, 6, endless).await;
        assert_eq!(refused, Err(Refusal::TooLarge(6)));
    }
}
