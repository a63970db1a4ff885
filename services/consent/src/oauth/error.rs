//! OAuth errors: RFC 6749 section 5.2 at the endpoints, section 4.1.2.1 on the way back.

use actix_web::{HttpResponse, http::StatusCode};
use serde::Serialize;
use server::Problem;
use utoipa::ToSchema;

/// The most characters of a description.
const LONGEST_DESCRIPTION: usize = 300;

/// An error of an OAuth endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OauthError {
    /// The code of RFC 6749 or RFC 9396.
    pub error: &'static str,
    /// In words, for the developer.
    pub error_description: String,
    #[serde(skip)]
    status: u16,
    /// In seconds.
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl OauthError {
    /// An error that the caller can mend. A description longer than anybody reads is cut.
    pub fn new(error: &'static str, description: impl Into<String>) -> Self {
        // RFC 6749 section 5.2 limits descriptions to printable ASCII without quotes and backslashes.
        let description: String = description.into();
        let plain = description
            .chars()
            .map(|c| if c == '"' { '\'' } else { c })
            .filter(|c| (' '..='~').contains(c) && *c != '\\');
        Self {
            error,
            error_description: plain.take(LONGEST_DESCRIPTION).collect(),
            status: if error == "invalid_client" { 401 } else { 400 },
            retry_after: None,
        }
    }

    /// With another status than its code has by itself.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Something that we need is not there now, and may be in a moment.
    pub fn later(description: impl Into<String>) -> Self {
        Self {
            status: 503,
            retry_after: Some(10),
            ..Self::new("temporarily_unavailable", description)
        }
    }

    /// The caller asks too often. RFC 6749 has no code of its own for that; this one says best that
    /// the same request may be good later.
    pub fn too_many(problem: &Problem) -> Self {
        Self {
            status: problem.status().as_u16(),
            retry_after: problem.seconds_to_wait(),
            ..Self::new("temporarily_unavailable", problem.detail())
        }
    }

    /// We cannot answer right now.
    pub fn unavailable(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %error, "an OAuth endpoint could not be served");
        let description = "try again in a moment".to_owned();
        Self {
            error: "temporarily_unavailable",
            error_description: description,
            status: 503,
            retry_after: Some(1),
        }
    }

    /// The answer of an endpoint. Never cached.
    pub fn response(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = HttpResponse::build(status);
        response
            .insert_header(("cache-control", "no-store"))
            .insert_header(("pragma", "no-cache"));
        if self.status == 401 {
            // RFC 9110 section 15.5.2 wants a challenge; public clients have nothing to answer it with.
            response.insert_header(("www-authenticate", "Basic realm=\"latchkey\""));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header(("retry-after", seconds));
        }
        response.json(self)
    }
}

/// A redirect URI with parameters added to its query (RFC 6749 section 4.1.2).
#[must_use]
pub fn redirect(uri: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{}", query.finish())
}
