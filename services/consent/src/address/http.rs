//! `/api/v1/handles` and `/api/v1/connect-tickets`.

use actix_web::{HttpResponse, delete, get, http::header, post, web};
use ids::{HandleId, TicketId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use server::{Page, Person, Problem, RequestId, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;

use super::{AddressError, Addresses, Ceiling, HandleRow, Whose, WireCeiling};
use crate::{
    provider_key::http::checked_name,
    vault::{Actor, Vault},
};

/// A handle to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHandle {
    /// Your name for it, such as the app you will give it to.
    label: String,
}

/// A vault address that lets someone ask.
#[derive(Serialize, ToSchema)]
pub struct HandleView {
    /// Its id.
    #[schema(value_type = String)]
    id: HandleId,
    /// Your name for it.
    label: String,
    /// The address, for clients that keep the user part of a URL.
    url: String,
    /// The address, for clients that keep the path.
    path_url: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// A connect ticket to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTicket {
    /// Your name for it, such as the app you will give it to.
    label: String,
    /// What is granted at once; left out, every use of the ticket waits for your decision.
    #[serde(default, deserialize_with = "server::optional_object")]
    ceiling: Option<WireCeiling>,
}

/// A connect ticket, shown once.
#[derive(Serialize, ToSchema)]
pub struct NewTicketView {
    /// Its id.
    #[schema(value_type = String)]
    id: TicketId,
    /// The address with the ticket in its user part: give it to the app as the vault's URL.
    url: String,
    /// Until when it can be used.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<AddressError> for Problem {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Unknown => Self::not_found("There is no such address."),
            AddressError::TooMany | AddressError::TooManyTickets => {
                Self::conflict(crate::wire_error::sentence(&error))
            }
            AddressError::NoRandomness(error) => Self::internal(&error),
            AddressError::Database(error) => Self::dependency(&error),
        }
    }
}

/// The vault's URL with a user part, which HTTP clients turn into Basic credentials.
pub(crate) fn url_with_user(public_url: &str, user: &str) -> String {
    match public_url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{user}@{rest}"),
        None => public_url.to_owned(),
    }
}

pub(super) fn handle_view(row: HandleRow, public_url: &str) -> HandleView {
    HandleView {
        id: row.id,
        label: row.label,
        url: url_with_user(public_url, row.handle.as_str()),
        path_url: format!("{public_url}/v/{}", row.handle),
        created_at: row.created_at,
    }
}

/// Makes a handle.
#[utoipa::path(tag = "vault addresses", request_body = NewHandle, responses(
    (status = 201, body = HandleView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/handles")]
pub(crate) async fn make_handle(
    person: Person,
    request_id: RequestId,
    (vault, addresses): (web::Data<Vault>, web::Data<Addresses>),
    body: StrictJson<NewHandle>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ConnectApps)?;
    let label = checked_name(&body.0.label)?;
    let row = addresses
        .make_handle(&Actor::person(&person, &request_id), &label)
        .await?;
    Ok(HttpResponse::Created().json(handle_view(row, &vault.public_url)))
}

/// Lists your handles.
#[utoipa::path(tag = "vault addresses", responses(
    (status = 200, body = Page<HandleView>), (status = 401, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/handles")]
pub(crate) async fn list_handles(
    person: Person,
    (vault, addresses): (web::Data<Vault>, web::Data<Addresses>),
) -> Result<HttpResponse, Problem> {
    let rows = addresses
        .handles(Whose {
            tenant: person.tenant,
            user: person.user,
        })
        .await?;
    let items = rows
        .into_iter()
        .map(|row| handle_view(row, &vault.public_url))
        .collect();
    Ok(HttpResponse::Ok().json(Page {
        items,
        next_cursor: None,
    }))
}

/// Ends a handle.
#[utoipa::path(tag = "vault addresses", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
#[delete("/api/v1/handles/{id}")]
pub(crate) async fn end_handle(
    person: Person,
    request_id: RequestId,
    addresses: web::Data<Addresses>,
    id: web::Path<HandleId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ConnectApps)?;
    addresses
        .end_handle(&Actor::person(&person, &request_id), *id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes a connect ticket: one use, fifteen minutes.
#[utoipa::path(tag = "vault addresses", request_body = NewTicket, responses(
    (status = 201, body = NewTicketView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/connect-tickets")]
pub(crate) async fn make_ticket(
    person: Person,
    request_id: RequestId,
    (vault, addresses): (web::Data<Vault>, web::Data<Addresses>),
    body: StrictJson<NewTicket>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ConnectApps)?;
    let label = checked_name(&body.0.label)?;
    let ceiling = body.0.ceiling.map(Ceiling::try_from).transpose();
    let ceiling = ceiling
        .map_err(|why| Problem::bad_request(format!("The ceiling: {why}.")).at("/ceiling", why))?;
    let actor = Actor::person(&person, &request_id);
    let (id, ticket, expires_at) = addresses
        .make_ticket(&actor, &label, ceiling.as_ref())
        .await?;
    let url = url_with_user(&vault.public_url, ticket.reveal());
    let mut response = HttpResponse::Created();
    Ok(response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(NewTicketView {
            id,
            url,
            expires_at,
        }))
}
