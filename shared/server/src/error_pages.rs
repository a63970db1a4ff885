//! One refusal, two faces: problem details for programs, a page for people.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    body::{BodySize, MessageBody},
    dev::ServiceResponse,
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
};

use crate::{
    person::PageRefusal,
    problem::{PROBLEM_JSON, Problem},
    request_id::RequestId,
};

/// Renders a refusal for a person: a whole HTML document.
pub type RenderProblem = dyn Fn(&Problem, RequestId) -> String + Send + Sync;

/// How refusals are shown to people; as problem details to everybody when absent.
#[derive(Clone, Default)]
pub(crate) struct ErrorPages(pub(crate) Option<Arc<RenderProblem>>);

/// Who asked, as far as the form of a refusal depends on it. Read before the request is answered.
pub(crate) struct Asker {
    pub(crate) wants_html: bool,
    pub(crate) id: RequestId,
}

/// Paths whose callers are programs, whatever they say they accept.
const FOR_PROGRAMS: [&str; 5] = ["/api/", "/v1/", "/okap/", "/health/", "/.well-known/"];

/// Whether the answer is for a person in front of a browser.
pub(crate) fn wants_html(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
        && !FOR_PROGRAMS.iter().any(|prefix| path.starts_with(prefix))
}

/// Gives a refusal the form that fits its asker. An answer that is none, or whose form a handler
/// chose (OAuth's, a provider's), stays as it is.
pub(crate) fn shape<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    pages: &ErrorPages,
    asker: &Asker,
) -> ServiceResponse {
    let Some(problem) = problem_of(&response) else {
        return response.map_into_boxed_body();
    };
    let (request, old) = response.into_parts();
    let mut new = match (&pages.0, asker.wants_html) {
        (Some(render), true) => problem
            .head()
            .content_type("text/html; charset=utf-8")
            .body(render(&problem, asker.id)),
        _ => actix_web::ResponseError::error_response(&problem),
    };
    keep_headers(old.headers(), &mut new);
    ServiceResponse::new(request, new)
}

fn problem_of<B: MessageBody>(response: &ServiceResponse<B>) -> Option<Problem> {
    if !response.status().is_client_error() && !response.status().is_server_error() {
        return None;
    }
    match response.response().error() {
        Some(error) => match (error.as_error::<Problem>(), error.as_error::<PageRefusal>()) {
            (Some(problem), _) | (None, Some(PageRefusal::Problem(problem))) => {
                Some(problem.clone())
            }
            _ => is_plain(response).then(|| framework_problem(response.status())),
        },
        None => {
            let empty = matches!(
                response.response().body().size(),
                BodySize::None | BodySize::Sized(0)
            );
            (empty && is_plain(response)).then(|| framework_problem(response.status()))
        }
    }
}

/// Whether nobody chose a form: the framework's own errors are plain text or nothing.
fn is_plain<B>(response: &ServiceResponse<B>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_none_or(|value| value.as_bytes().starts_with(b"text/plain"))
}

/// What stands in for an error of the framework, whose own text may tell too much.
fn framework_problem(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::not_found("There is nothing at this address."),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::method_not_allowed("This address does not take this method.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large("The body is too large."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::unsupported_media_type("The media type of the body is not taken here.")
        }
        status if status.is_server_error() => Problem::unexplained(),
        status => {
            let title = status.canonical_reason().unwrap_or("Refused");
            Problem::new(status, "refused", title, "The request was refused.")
        }
    }
}

/// What a refusal says beside its body stays: `Allow`, `Retry-After`, cookies.
fn keep_headers(old: &HeaderMap, new: &mut HttpResponse) {
    for (name, value) in old {
        let of_body = *name == header::CONTENT_TYPE || *name == header::CONTENT_LENGTH;
        if !of_body && !new.headers().contains_key(name) {
            new.headers_mut().append(name.clone(), value.clone());
        }
    }
}

/// Whether this answer is a problem document.
#[must_use]
pub fn is_problem(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == PROBLEM_JSON)
}
