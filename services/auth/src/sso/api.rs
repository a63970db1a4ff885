//! `GET` and `POST /api/v1/sso`: the identity providers of an organization.

use actix_web::{HttpResponse, get, post, web};
use ids::ConnectionId;
use jiff::Timestamp;
use postgres::{DatabaseError, Scope};
use serde::{Deserialize, Serialize};
use server::{Page, Person, Problem, RequestId, Site, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;

use super::{
    Connect, ConnectionRow, Issuer, ProviderError, SecretText, Sso, SsoError, connections,
    redirect_uri,
};

/// An identity provider of the organization.
#[derive(Debug, Serialize, ToSchema)]
pub struct SsoConnection {
    /// Which.
    #[schema(value_type = String, example = "sso_019aa2c4d7f07d0c9f6b0b4f0a3b1c2d")]
    id: ConnectionId,
    /// Its issuer, as its discovery document has it.
    #[schema(example = "https://login.acme.example")]
    issuer: String,
    /// What Latchkey is called there.
    #[schema(example = "latchkey")]
    client_id: String,
    /// Whether Latchkey has a client secret there. The secret itself is never shown.
    has_client_secret: bool,
    /// The redirect URI to register there.
    #[schema(
        example = "https://vault.example.com/sso/sso_019aa2c4d7f07d0c9f6b0b4f0a3b1c2d/callback"
    )]
    redirect_uri: String,
    /// Since when.
    created_at: Timestamp,
}

impl SsoConnection {
    fn of(row: ConnectionRow, site: &Site) -> Self {
        Self {
            id: row.connection,
            has_client_secret: row.has_secret(),
            redirect_uri: redirect_uri(site.public_url(), row.connection).into(),
            issuer: row.issuer,
            client_id: row.client_id,
            created_at: row.created_at,
        }
    }
}

/// An identity provider to connect.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSsoConnection {
    /// Its issuer: https, with a discovery document below it.
    #[schema(example = "https://login.acme.example")]
    issuer: String,
    /// What Latchkey is called there.
    #[schema(example = "latchkey")]
    client_id: String,
    /// What Latchkey shows there. Sealed at once; nothing when it is a public client.
    #[serde(default)]
    client_secret: Option<String>,
}

/// Lists the identity providers of the organization.
#[utoipa::path(
    tag = "sso",
    responses(
        (status = 200, body = Page<SsoConnection>),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
    )
)]
#[get("/api/v1/sso")]
pub async fn list(
    person: Person,
    sso: web::Data<Sso>,
) -> Result<web::Json<Page<SsoConnection>>, Problem> {
    person.require(Permission::ManageSignOn)?;
    let rows = rows_of(&sso, &person)
        .await
        .map_err(|error| Problem::dependency(&error))?;
    let items = rows
        .into_iter()
        .map(|row| SsoConnection::of(row, &sso.site))
        .collect();
    Ok(web::Json(Page::whole(items)))
}

async fn rows_of(sso: &Sso, person: &Person) -> Result<Vec<ConnectionRow>, DatabaseError> {
    let tx = sso
        .postgres
        .begin("list sign-on", Scope::Tenant(person.tenant))
        .await?;
    let rows = connections::of_tenant(&tx).await?;
    tx.commit().await?;
    Ok(rows)
}

/// Connects an identity provider. Posting an issuer that is connected replaces its client id and
/// secret.
#[utoipa::path(
    tag = "sso",
    request_body = NewSsoConnection,
    responses(
        (status = 200, description = "It was connected before; client id and secret are replaced.", body = SsoConnection),
        (status = 201, body = SsoConnection),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, body = Problem),
        (status = 422, description = "The issuer has no usable discovery document.", body = Problem),
    )
)]
#[post("/api/v1/sso")]
pub async fn connect(
    person: Person,
    request: RequestId,
    sso: web::Data<Sso>,
    body: StrictJson<NewSsoConnection>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageSignOn)?;
    let NewSsoConnection {
        issuer,
        client_id,
        client_secret,
    } = body.0;
    let issuer = Issuer::parse(&issuer, sso.providers.reach())
        .map_err(|error| refused("/issuer", &error))?;
    check_client_id(&client_id)?;
    let secret = client_secret
        .map(SecretText::parse)
        .transpose()
        .map_err(|error| refused("/client_secret", &error))?;
    let command = Connect {
        issuer: &issuer,
        client_id: &client_id,
        secret: secret.as_ref(),
    };
    let connected = sso
        .connect(person.tenant, person.user, request, &command)
        .await;
    let connected = connected.map_err(connect_problem)?;
    let mut response = if connected.is_new {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    Ok(response.json(SsoConnection::of(connected.row, &sso.site)))
}

/// RFC 6749 appendix A.1: visible ASCII characters and spaces.
fn check_client_id(client_id: &str) -> Result<(), Problem> {
    let plain = client_id.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if plain && !client_id.trim().is_empty() && client_id.len() <= 500 {
        return Ok(());
    }
    let detail = "A client id is 1 to 500 visible ASCII characters.";
    Err(Problem::bad_request(detail).at("/client_id", "cannot be a client id"))
}

fn refused(pointer: &str, error: &dyn std::error::Error) -> Problem {
    Problem::bad_request("The identity provider cannot be connected.")
        .at(pointer, error.to_string())
}

/// Here it is the caller's issuer that does not work, not something we depend on.
fn connect_problem(error: SsoError) -> Problem {
    match error {
        SsoError::Provider(error) => {
            let why = match &*error {
                ProviderError::Unusable {
                    source: Some(source),
                    ..
                } => source.to_string(),
                other => other.to_string(),
            };
            Problem::unprocessable("The identity provider cannot be used.")
                .named(
                    "sso-provider-unusable",
                    "The identity provider cannot be used",
                )
                .at("/issuer", why)
        }
        other => other.into(),
    }
}
