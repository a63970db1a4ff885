//! The shapes in which the providers' SDKs read errors.

use actix_web::{HttpResponse, http::header};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    error::refusal::Refusal,
    provider::{Dialect, Endpoint},
};

/// How a refusal is written: whose shape, and the id by which the log knows the request.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Whose.
    pub dialect: Dialect,
    /// The request id.
    pub request_id: String,
}

impl Shape {
    /// The whole answer of the vault at `origin`, whose pages a refusal may lead to.
    #[must_use]
    pub fn response_at(&self, refusal: &Refusal, origin: &str) -> HttpResponse {
        let mut response = HttpResponse::build(refusal.status());
        response
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header(("x-okap-request-id", self.request_id.as_str()));
        if let Some(wait) = refusal.retry_after() {
            response.insert_header((header::RETRY_AFTER, wait.as_secs().to_string()));
        }
        if refusal.must_not_be_retried() {
            response.insert_header(("x-should-retry", "false"));
        }
        response.body(self.body(refusal, origin).to_string())
    }

    /// The JSON of the answer.
    #[must_use]
    pub fn body(&self, refusal: &Refusal, origin: &str) -> Value {
        match self.dialect {
            Dialect::OpenAi => json!({ "error": members(refusal, origin, refusal.kind().into()) }),
            Dialect::Anthropic => json!({
                "type": "error",
                "error": members(refusal, origin, refusal.kind().into()),
                "request_id": self.request_id,
            }),
            Dialect::Google => {
                let mut error = members(refusal, origin, refusal.status().as_u16().into());
                error.insert("status".to_owned(), google_status(refusal).into());
                json!({ "error": error })
            }
        }
    }
}

/// The event that ends a stream which cannot go on.
#[must_use]
pub fn stream_event(shape: &Shape, endpoint: Endpoint, refusal: &Refusal) -> Bytes {
    let event = match (shape.dialect, endpoint) {
        (Dialect::OpenAi, Endpoint::Responses) => {
            let mut error = members(refusal, "", refusal.kind().into());
            error.insert("type".to_owned(), "error".into());
            error.entry("param".to_owned()).or_insert(Value::Null);
            format!("event: error\ndata: {}\n\n", Value::Object(error))
        }
        (Dialect::Anthropic, _) => format!("event: error\ndata: {}\n\n", shape.body(refusal, "")),
        (Dialect::OpenAi | Dialect::Google, _) => format!("data: {}\n\n", shape.body(refusal, "")),
    };
    event.into()
}

fn members(refusal: &Refusal, origin: &str, code: Value) -> Map<String, Value> {
    let mut error = Map::new();
    error.insert("type".to_owned(), refusal.kind().into());
    let step_up = refusal.step_up_url(origin);
    error.insert(
        "message".to_owned(),
        message(refusal, step_up.as_deref()).into(),
    );
    error.insert("code".to_owned(), code);
    if let Some(param) = refusal.param() {
        error.insert("param".to_owned(), param.into());
    }
    match refusal {
        Refusal::SpendLimit {
            limit_name,
            spent,
            reserved,
            limit,
            resets_at,
            ..
        } => {
            error.insert("limit_name".to_owned(), limit_name.name().into());
            error.insert("limit".to_owned(), limit.to_string().into());
            error.insert("spent".to_owned(), spent.to_string().into());
            error.insert("reserved".to_owned(), reserved.to_string().into());
            error.insert("resets_at".to_owned(), resets_at.to_string().into());
        }
        Refusal::Budget {
            budget,
            limit_name,
            resets_at,
            ..
        } => {
            error.insert("limit_name".to_owned(), limit_name.name().into());
            error.insert("budget".to_owned(), budget.to_string().into());
            error.insert("resets_at".to_owned(), resets_at.to_string().into());
        }
        Refusal::RateLimit {
            limit_name, limit, ..
        } => {
            error.insert("limit_name".to_owned(), limit_name.name().into());
            error.insert("limit".to_owned(), (*limit).into());
        }
        _ => {}
    }
    // SDKs that know nothing of it pass it over; the message says it, too.
    if let Some(url) = step_up {
        error.insert("step_up_url".to_owned(), url.into());
    }
    error
}

/// In words, with what to do next.
fn message(refusal: &Refusal, step_up: Option<&str>) -> String {
    match (refusal, step_up) {
        (_, None) => refusal.to_string(),
        (Refusal::SpendLimit { .. }, Some(url)) => {
            format!("{refusal}; whoever granted this can raise the limit at {url}")
        }
        (_, Some(url)) => format!("{refusal}; whoever granted this can allow it at {url}"),
    }
}

/// The canonical code that Google writes beside a status.
fn google_status(refusal: &Refusal) -> &'static str {
    match refusal.status().as_u16() {
        400 | 413 | 415 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        402 | 424 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        502 | 503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use events::{Capability, LimitName};
    use ids::TokenRefusal;
    use money::Nanodollars;

    use super::*;
    use crate::error::GrantedAt;

    const ORIGIN: &str = "https://vault.example.com";

    fn all() -> Vec<Refusal> {
        let openai = || "openai".parse::<events::Provider>().unwrap();
        let at = || {
            Box::new(GrantedAt {
                grant: "grant_0198c0de0000700080000000000000ff".parse().unwrap(),
                provider: openai(),
            })
        };
        vec![
            Refusal::NoRoute,
            Refusal::TokenMissing,
            Refusal::SeveralTokens,
            Refusal::TokenMalformed(TokenRefusal::Checksum),
            Refusal::ManagementToken,
            Refusal::TokenUnknown,
            Refusal::TokenBound,
            Refusal::TokenNotBound,
            Refusal::OtherKey,
            Refusal::Proof(dpop::ProofError::Used),
            Refusal::TokenRevoked,
            Refusal::TokenExpired,
            Refusal::ProviderNotGranted {
                provider: openai(),
                granted: "anthropic".to_owned(),
            },
            Refusal::ModelNotGranted {
                model: "o1".to_owned(),
                granted: "gpt-4o*".to_owned(),
                at: at(),
            },
            Refusal::ModelNotGranted {
                model: "a name\u{7} that no grant holds".to_owned(),
                granted: "gpt-4o*".to_owned(),
                at: at(),
            },
            Refusal::CapabilityNotGranted {
                needed: Capability::Vision,
                granted: "chat".to_owned(),
                at: at(),
            },
            Refusal::Unbounded("the tool `web_search` runs at the provider".to_owned()),
            Refusal::SpendLimit {
                limit_name: LimitName::MonthlySpend,
                whose: "",
                spent: Nanodollars::from_dollars(9),
                reserved: Nanodollars::ZERO,
                limit: Nanodollars::from_dollars(10),
                needed: Nanodollars::from_dollars(2),
                resets_at: "2026-12-01T00:00:00Z".parse().unwrap(),
                at: at(),
            },
            Refusal::Budget {
                budget: "budget_0198c0de0000700080000000000000fe".parse().unwrap(),
                covers: " for this app".to_owned(),
                limit_name: LimitName::DailySpend,
                needed: Nanodollars::from_dollars(2),
                resets_at: "2026-11-23T00:00:00Z".parse().unwrap(),
            },
            Refusal::RateLimit {
                limit_name: LimitName::RequestsPerMinute,
                whose: "",
                limit: 60,
                retry_after_seconds: 12,
            },
            Refusal::RateLimit {
                limit_name: LimitName::RequestsPerDay,
                whose: "",
                limit: 9,
                retry_after_seconds: 3_600,
            },
            Refusal::TooManyAtOnce {
                whose: "this grant",
                most: 20,
            },
            Refusal::Busy,
            Refusal::PriceUnknown {
                provider: openai(),
                model: "new".to_owned(),
            },
            Refusal::of_parameter("model", "`model` is missing"),
            Refusal::TooLarge(10_485_760),
            Refusal::MediaType("send JSON"),
            Refusal::ProviderKeyInvalid(openai()),
            Refusal::ProviderUnreachable(openai()),
            Refusal::ProviderLate(openai()),
            Refusal::Provider {
                provider: openai(),
                status: 500,
            },
            Refusal::ProviderAnswer(openai()),
            Refusal::VaultUnavailable,
            Refusal::Fault,
        ]
    }

    #[test]
    fn refusals_keep_their_shape() {
        let mut table = String::new();
        for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Google] {
            let shape = Shape {
                dialect,
                request_id: "r-1".to_owned(),
            };
            writeln!(table, "# {dialect:?}").unwrap();
            for refusal in all() {
                let response = shape.response_at(&refusal, ORIGIN);
                let header = |name: &str| {
                    let value = response.headers().get(name)?.to_str().unwrap();
                    Some(format!(" {name}: {value}"))
                };
                let headers: String = ["retry-after", "x-should-retry"]
                    .into_iter()
                    .filter_map(header)
                    .collect();
                let status = refusal.status().as_u16();
                writeln!(table, "{status}{headers} {}", shape.body(&refusal, ORIGIN)).unwrap();
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_stream_ends_with_an_event_of_its_dialect() {
        let event = |dialect, endpoint| {
            let shape = Shape {
                dialect,
                request_id: "r-1".to_owned(),
            };
            let event = stream_event(&shape, endpoint, &Refusal::TokenRevoked);
            String::from_utf8(event.to_vec()).unwrap()
        };
        let chat = event(Dialect::OpenAi, Endpoint::ChatCompletions);
        assert!(
            chat.starts_with("data: {\"error\":{\"type\":\"token_revoked\"")
                && chat.ends_with("\n\n")
        );
        let responses = event(Dialect::OpenAi, Endpoint::Responses);
        assert!(responses.starts_with("event: error\ndata: {\"type\":\"error\",\"message\":"));
        let anthropic = event(Dialect::Anthropic, Endpoint::Messages);
        assert!(anthropic.starts_with("event: error\ndata: {\"type\":\"error\",\"error\":{"));
        assert!(
            event(Dialect::Google, Endpoint::StreamGenerateContent)
                .starts_with("data: {\"error\":{")
        );
    }
}
