//! `POST /oauth/par` (RFC 9126): a client leaves its authorization request here, and its browser
//! brings only a reference to it.

use std::{collections::BTreeMap, time::Duration};

use actix_web::{HttpRequest, HttpResponse, post, web};
use ids::{KeyThumbprint, PushedRequest, RequestId, TenantId, TokenDigest};
use jiff::Timestamp;
use postgres::{DatabaseError, Scope, Tx};
use serde::Serialize;
use serde_json::{Value, json};
use server::Problem;
use utoipa::ToSchema;

use super::{
    authorize::{checked, expect_known},
    client,
    client_id::{self, Unknown},
    error::OauthError,
    pace::Pace,
    parameters::{Form, Parameters},
    possession,
};
use crate::{
    policy::after,
    registered_app::{AppRow, Apps, is_registered},
    vault::Vault,
};

/// What stands before the reference (RFC 9126 section 2.2).
const URN: &str = "urn:ietf:params:oauth:request_uri:";
/// How long a browser has to come with it, in seconds.
const LIVES: u32 = 60;
/// How long the person then has to sign in.
const OPEN_FOR: Duration = Duration::from_secs(600);
/// The largest `authorization_details` in a body.
pub(super) const LARGEST_DETAILS: usize = 64 * 1024;

/// The answer to a pushed request (RFC 9126 section 2.2).
#[derive(Serialize, ToSchema)]
pub struct Pushed {
    /// What the browser brings to the authorization endpoint, once.
    request_uri: String,
    /// How many seconds it has to come.
    expires_in: u32,
}

/// A request that was pushed and may still be used.
pub(super) struct Opened {
    pub digest: TokenDigest,
    pub parameters: Parameters,
    /// The access request that it became, if its browser was here before.
    pub request: Option<RequestId>,
}

const PUSH: &str = "
    -- consent.push_request
    INSERT INTO consent.pushed_requests (digest, tenant_id, client_id, parameters, expires_at)
    VALUES ($1, store.current_tenant(), $2, $3, $4)";

const FIND: &str = "
    -- consent.find_pushed_request
    SELECT client_id, parameters, expires_at, opened_at, request_id
      FROM consent.pushed_requests
     WHERE digest = $1";

const OPEN: &str = "
    -- consent.open_pushed_request
    UPDATE consent.pushed_requests SET opened_at = $2, expires_at = $3 WHERE digest = $1 AND opened_at IS NULL";

const USE: &str = "
    -- consent.use_pushed_request
    UPDATE consent.pushed_requests SET request_id = coalesce(request_id, $2) WHERE digest = $1
    RETURNING request_id";

/// Takes an authorization request in, checked as it would be at the authorization endpoint.
#[utoipa::path(tag = "oauth", request_body(content = crate::oauth::forms::PushedForm, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 201, body = Pushed), (status = 400, body = OauthError), (status = 401, body = OauthError), (status = 429, body = OauthError), (status = 503, body = OauthError)))]
#[post("/oauth/par")]
pub(crate) async fn push(
    request: HttpRequest,
    (vault, apps, pace): (web::Data<Vault>, web::Data<Apps>, web::Data<Pace>),
    form: Form,
) -> HttpResponse {
    let answer = async {
        pace.count(&request)?;
        let parameters = Parameters::of_form(form)?;
        let client = client::named(client::client((&vault, &apps), &request, &parameters).await?)?;
        if parameters.get("request_uri").is_some() {
            let why = "request_uri does not belong in a pushed request";
            return Err(OauthError::new("invalid_request", why));
        }
        let redirect_uri = parameters.required("redirect_uri")?;
        if !is_registered(&client.redirect_uris, redirect_uri) {
            let why = "redirect_uri is not one that this app registered";
            return Err(OauthError::new("invalid_request", why));
        }
        let checked = checked(&vault, &parameters, redirect_uri, LARGEST_DETAILS)?;
        expect_known(&vault, &client, &checked.asked).await?;
        let shown = possession::key(&vault, &client, &request).await?;
        let key = possession::of_pushed(&parameters, shown)?;
        keep(&vault, &client, &parameters, key).await
    };
    match answer.await {
        Ok(pushed) => HttpResponse::Created()
            .insert_header(("cache-control", "no-store"))
            .insert_header(("pragma", "no-cache"))
            .json(pushed),
        Err(error) => error.response(),
    }
}

async fn keep(
    vault: &Vault,
    client: &AppRow,
    parameters: &Parameters,
    key: Option<KeyThumbprint>,
) -> Result<Pushed, OauthError> {
    let pushed = PushedRequest::mint().map_err(|e| OauthError::unavailable(&e))?;
    let stored = async {
        let tx = vault.begin("push request", client.tenant).await?;
        let digest = pushed.digest();
        // What proved the client is no part of what it asks for.
        let mut kept = parameters.values().clone();
        for proof in ["client_secret", "client_assertion", "client_assertion_type"] {
            kept.remove(proof);
        }
        kept.insert("client_id".to_owned(), client.client_id.clone());
        if let Some(key) = key {
            kept.insert("dpop_jkt".to_owned(), key.to_string());
        }
        let kept: Value = json!(kept);
        let expires_at = after(vault.clock.now(), Duration::from_secs(LIVES.into()));
        tx.execute(
            PUSH,
            &[
                &digest.as_bytes().as_slice(),
                &client.id.to_string(),
                &kept,
                &expires_at,
            ],
        )
        .await?;
        tx.commit().await
    };
    stored
        .await
        .map_err(|e: DatabaseError| OauthError::unavailable(&e))?;
    Ok(Pushed {
        request_uri: format!("{URN}{}", pushed.reveal()),
        expires_in: LIVES,
    })
}

/// The request that a browser refers to. It counts from its first visit: by then the person may
/// still have to sign in.
///
/// # Errors
/// 400 when it is unknown, another client's, or its time is over: nothing is known then that an
/// error could be sent back to.
pub(super) async fn open(
    (vault, apps): (&Vault, &Apps),
    request: &HttpRequest,
    reference: &str,
    client_id: Option<&str>,
) -> Result<Opened, Problem> {
    let refused = || {
        Problem::bad_request("This request_uri is unknown, another app's, or its time is over. Go back to the app and start again.")
            .named("invalid-request-uri", "The app's request is not here any more")
    };
    let token = reference
        .strip_prefix(URN)
        .and_then(|token| PushedRequest::parse(token).ok());
    let digest = token.ok_or_else(refused)?.digest();
    let client_id = client_id.ok_or_else(refused)?;
    let client = match client_id::find((vault, apps), request, client_id).await {
        Err(Unknown::Unregistered) => return Err(refused()),
        found => found?,
    };
    opened(vault, &client, digest)
        .await
        .map_err(|e| Problem::dependency(&e))?
        .ok_or_else(refused)
}

async fn opened(
    vault: &Vault,
    client: &AppRow,
    digest: TokenDigest,
) -> Result<Option<Opened>, DatabaseError> {
    let (now, of) = (vault.clock.now(), digest.as_bytes().as_slice());
    let tx = vault
        .postgres
        .begin("open pushed request", Scope::Holder(digest));
    let tx = tx.await?;
    let Some(row) = tx.query_opt(FIND, &[&of]).await? else {
        return Ok(None);
    };
    let expires_at: Timestamp = row.get("expires_at");
    if row.get::<_, &str>("client_id") != client.id.to_string() || now >= expires_at {
        return Ok(None);
    }
    if row.get::<_, Option<Timestamp>>("opened_at").is_none() {
        tx.set_scope(Scope::Tenant(client.tenant)).await?;
        tx.execute(OPEN, &[&of, &now, &after(now, OPEN_FOR)])
            .await?;
    }
    tx.commit().await?;
    let values: BTreeMap<String, String> =
        serde_json::from_value(row.get("parameters")).map_err(|_| DatabaseError::Row {
            table: "consent.pushed_requests",
            column: "parameters",
        })?;
    Ok(Some(Opened {
        digest,
        parameters: Parameters::of_values(values),
        request: row
            .get::<_, Option<uuid::Uuid>>("request_id")
            .map(RequestId::from_uuid),
    }))
}

/// Uses a pushed request within the transaction that takes its access request in; gives that, or
/// the one it became when another visit was first.
///
/// # Errors
/// When the database refuses.
pub(super) async fn become_request(
    tx: &Tx,
    (digest, of): (TokenDigest, TenantId),
    request: RequestId,
    asked: TenantId,
) -> Result<RequestId, DatabaseError> {
    let pushed = digest.as_bytes().as_slice();
    // It was pushed by a client that need not be of the organization that it asks.
    tx.set_scope(Scope::Tenant(of)).await?;
    let row = tx.query_one(USE, &[&pushed, &request.uuid()]).await?;
    tx.set_scope(Scope::Tenant(asked)).await?;
    Ok(RequestId::from_uuid(row.get("request_id")))
}
