//! What apps are answered.

use actix_web::{HttpResponse, http::StatusCode};
use events::{AuthorizationDetail, Capability, WireDetail, WireLimits, base_url};
use ids::RequestId;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::grant::Delivered;

/// An access request that was granted.
#[derive(Serialize, ToSchema)]
pub struct GrantedAnswer {
    /// Always `1.0`.
    okap: &'static str,
    /// Always `granted`.
    status: &'static str,
    /// The OKAP token, shown once.
    token: String,
    /// What was granted, with where to call.
    authorization_details: Vec<WireDetail>,
}

/// An access request that was refused by a person, or that nobody decided.
#[derive(Serialize, ToSchema)]
pub struct DeniedAnswer {
    /// Always `1.0`.
    okap: &'static str,
    /// Always `denied`.
    status: &'static str,
    /// Why.
    reason: String,
}

/// An access request that nobody has decided yet.
#[derive(Serialize, ToSchema)]
pub struct PendingAnswer {
    /// Always `1.0`.
    okap: &'static str,
    /// Always `pending`.
    status: &'static str,
    /// The request.
    #[schema(value_type = String)]
    request_id: RequestId,
    /// Where the person decides.
    authorize_url: String,
    /// Where the answer can be collected, with the poll secret as bearer.
    poll_url: String,
    /// What collects the answer; only on the connection that asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    poll_secret: Option<String>,
    /// Seconds between two collections at least.
    interval: u32,
    /// Seconds until the request lapses.
    expires_in: i64,
}

/// Why an app gets nothing of what a person granted: the grant ended before its token was collected.
pub(super) const ENDED: &str = "the grant ended before its token was collected";

/// An access request that breaks a rule.
#[derive(Serialize, ToSchema)]
pub struct OkapError {
    /// Always `1.0`.
    okap: &'static str,
    /// What is wrong.
    error: OkapErrorBody,
}

/// What is wrong with an access request.
#[derive(Serialize, ToSchema)]
pub struct OkapErrorBody {
    /// The kind of error.
    #[serde(rename = "type")]
    kind: &'static str,
    /// In words.
    message: String,
    /// The member that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<String>,
}

pub(super) fn granted(delivered: &Delivered, public_url: &str) -> HttpResponse {
    no_store(StatusCode::OK).json(GrantedAnswer {
        okap: "1.0",
        status: "granted",
        token: delivered.token.reveal().to_owned(),
        authorization_details: wire(&delivered.details, public_url),
    })
}

pub(super) fn denied(reason: &str) -> HttpResponse {
    no_store(StatusCode::OK).json(DeniedAnswer {
        okap: "1.0",
        status: "denied",
        reason: reason.to_owned(),
    })
}

pub(super) fn pending(
    id: RequestId,
    poll_secret: Option<&str>,
    public_url: &str,
    expires_in: i64,
) -> HttpResponse {
    no_store(StatusCode::ACCEPTED)
        .insert_header(("retry-after", "5"))
        .json(PendingAnswer {
            okap: "1.0",
            status: "pending",
            request_id: id,
            authorize_url: format!("{public_url}/requests/{id}"),
            poll_url: format!("{public_url}/okap/requests/{id}"),
            poll_secret: poll_secret.map(str::to_owned),
            interval: 5,
            expires_in,
        })
}

pub(super) fn refused(
    status: StatusCode,
    kind: &'static str,
    message: String,
    param: Option<String>,
) -> HttpResponse {
    let mut response = no_store(status);
    if status == StatusCode::UNAUTHORIZED {
        response.insert_header(("www-authenticate", "Bearer realm=\"latchkey\""));
    }
    response.json(OkapError {
        okap: "1.0",
        error: OkapErrorBody {
            kind,
            message,
            param,
        },
    })
}

/// The caller shows no poll secret.
pub(super) fn no_poll_secret() -> HttpResponse {
    let message = "send the poll secret as Authorization: Bearer".to_owned();
    refused(
        StatusCode::UNAUTHORIZED,
        "invalid_poll_secret",
        message,
        None,
    )
}

/// The answer waits for the code that the person's browser brings to the callback.
pub(super) fn code_required() -> HttpResponse {
    let message = "it was approved; the browser brings a code to your callback: POST it here";
    refused(
        StatusCode::CONFLICT,
        "code_required",
        message.to_owned(),
        None,
    )
}

/// The code is no code of this request. One word for every reason.
pub(super) fn invalid_code() -> HttpResponse {
    let message = "the code is not of this request and its poll secret, was used, or has lapsed";
    refused(
        StatusCode::BAD_REQUEST,
        "invalid_code",
        message.to_owned(),
        Some("code".to_owned()),
    )
}

fn wire(details: &[AuthorizationDetail], public_url: &str) -> Vec<WireDetail> {
    details
        .iter()
        .map(|detail| WireDetail::granted(detail, public_url))
        .collect()
}

fn no_store(status: StatusCode) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header(("cache-control", "no-store"));
    response
}

/// The token object of the flat form, which the released SDK parses.
#[derive(Serialize, ToSchema)]
pub struct FlatToken {
    token: String,
    base_url: String,
    provider: String,
    models: Vec<String>,
    capabilities: Vec<&'static str>,
    limits: WireLimits,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// The flat form's answer: always with status 200, because the SDK loses the code of any other.
#[derive(Serialize, ToSchema)]
pub struct FlatAnswer {
    okap: &'static str,
    approved: bool,
    token: Option<FlatToken>,
    error: Option<String>,
    error_code: Option<&'static str>,
}

/// The flat answer of a grant. Values that the SDK's enumerations lack never appear in it.
pub(super) fn flat_granted(delivered: &Delivered, public_url: &str, now: Timestamp) -> String {
    let token = delivered.details.first().map(|detail| FlatToken {
        token: delivered.token.reveal().to_owned(),
        base_url: base_url(public_url, &detail.provider),
        provider: detail.provider.to_string(),
        models: detail
            .models
            .patterns()
            .iter()
            .map(ToString::to_string)
            .collect(),
        capabilities: detail
            .capabilities
            .iter()
            .filter(|capability| !matches!(capability, Capability::Code | Capability::Vision))
            .map(|capability| capability.name())
            .collect(),
        limits: (&detail.limits).into(),
        expires_at: detail.expires,
        created_at: now,
    });
    to_text(&FlatAnswer {
        okap: "1.0",
        approved: token.is_some(),
        token,
        error: None,
        error_code: None,
    })
}

/// The flat answer of a refusal.
pub(super) fn flat_refused(code: &'static str, error: &str) -> String {
    to_text(&FlatAnswer {
        okap: "1.0",
        approved: false,
        token: None,
        error: Some(error.to_owned()),
        error_code: Some(code),
    })
}

fn to_text(answer: &FlatAnswer) -> String {
    serde_json::to_string(answer)
        .unwrap_or_else(|_| json!({"okap": "1.0", "approved": false}).to_string())
}
