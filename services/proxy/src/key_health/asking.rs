//! Asking a provider whether it takes a key, by what it tells for nothing: its list of models.
//!
//! No call of a grant: nothing is reserved, counted or recorded, and nothing of the answer is kept but
//! its status. The key is opened and goes out as it does for a call.

use std::{sync::Arc, time::Duration};

use actix_web::http::header::HeaderMap;
use bytes::BytesMut;
use futures_util::StreamExt;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use key_vault::{OpenRefusal, OpenedKey};
use postgres::DatabaseError;
use tokio::time::timeout;

use super::{Of, Verdict};
use crate::{
    call::{Gate, add_key, to_provider},
    provider::{Dialect, Upstream, asked_plainly},
    wire::{Body, Call, WireError},
};

/// How long a check may take, where calls may take as long or longer.
const WITHIN: Duration = Duration::from_secs(10);
/// A longer refusal is read no further.
const LONGEST: usize = 64 * 1024;
/// The version that Anthropic's callers have to name.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// Why nothing is known of a key.
#[derive(Debug, thiserror::Error)]
pub enum Unasked {
    /// The provider is not there any more, or tells nobody for nothing whether a key is good.
    #[error("this provider cannot be asked about a key")]
    NoWay,
    /// Its address or the key makes no request.
    #[error("the request cannot be written")]
    Unwritable,
    /// The key was not opened.
    #[error("the key was not opened")]
    Closed(#[from] OpenRefusal),
    /// The database, which knows where the provider is, did not answer.
    #[error("the provider cannot be looked up now")]
    Database(#[from] DatabaseError),
    /// The provider could not be reached.
    #[error("the provider could not be reached")]
    Unreachable(#[from] WireError),
    /// The provider did not answer in time.
    #[error("the provider did not answer in time")]
    Late,
    /// The answer says nothing of the key.
    #[error("the provider answered {0}, which says nothing of the key")]
    NoVerdict(StatusCode),
    /// It answers so to anybody.
    #[error("the provider answers so without a key, too")]
    Public,
}

/// Asks the provider about the newest version of a key, and gives what it said of which version.
///
/// # Errors
/// When it said nothing of the key.
pub async fn ask(gate: &Gate, wanted: &Of) -> Result<(Of, Verdict), Unasked> {
    let upstream = upstream(gate, wanted).await?;
    let key = open(gate, wanted, &upstream).await?;
    let within = gate.bounds.first_byte.min(WITHIN);
    let asking = with_and_without(gate, &upstream, &key);
    let verdict = timeout(within, asking).await.map_err(|_| Unasked::Late)??;
    let version = key.version();
    let of = Of {
        version,
        ..wanted.clone()
    };
    Ok((of, verdict))
}

/// Where the provider is, as it is asked in its own dialect.
async fn upstream(gate: &Gate, wanted: &Of) -> Result<Arc<Upstream>, Unasked> {
    if let Some(built_in) = gate.providers.find(wanted.provider.as_str()) {
        return Ok(Arc::clone(built_in));
    }
    let added = gate
        .access
        .custom_provider(wanted.tenant, &wanted.provider)
        .await?;
    added
        .map(|added| asked_plainly(&added))
        .ok_or(Unasked::NoWay)
}

/// The newest version: what this process remembers may be older than what was asked for.
async fn open(gate: &Gate, wanted: &Of, upstream: &Upstream) -> Result<Arc<OpenedKey>, Unasked> {
    let newest = || {
        let origin = upstream.origin.as_ref();
        (gate.keys).open_newest(wanted.tenant, wanted.key, origin, &wanted.correlation_id)
    };
    let key = newest().await?;
    if key.version() >= wanted.version {
        return Ok(key);
    }
    gate.keys.forget(wanted.key).await;
    Ok(newest().await?)
}

/// What is answered to anybody says nothing of a key.
async fn with_and_without(
    gate: &Gate,
    upstream: &Upstream,
    key: &OpenedKey,
) -> Result<Verdict, Unasked> {
    let verdict = answer(gate, upstream, Some(key)).await?;
    if verdict == Verdict::Works && matches!(answer(gate, upstream, None).await, Ok(Verdict::Works))
    {
        return Err(Unasked::Public);
    }
    Ok(verdict)
}

async fn answer(
    gate: &Gate,
    upstream: &Upstream,
    key: Option<&OpenedKey>,
) -> Result<Verdict, Unasked> {
    let call = request(upstream, key)?;
    let answer = gate.wire.clone().send(call, upstream.named_by()).await?;
    let status = answer.status();
    let refusal = if status.is_success() {
        BytesMut::new()
    } else {
        read(answer).await
    };
    Verdict::of(upstream.is_google(), status, &refusal).ok_or(Unasked::NoVerdict(status))
}

fn request(upstream: &Upstream, key: Option<&OpenedKey>) -> Result<Call, Unasked> {
    let address = upstream.key_check().map_err(|_| Unasked::Unwritable)?;
    let mut headers = to_provider(&HeaderMap::new(), upstream.dialect());
    headers.insert("accept", HeaderValue::from_static("application/json"));
    if upstream.dialect() == Dialect::Anthropic {
        headers.insert("anthropic-version", ANTHROPIC_VERSION);
    }
    if let Some(key) = key {
        add_key(&mut headers, upstream.key_header, key.reveal())
            .map_err(|_| Unasked::Unwritable)?;
    }
    let mut request = Request::new(Full::default());
    *request.uri_mut() = address.ok_or(Unasked::NoWay)?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// What a refusal says, as far as it is read.
async fn read(mut answer: Response<Body>) -> BytesMut {
    let mut text = BytesMut::new();
    while let Some(Ok(bytes)) = answer.body_mut().next().await {
        let room = LONGEST - text.len();
        text.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
        if text.len() == LONGEST {
            break;
        }
    }
    text
}
