//! The device grant (RFC 8628): a program without a browser asks, and its person decides in theirs.

pub mod page;
mod store;
mod user_code;

use actix_web::{HttpRequest, HttpResponse, post, web};
use events::GrantType;
use ids::DeviceCode;
use serde::Serialize;
use utoipa::ToSchema;

use self::{store::Polled, user_code::UserCode};
use super::{
    authorize::expect_known,
    client::client_with,
    error::OauthError,
    pace::Pace,
    parameters::{Form, Parameters},
    pushed::LARGEST_DETAILS,
    refresh, resource,
    token::{Issued, Rooms, invalid_grant, refused},
};
use crate::{
    access_request::{RequestState, details, projection},
    registered_app::{AppRow, Apps},
    vault::{Actor, Vault},
};

/// What a device shows its person, and polls with (RFC 8628 section 3.2).
#[derive(Serialize, ToSchema)]
pub struct DeviceAuthorization {
    /// What the device polls with. A secret.
    device_code: String,
    /// What the person enters.
    user_code: String,
    /// Where they enter it.
    verification_uri: String,
    /// The same with the code in it, to open or to show as a picture.
    verification_uri_complete: String,
    /// How many seconds both codes live.
    expires_in: u32,
    /// How many seconds to pause between two polls.
    interval: i32,
}

/// Takes in what a device asks for; its person then enters the code that this gives.
#[utoipa::path(tag = "oauth", request_body(content = crate::oauth::forms::DeviceForm, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, body = DeviceAuthorization), (status = 400, body = OauthError), (status = 401, body = OauthError), (status = 429, body = OauthError), (status = 503, body = OauthError)))]
#[post("/oauth/device_authorization")]
pub(crate) async fn authorize_device(
    request: HttpRequest,
    (vault, apps, pace): (web::Data<Vault>, web::Data<Apps>, web::Data<Pace>),
    form: Form,
) -> HttpResponse {
    let answer = async {
        pace.count(&request)?;
        let parameters = Parameters::of_form(form)?;
        let client = client_with(
            (&vault, &apps),
            &request,
            &parameters,
            GrantType::DeviceCode,
        )
        .await?;
        begin(&vault, &client, &parameters).await
    };
    match answer.await {
        Ok(begun) => HttpResponse::Ok()
            .insert_header(("cache-control", "no-store"))
            .insert_header(("pragma", "no-cache"))
            .json(begun),
        Err(error) => error.response(),
    }
}

async fn begin(
    vault: &Vault,
    client: &AppRow,
    parameters: &Parameters,
) -> Result<DeviceAuthorization, OauthError> {
    let invalid = |why: String| OauthError::new("invalid_authorization_details", why);
    let asked = parameters
        .get("authorization_details")
        .ok_or_else(|| invalid("authorization_details is missing".to_owned()))?;
    if asked.len() > LARGEST_DETAILS {
        return Err(invalid("authorization_details is too large".to_owned()));
    }
    let asked =
        details::parse(asked, vault.clock.now()).map_err(|wrong| invalid(wrong.to_string()))?;
    resource::check(vault, parameters, &asked)?;
    expect_known(vault, client, &asked).await?;
    let device = DeviceCode::mint().map_err(|e| OauthError::unavailable(&e))?;
    let user = UserCode::mint().map_err(|e| OauthError::unavailable(&e))?;
    store::make(vault, client, (&device, &user), &asked)
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    let verification_uri = format!("{}/device", vault.public_url);
    Ok(DeviceAuthorization {
        device_code: device.reveal().to_owned(),
        verification_uri_complete: format!("{verification_uri}?user_code={user}"),
        user_code: user.to_string(),
        verification_uri,
        expires_in: store::LIVES,
        interval: store::PAUSE,
    })
}

/// Gives a device its token once its person has approved.
///
/// # Errors
/// In the words of RFC 8628 section 3.5 until then.
pub(super) async fn collect(
    rooms: &Rooms<'_>,
    client: &AppRow,
    parameters: &Parameters,
    request_id: &server::RequestId,
) -> Result<Issued, OauthError> {
    let pending = || OauthError::new("authorization_pending", "the person has not decided yet");
    let unknown = || invalid_grant("the device code is not known, or is another client's");
    let code = DeviceCode::parse(parameters.required("device_code")?).map_err(|_| unknown())?;
    let polled = store::poll(rooms.vault, code.digest(), client)
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    let (tenant, request) = match polled.ok_or_else(unknown)? {
        Polled::TooSoon => {
            let why = "pause five seconds longer between two polls";
            return Err(OauthError::new("slow_down", why));
        }
        Polled::Expired => return Err(OauthError::new("expired_token", "the codes have expired")),
        Polled::NotEntered => return Err(pending()),
        Polled::Became(tenant, request) => (tenant, request),
    };
    let (vault, now) = (rooms.vault, rooms.vault.clock.now());
    let unreachable = |e: postgres::DatabaseError| OauthError::unavailable(&e);
    let tx = vault
        .begin("collect device token", tenant)
        .await
        .map_err(unreachable)?;
    let row = projection::one(&tx, request).await.map_err(unreachable)?;
    let row = row.ok_or_else(unknown)?;
    match row.state {
        RequestState::Approved(_) => {}
        RequestState::Pending if row.expires_at > now => return Err(pending()),
        RequestState::Denied(_) => {
            let why = "the person denied the request";
            return Err(OauthError::new("access_denied", why));
        }
        _ => return Err(OauthError::new("expired_token", "nobody decided in time")),
    }
    let actor = Actor {
        name: client.id.to_string(),
        ..Actor::app(tenant, row.user, request_id)
    };
    let terms = refresh::terms(rooms, client, parameters)?;
    let delivered = rooms
        .requests
        .deliver_under(&tx, &actor, request, terms)
        .await
        .map_err(refused)?;
    let refresh = refresh::first(&tx, client, &actor, &delivered, now).await?;
    tx.commit().await.map_err(unreachable)?;
    vault.changed(&[]);
    Ok(Issued { delivered, refresh })
}
