//! Errors of the management API and of our own pages: RFC 9457 problem details.

use std::{error::Error, fmt, time::Duration};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use serde::Serialize;
use utoipa::ToSchema;

/// What every `type` begins with. A name that never changes, whether or not a page stands there.
pub const PROBLEM_BASE: &str = "https://latchkey.dev/problems/";
/// The media type of a problem (RFC 9457 section 3).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was refused, in the words of RFC 9457.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// A stable URI that names the kind of problem; programs decide by it.
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "https://latchkey.dev/problems/not-found")]
    kind: String,
    /// The kind of problem in words, the same each time.
    #[schema(example = "Not found")]
    title: String,
    /// The HTTP status, repeated.
    #[serde(serialize_with = "status_number")]
    #[schema(value_type = u16, example = 404)]
    status: StatusCode,
    /// What was wrong this time, for the person who reads it.
    #[schema(example = "There is no such grant.")]
    detail: String,
    /// The members of the request that were wrong, when more can be said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<MemberProblem>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// One member of the request that was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MemberProblem {
    /// A JSON pointer (RFC 6901) into the body, or the name of a form field or parameter.
    #[schema(example = "/limits/monthly_spend")]
    pub pointer: String,
    /// What is wrong with it.
    #[schema(example = "must be greater than 0")]
    pub detail: String,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident $status:ident $kind:literal $title:literal;)*) => {
        impl Problem {
            $($(#[$doc])* #[must_use] pub fn $name(detail: impl Into<String>) -> Self {
                Self::new(StatusCode::$status, $kind, $title, detail)
            })*
        }
    };
}

constructors! {
    /// 400: the request cannot be understood as it stands.
    bad_request BAD_REQUEST "bad-request" "The request is not valid";
    /// 401: nobody is signed in, or what they showed is not valid.
    unauthorized UNAUTHORIZED "unauthorized" "Signing in is needed";
    /// 403: the person is known and may not do this.
    forbidden FORBIDDEN "forbidden" "Not allowed";
    /// 404: there is no such thing, or it belongs to somebody else.
    not_found NOT_FOUND "not-found" "Not found";
    /// 405: the address is known, but not with this method.
    method_not_allowed METHOD_NOT_ALLOWED "method-not-allowed" "Method not allowed";
    /// 409: it does not fit the state that the thing is in.
    conflict CONFLICT "conflict" "Conflict with the present state";
    /// 410: it was there, and is gone for good, such as a used one-time link.
    gone GONE "gone" "No longer there";
    /// 412: the thing was changed by somebody else in between.
    precondition_failed PRECONDITION_FAILED "precondition-failed" "Changed in between";
    /// 413: the body is larger than anything useful here.
    too_large PAYLOAD_TOO_LARGE "too-large" "The body is too large";
    /// 415: the body is of a media type that is not taken here.
    unsupported_media_type UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "Media type not supported";
    /// 422: well formed, but not acceptable.
    unprocessable UNPROCESSABLE_ENTITY "unprocessable" "The request is not acceptable";
    /// 429: too many requests; say when to come back with [`Problem::retry_after`].
    too_many TOO_MANY_REQUESTS "too-many-requests" "Too many requests";
    /// 503: something this answer needs is not reachable.
    unavailable SERVICE_UNAVAILABLE "unavailable" "Not available at the moment";
}

impl Problem {
    /// A problem of a kind of your own. `kind` is a lower-case slug and never changes once shown.
    #[must_use]
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("{PROBLEM_BASE}{kind}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// 500: our fault. Logs the error with its sources, once, here; tells the caller nothing of it.
    #[must_use]
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %chain(error), "a request failed");
        Self::unexplained()
    }

    /// 503 for an error of something we depend on. Logs it like [`Problem::internal`].
    #[must_use]
    pub fn dependency(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %chain(error), "something a request needs is not available");
        Self::unavailable("Please try again in a moment.").retry_after(Duration::from_secs(5))
    }

    pub(crate) fn unexplained() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong",
            "The fault is on our side. Nothing was changed unless you were told so.",
        )
    }

    /// The same problem under a more telling kind and title.
    #[must_use]
    pub fn named(mut self, kind: &'static str, title: &'static str) -> Self {
        self.kind = format!("{PROBLEM_BASE}{kind}");
        title.clone_into(&mut self.title);
        self
    }

    /// Also names one member of the request that was wrong.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(MemberProblem {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }

    /// Says when to come back (RFC 9110 section 10.2.3), rounded up to whole seconds.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// When to come back, in whole seconds, if it says so.
    #[must_use]
    pub fn seconds_to_wait(&self) -> Option<u64> {
        self.retry_after
            .map(|wait| (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The URI that names the kind of problem.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The kind of problem in words.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What was wrong this time.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The members of the request that were wrong.
    #[must_use]
    pub fn errors(&self) -> &[MemberProblem] {
        &self.errors
    }

    /// A response with the headers this problem asks for, still without a body.
    pub(crate) fn head(&self) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 15.5.2: a 401 names at least one way to authenticate.
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"latchkey\""));
        }
        if let Some(seconds) = self.seconds_to_wait() {
            response.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        response
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.head();
        response.insert_header((header::CONTENT_TYPE, PROBLEM_JSON));
        // A struct of text and numbers always serializes.
        response.body(serde_json::to_vec(self).unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl Error for Problem {}

fn status_number<S: serde::Serializer>(
    status: &StatusCode,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// The error and its sources on one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::MessageBody;

    fn json_of(problem: &Problem) -> serde_json::Value {
        let body = problem
            .error_response()
            .into_body()
            .try_into_bytes()
            .unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn a_problem_has_the_members_of_rfc_9457() {
        let problem = Problem::not_found("There is no such grant.");
        let expected = serde_json::json!({
            "type": "https://latchkey.dev/problems/not-found",
            "title": "Not found",
            "status": 404,
            "detail": "There is no such grant.",
        });
        assert_eq!(json_of(&problem), expected);
        assert_eq!(
            problem
                .error_response()
                .headers()
                .get("content-type")
                .unwrap(),
            PROBLEM_JSON
        );
    }

    #[test]
    fn members_that_were_wrong_are_pointed_at() {
        let problem = Problem::unprocessable("The limits do not fit.")
            .named("limits-too-wide", "The limits are too wide")
            .at("/limits/daily_spend", "is above the monthly limit");
        let json = json_of(&problem);
        assert_eq!(
            json["type"],
            "https://latchkey.dev/problems/limits-too-wide"
        );
        assert_eq!(json["errors"][0]["pointer"], "/limits/daily_spend");
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let problem = Problem::too_many("Slow down.").retry_after(Duration::from_millis(1_200));
        assert_eq!(
            problem
                .error_response()
                .headers()
                .get("retry-after")
                .unwrap(),
            "2"
        );
    }

    #[test]
    fn an_inner_error_is_not_told() {
        let inner = std::io::Error::other("password=hunter2");
        assert!(
            !json_of(&Problem::internal(&inner))
                .to_string()
                .contains("hunter2")
        );
        assert!(
            !json_of(&Problem::dependency(&inner))
                .to_string()
                .contains("hunter2")
        );
    }
}
