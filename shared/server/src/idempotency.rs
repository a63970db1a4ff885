//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): an unsafe call of the management
//! API that is sent again with its key is answered again, and not done again.
//!
//! The key counts for one person, one route and one body. An answer that must not be stored, because
//! it holds a secret and says `Cache-Control: no-store`, is not: who repeats its key is told so.

use std::{error::Error as StdError, future::Future, pin::Pin, time::Duration};

use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::{BoxBody, MessageBody, to_bytes},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
    middleware::Next,
    rt,
    web::{self, Bytes},
};
use aws_lc_rs::digest::{Context, SHA256};
use ids::{TenantId, UserId};
use tracing::Instrument;

use crate::{
    body::{DEFAULT_BODY_LIMIT, declared_length, read_whole},
    csrf::is_unsafe,
    person::{guard_unsafe, signed_in},
    problem::Problem,
};

/// The header by which a client names a call that it may send again.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The longest key.
const LONGEST_KEY: usize = 255;

/// A call that is to be done once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceCall {
    /// The organization of who sent it.
    pub tenant: TenantId,
    /// Who sent it.
    pub user: UserId,
    /// The SHA-256 digest of its key.
    pub key: [u8; 32],
    /// The SHA-256 digest of what it asks: role, method, address and body.
    pub fingerprint: [u8; 32],
}

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: Option<String>,
    /// The body; `None` when the answer was not to be stored.
    pub body: Option<Vec<u8>>,
}

/// What is known of a call when it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: it is the first, and from here on it is known as under way.
    First,
    /// It is under way, or broke off without an answer.
    Running,
    /// Its key stood on a call that asked something else.
    Other,
    /// It was answered.
    Answered(KeptAnswer),
}

/// What keeping answers gives, or why it could not.
pub type Keeping<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, Box<dyn StdError + Send + Sync>>> + Send + 'a>>;

/// Where a service keeps the answers to such calls: put into its application data as
/// `web::Data<dyn AnswerKeeper>`. Without one the header does nothing.
pub trait AnswerKeeper: Send + Sync {
    /// Takes note that a call begins, unless it is known. Of many at once, one is the first.
    fn begin<'a>(&'a self, call: &'a OnceCall) -> Keeping<'a, Begun>;
    /// Keeps the answer to a call that began.
    fn keep<'a>(&'a self, call: &'a OnceCall, answer: &'a KeptAnswer) -> Keeping<'a, ()>;
    /// Forgets a call that began and did nothing.
    fn forget<'a>(&'a self, call: &'a OnceCall) -> Keeping<'a, ()>;
}

/// Middleware: does a call that has a key once.
pub(crate) async fn once<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let keeper = request.app_data::<web::Data<dyn AnswerKeeper>>().cloned();
    match keeper.filter(|_| may_be_repeated(&request)) {
        // In a box, for the many that wait for minutes without a key not to carry it along.
        Some(keeper) => Box::pin(once_kept(keeper, request, next)).await,
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

async fn once_kept<B: MessageBody + 'static>(
    keeper: web::Data<dyn AnswerKeeper>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let call = match call_of(&mut request).await {
        Ok(Some(call)) => call,
        // The route refuses who is not let in.
        Ok(None) => return Ok(next.call(request).await?.map_into_boxed_body()),
        Err(problem) => return Ok(request.error_response(problem)),
    };
    match keeper.begin(&call).await {
        // Goes on to its end when its sender hangs up: what was done has to be known when they ask
        // again.
        Ok(Begun::First) => {
            let doing = do_and_keep(keeper, call, request, next);
            rt::spawn(doing.instrument(tracing::Span::current()))
                .await
                .map_err(|error| Problem::internal(&error))?
        }
        Ok(Begun::Answered(answer)) => Ok(match again(answer) {
            Ok(response) => request.into_response(response),
            Err(problem) => request.error_response(problem),
        }),
        Ok(Begun::Running) => Ok(request.error_response(running())),
        Ok(Begun::Other) => Ok(request.error_response(other())),
        Err(error) => Ok(request.error_response(Problem::dependency(error.as_ref()))),
    }
}

fn may_be_repeated(request: &ServiceRequest) -> bool {
    is_unsafe(request.method())
        && request.path().starts_with("/api/v1/")
        && request.headers().contains_key(IDEMPOTENCY_KEY)
}

/// The call that a request is; `None` when nobody is let in with it.
async fn call_of(request: &mut ServiceRequest) -> Result<Option<OnceCall>, Problem> {
    let key = key_of(request.headers())?;
    let Ok(Some(person)) = signed_in(request.request()).await else {
        return Ok(None);
    };
    if guard_unsafe(request.request(), &person).is_err() {
        return Ok(None);
    }
    let declared = declared_length(request.headers());
    let body = read_whole(request.take_payload(), DEFAULT_BODY_LIMIT, declared).await?;
    let body = body.freeze();
    let address = request.uri().to_string();
    let asked = [
        person.role.as_str().as_bytes(),
        request.method().as_str().as_bytes(),
        address.as_bytes(),
        body.as_ref(),
    ];
    let call = OnceCall {
        tenant: person.tenant,
        user: person.user,
        key: digest_of(&[key.as_bytes()]),
        fingerprint: digest_of(&asked),
    };
    request.set_payload(payload(body));
    Ok(Some(call))
}

/// The key: a string of RFC 8941, as the draft has it, or its bare text, as many clients send it.
fn key_of(headers: &HeaderMap) -> Result<String, Problem> {
    let refused = || {
        let detail = format!(
            "`Idempotency-Key` is sent once and has 1 to {LONGEST_KEY} visible ASCII characters."
        );
        Problem::bad_request(detail).at(IDEMPOTENCY_KEY, "is not a key")
    };
    let mut sent = headers.get_all(IDEMPOTENCY_KEY);
    let (Some(value), None) = (sent.next(), sent.next()) else {
        return Err(refused());
    };
    let text = value.to_str().map_err(|_| refused())?.trim();
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
    if (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(plain) {
        Ok(key.to_owned())
    } else {
        Err(refused())
    }
}

/// The digest of these pieces, each with its length before it, so that none runs into the next.
fn digest_of(pieces: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for piece in pieces {
        context.update(&piece.len().to_be_bytes());
        context.update(piece);
    }
    let mut bytes = [0_u8; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

fn payload(body: Bytes) -> Payload {
    if body.is_empty() {
        return Payload::None;
    }
    let whole = futures_util::stream::iter([Ok(body)]);
    Payload::Stream {
        payload: Box::pin(whole),
    }
}

async fn do_and_keep<B: MessageBody + 'static>(
    keeper: web::Data<dyn AnswerKeeper>,
    call: OnceCall,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let answer = match next.call(request).await {
        Ok(answer) => answer,
        Err(error) => {
            told(keeper.forget(&call).await);
            return Err(error);
        }
    };
    let (request, response) = answer.into_parts();
    let (head, body) = response.into_parts();
    let body = to_bytes(body).await.map_err(|_| Problem::unexplained())?;
    let status = head.status();
    if nothing_was_done(status) {
        told(keeper.forget(&call).await);
    } else {
        let headers = head.headers();
        let kept = KeptAnswer {
            status: status.as_u16(),
            content_type: text_of(headers, &header::CONTENT_TYPE),
            body: may_be_stored(status, headers).then(|| body.to_vec()),
        };
        told(keeper.keep(&call, &kept).await);
    }
    let response = head.set_body(BoxBody::new(body));
    Ok(ServiceResponse::new(request, response))
}

/// Whether the same may have another outcome when it is sent again: our fault, or too soon.
fn nothing_was_done(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// A refusal holds no secret; it says `no-store` for other reasons.
fn may_be_stored(status: StatusCode, headers: &HeaderMap) -> bool {
    let control = text_of(headers, &header::CACHE_CONTROL).unwrap_or_default();
    !status.is_success() || !control.contains("no-store")
}

fn text_of(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// What was done stays done when it cannot be noted: its key then stands for a call that broke off.
fn told(kept: Result<(), Box<dyn StdError + Send + Sync>>) {
    if let Err(error) = kept {
        tracing::error!(%error, "the answer to a call with an idempotency key was not kept");
    }
}

fn again(answer: KeptAnswer) -> Result<HttpResponse, Problem> {
    let (Ok(status), Some(body)) = (StatusCode::from_u16(answer.status), answer.body) else {
        return Err(Problem::conflict(
            "This call was done. Its answer held a secret that is not kept, so it cannot be given \
             again. Make another with another key, and remove this one.",
        )
        .named("answer-not-kept", "The first answer is not kept"));
    };
    let mut response = HttpResponse::build(status);
    if let Some(kind) = answer.content_type {
        response.insert_header((header::CONTENT_TYPE, kind));
    }
    Ok(response.body(body))
}

fn running() -> Problem {
    Problem::conflict(
        "A call with this key is under way, or broke off without an answer. If it stays so, look \
         whether it was done before you send it with another key.",
    )
    .named("idempotency-key-in-use", "The call is under way")
    .retry_after(Duration::from_secs(1))
}

fn other() -> Problem {
    Problem::unprocessable("This key stood on a call that asked something else. Send another key.")
        .named("idempotency-key-reused", "The key belongs to another call")
}

#[cfg(test)]
mod tests;
