//! How a call meets the cache: whether it may, what is found there, and what is put there.
//!
//! A call whose answer is found passes every stage but the one at its provider: its token, its grant and
//! its request rates count as ever. It holds no money, opens no key, asks nobody, and costs nothing.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
};
use bytes::{Bytes, BytesMut};
use events::CallOutcome;
use http::Response;

use crate::{
    cache::{CacheKey, HEADER, KeptAnswer, Likeness, MaxAge},
    call::{
        authorize::Authorized,
        forward::{body_kind, method},
        gate::Gate,
        head::Head,
        headers,
        key_watch::KeyWatch,
        settle::{Ending, Evidence, Settled},
    },
    error::Refusal,
    wire::Body,
};

/// What becomes of an app's wish for a kept answer, where none was found.
pub(crate) enum Keep {
    /// Its organization does not allow it, or there is nothing to keep here.
    Off,
    /// The answer that comes is to be kept.
    This(Box<Wanted>),
}

/// An answer that is to be kept once it has come whole.
pub(crate) struct Wanted {
    gate: Arc<Gate>,
    key: CacheKey,
    /// With everything but what comes with the answer.
    answer: KeptAnswer,
}

impl Keep {
    /// As the app is told.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::This(_) => "miss",
        }
    }
}

impl Authorized {
    /// Looks for a kept answer, if the app asked for one.
    ///
    /// # Errors
    /// When the call has no address, which its checked parts rule out.
    pub fn look_up(&mut self, gate: &Arc<Gate>) -> Result<Option<Arc<KeptAnswer>>, Refusal> {
        let Some(max_age) = self.received.max_age else {
            return Ok(None);
        };
        let found = self.find(gate, max_age)?;
        let told = match (&found, &self.keep) {
            (Some(_), _) => "hit",
            (None, keep) => keep.as_ref().map_or("off", Keep::name),
        };
        metrics::counter!("latchkey_cache_total", "outcome" => told).increment(1);
        Ok(found)
    }

    fn find(
        &mut self,
        gate: &Arc<Gate>,
        max_age: MaxAge,
    ) -> Result<Option<Arc<KeptAnswer>>, Refusal> {
        // What costs nothing is asked anew: a list of models is what the grant covers now.
        let is_charged = self.received.route.endpoint.is_charged();
        if !self.access.response_cache || !gate.cache.is_on() || !is_charged {
            self.keep = Some(Keep::Off);
            return Ok(None);
        }
        let key = self.likeness()?;
        let found = gate.cache.find(&key, max_age, self.began_at);
        if found.is_none() {
            self.keep = Some(Keep::This(Box::new(self.wanted(gate, key, max_age))));
        }
        Ok(found)
    }

    fn wanted(&self, gate: &Arc<Gate>, key: CacheKey, max_age: MaxAge) -> Wanted {
        let above = self.access.ancestors.iter().map(|ancestor| ancestor.grant);
        Wanted {
            gate: Arc::clone(gate),
            key,
            answer: KeptAnswer {
                tenant: self.access.tenant,
                grants: std::iter::once(self.access.grant).chain(above).collect(),
                content_type: "",
                provider_request_id: None,
                output_cap: None,
                body: Bytes::new(),
                kept_at: self.began_at,
                max_age,
            },
        }
    }

    fn likeness(&self) -> Result<CacheKey, Refusal> {
        let received = &self.received;
        let route = &received.route;
        let url = route.url().map_err(|_| Refusal::Fault)?.to_string();
        let kind = body_kind(received.form.as_ref()).map_err(|_| Refusal::Fault)?;
        let method = method(route.endpoint.has_body());
        let likeness = Likeness {
            tenant: self.access.tenant,
            grant: self.access.grant,
            key: self.key,
            tokens_per_request: self.limits.tokens_per_request,
            provider: route.upstream.name().as_str(),
            method: method.as_str(),
            url: &url,
            forwarded: &received.forwarded,
            content_type: kind.as_bytes(),
            body: &self.body,
        };
        Ok(likeness.key())
    }

    /// Gives a kept answer again: the call is reserved and settled at nothing, and sent to nobody.
    ///
    /// # Errors
    /// When a limit is in the way, or its record cannot be written down.
    pub async fn answer_again(
        self,
        gate: &Arc<Gate>,
        kept: &KeptAnswer,
    ) -> Result<HttpResponse, Refusal> {
        let mut open = self.reserve_nothing(gate).await?;
        open.begin(0).await.map_err(|error| {
            tracing::error!(%error, "a call is refused because it cannot be written down");
            Refusal::VaultUnavailable
        })?;
        let request_id = &self.received.shape.request_id;
        let mut head = Head::begin(StatusCode::OK, request_id, kept.output_cap);
        head.say(header::AGE, &kept.age(gate.clock.now()).to_string());
        head.say(HeaderName::from_static(HEADER), "hit");
        if let Some(id) = &kept.provider_request_id {
            head.say(headers::PROVIDER_REQUEST_ID, id);
        }
        if let Some(holding) = open.holding() {
            head.requests(holding);
        }
        let settled = open.settle(Ending {
            outcome: CallOutcome::Completed,
            status: None,
            evidence: Evidence::Nothing,
        });
        head.remaining(settled.await.remaining);
        Ok(head.whole(kept.content_type, kept.body.clone()))
    }
}

/// Gathers an answer on its way to the app, to keep it once it has come whole.
pub(crate) struct Keeping {
    wanted: Wanted,
    bytes: BytesMut,
    /// It is longer than what is kept.
    is_too_long: bool,
}

impl Keeping {
    /// For an answer that has begun; `None` where it is not wanted, or no plain success.
    pub(crate) fn begin(
        keep: Option<Keep>,
        (response, watch): (&Response<Body>, &KeyWatch),
        content_type: &'static str,
        output_cap: Option<u32>,
    ) -> Option<Box<Self>> {
        let Some(Keep::This(wanted)) = keep else {
            return None;
        };
        if response.status() != http::StatusCode::OK {
            return None;
        }
        let mut wanted = *wanted;
        wanted.answer.content_type = content_type;
        wanted.answer.output_cap = output_cap;
        wanted.answer.provider_request_id = headers::to_app(response.headers(), watch)
            .find(|(name, _)| *name == headers::PROVIDER_REQUEST_ID)
            .and_then(|(_, id)| id.to_str().map(str::to_owned).ok());
        Some(Box::new(Self {
            wanted,
            bytes: BytesMut::new(),
            is_too_long: false,
        }))
    }

    /// More of it goes to the app.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let longest = self.wanted.gate.cache.longest();
        self.is_too_long |= self.bytes.len() + bytes.len() > longest;
        if self.is_too_long {
            self.bytes = BytesMut::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The last of it goes to the app, and its call is settled: it is kept if it is known to be whole.
    pub(crate) fn end(mut self, last: &[u8], settled: Option<&Settled>) {
        self.add(last);
        if self.is_too_long || !settled.is_some_and(|settled| settled.is_whole) {
            return;
        }
        let Wanted { gate, key, answer } = self.wanted;
        let answer = KeptAnswer {
            // Of its own length: what it was gathered in may be longer.
            body: Bytes::copy_from_slice(&self.bytes),
            kept_at: gate.clock.now(),
            ..answer
        };
        gate.cache.keep(key, answer);
    }
}
