//! `/api/v1/registration-tokens`.

use actix_web::{HttpResponse, delete, get, http::header, post, web};
use ids::RegistrationTokenId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use server::{Page, Person, Problem, RequestId, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;

use super::{RegistrationTokens, TokenRow};
use crate::{provider_key::http::checked_name, vault::Actor};

/// The longest that a token may be used.
pub const MOST_DAYS: u16 = 90;
/// The most apps that may register with one token.
pub const MOST_REGISTRATIONS: u16 = 100;

/// A registration token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRegistrationToken {
    /// What it is for, in your words.
    label: String,
    /// How many days it may be used, 1 to 90; left out: 7.
    #[serde(default = "a_week")]
    days: u16,
    /// How many apps may register with it, 1 to 100; left out: 1.
    #[serde(default = "once")]
    registrations: u16,
}

const fn a_week() -> u16 {
    7
}

const fn once() -> u16 {
    1
}

/// A registration token that was just made.
#[derive(Serialize, ToSchema)]
pub struct NewRegistrationTokenView {
    /// Its id.
    #[schema(value_type = String)]
    id: RegistrationTokenId,
    /// The token, the bearer at the registration endpoint. Shown once.
    registration_token: String,
    /// Where apps register with it.
    registration_endpoint: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A registration token.
#[derive(Serialize, ToSchema)]
pub struct RegistrationTokenView {
    /// Its id.
    #[schema(value_type = String)]
    id: RegistrationTokenId,
    /// What it is for.
    label: String,
    /// How many apps may still register with it.
    registrations_left: i32,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// When somebody ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

impl From<TokenRow> for RegistrationTokenView {
    fn from(row: TokenRow) -> Self {
        Self {
            id: row.id,
            label: row.label,
            registrations_left: row.registrations_left,
            made_at: row.made_at,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
        }
    }
}

/// Makes a registration token. Apps that register with it belong to the organization.
#[utoipa::path(tag = "apps", request_body = NewRegistrationToken, responses(
    (status = 201, body = NewRegistrationTokenView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/registration-tokens")]
pub(crate) async fn make(
    person: Person,
    request_id: RequestId,
    tokens: web::Data<RegistrationTokens>,
    vault: web::Data<crate::vault::Vault>,
    body: StrictJson<NewRegistrationToken>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageApps)?;
    let label = checked_name(&body.0.label)?;
    let within = |number: u16, most: u16, member: &str| {
        let rule = format!("1 to {most}");
        let refused =
            || Problem::bad_request(format!("{member} is {rule}.")).at(format!("/{member}"), rule);
        if (1..=most).contains(&number) {
            Ok(())
        } else {
            Err(refused())
        }
    };
    within(body.0.days, MOST_DAYS, "days")?;
    within(body.0.registrations, MOST_REGISTRATIONS, "registrations")?;
    let actor = Actor::person(&person, &request_id);
    let made = tokens
        .make(&actor, &label, (body.0.days, body.0.registrations))
        .await?;
    let mut response = HttpResponse::Created();
    Ok(response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(NewRegistrationTokenView {
            id: made.id,
            registration_token: made.token.reveal().to_owned(),
            registration_endpoint: format!("{}/oauth/register", vault.public_url),
            expires_at: made.expires_at,
        }))
}

/// Lists the organization's registration tokens, newest first; at most 100.
#[utoipa::path(tag = "apps", responses(
    (status = 200, body = Page<RegistrationTokenView>), (status = 401, body = Problem), (status = 403, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/registration-tokens")]
pub(crate) async fn list(
    person: Person,
    tokens: web::Data<RegistrationTokens>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageApps)?;
    let rows = tokens
        .of(person.tenant)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    Ok(HttpResponse::Ok().json(Page {
        items: rows.into_iter().map(RegistrationTokenView::from).collect(),
        next_cursor: None,
    }))
}

/// Ends a registration token. The apps that were registered with it stay.
#[utoipa::path(tag = "apps", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
#[delete("/api/v1/registration-tokens/{id}")]
pub(crate) async fn end(
    person: Person,
    request_id: RequestId,
    tokens: web::Data<RegistrationTokens>,
    id: web::Path<RegistrationTokenId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageApps)?;
    tokens
        .end(&Actor::person(&person, &request_id), *id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
