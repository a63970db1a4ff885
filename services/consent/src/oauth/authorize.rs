//! `GET /oauth/authorize` (RFC 6749 section 4.1.1, RFC 7636, RFC 9396): from a client's request to
//! the consent page.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, get, http::header, web};
use events::{RequestedDetail, Transport};
use ids::{GrantId, RequestId, TenantId};
use server::{Problem, ReturnPath};
use sessions::Permission;

use super::{
    client_id,
    error::{OauthError, redirect},
    merge,
    parameters::Parameters,
    pkce, possession,
    pushed::{self, Opened},
    resource,
};
use crate::{
    access_request::{
        Arrival, RequestError, Requests,
        delivery::{OauthChannel, same_oauth_request},
        details::{self, InvalidDetails},
    },
    custom_provider,
    grant::narrowing::named_members,
    organization_policy::Policies,
    registered_app::{AppRow, Apps, is_registered, of_the_vault},
    vault::{Actor, Change, Vault},
};

/// The largest `authorization_details` in a URL (RFC 9396 section 11.4).
const LARGEST_DETAILS: usize = 8 * 1024;

/// Shows a person what an app asks for.
#[utoipa::path(tag = "oauth", params(
    ("client_id" = String, Query), ("redirect_uri" = String, Query), ("response_type" = String, Query),
    ("code_challenge" = String, Query), ("code_challenge_method" = String, Query),
    ("authorization_details" = String, Query), ("state" = Option<String>, Query), ("request_uri" = Option<String>, Query),
    ("grant_management_action" = Option<String>, Query), ("grant_id" = Option<String>, Query),
    ("dpop_jkt" = Option<String>, Query)),
    responses((status = 303, description = "To the consent page, to sign-in, or back with an error to an app that an administrator registered"),
    (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 503, body = Problem)))]
#[get("/oauth/authorize")]
pub(crate) async fn authorize(
    request: HttpRequest,
    request_id: server::RequestId,
    (vault, apps, requests): (web::Data<Vault>, web::Data<Apps>, web::Data<Requests>),
) -> Result<HttpResponse, Problem> {
    let query = Parameters::of_query(request.query_string());
    // What was pushed counts, and nothing else that the browser brings (RFC 9126 section 4).
    let pushed = match query.get("request_uri") {
        Some(reference) => {
            Some(pushed::open((&vault, &apps), &request, reference, query.get("client_id")).await?)
        }
        None => None,
    };
    let parameters = pushed.as_ref().map_or(&query, |pushed| &pushed.parameters);
    // Until the client and its redirect URI are known to be good, nothing goes back there
    // (RFC 6749 section 4.1.2.1).
    let (app, redirect_uri) = verified_client((&vault, &apps), &request, parameters).await?;
    // Nor before it is known who is in front of the browser (RFC 9700 section 4.11.2).
    let Some(person) = server::signed_in(&request).await? else {
        let next = ReturnPath::to(&request);
        return Ok(see_other(&format!(
            "/sign-in?{}",
            url::form_urlencoded::Serializer::new(String::new())
                .append_pair("next", next.as_str())
                .finish()
        )));
    };
    if person.tenant != app.tenant && app.tenant != of_the_vault() {
        return Err(
            Problem::bad_request("This app is not registered with your organization.")
                .named("unknown-client", "The app is not known here"),
        );
    }
    server::require(&person, Permission::DecideRequests)?;
    Policies::new(vault.get_ref().clone())
        .allow(person.tenant, app.registration.as_ref())
        .await?;
    let back = |error: &OauthError| back_with(&vault, (&app, parameters), &redirect_uri, error);
    let largest = pushed
        .as_ref()
        .map_or(LARGEST_DETAILS, |_| pushed::LARGEST_DETAILS);
    let Checked {
        mut channel,
        asked,
        named,
        extends,
    } = match checked(&vault, parameters, &redirect_uri, largest) {
        Ok(checked) => checked,
        Err(error) => return back(&error),
    };
    let asked = match merge::asked(&vault, (&app, &person), extends, (asked, &named)).await? {
        Ok(asked) => asked,
        Err(error) => return back(&error),
    };
    // Inside the vault every client goes by the id that it has here.
    channel.client_id = app.id.to_string();
    let actor = Actor {
        name: app.id.to_string(),
        ..Actor::person(&person, &request_id)
    };
    // A program with the person's API token is not the person's browser.
    let by_session = person.csrf().is_some();
    let received = match &pushed {
        Some(pushed) => {
            let arrival = arrival(&app, (asked, extends), channel, by_session);
            pushed_request((&vault, &requests), &actor, (pushed, app.tenant), arrival).await
        }
        None => {
            let asked = (channel, (asked, extends), by_session);
            own_request((&vault, &requests), &actor, &app, asked).await
        }
    };
    match received {
        Ok(id) => Ok(see_other(&format!("/requests/{id}"))),
        Err(error @ RequestError::Full) => back(&OauthError::new(
            "temporarily_unavailable",
            error.to_string(),
        )),
        Err(RequestError::UnknownProvider(wrong)) => back(&invalid_details(&wrong)),
        Err(error) => Err(error.into()),
    }
}

/// Refuses providers that are not built in and that the app's organization did not add. Of an app of
/// no organization that is known when its person has signed in.
///
/// # Errors
/// `invalid_authorization_details`, by name.
pub(super) async fn expect_known(
    vault: &Vault,
    app: &AppRow,
    asked: &[RequestedDetail],
) -> Result<(), OauthError> {
    let built_in = asked.iter().all(|one| one.provider.is_built_in());
    if built_in || app.tenant == of_the_vault() {
        return Ok(());
    }
    let looked = async {
        let tx = vault.begin("find custom providers", app.tenant).await?;
        custom_provider::expect_known(&tx, asked).await?;
        tx.commit().await.map_err(RequestError::from)
    };
    looked.await.map_err(|error: RequestError| match error {
        RequestError::UnknownProvider(wrong) => invalid_details(&wrong),
        error => OauthError::unavailable(&error),
    })
}

fn invalid_details(wrong: &InvalidDetails) -> OauthError {
    OauthError::new("invalid_authorization_details", wrong.to_string())
}

/// The access request of what stands in the address; a reloaded page is the same one.
async fn own_request(
    (vault, requests): (&Vault, &Requests),
    actor: &Actor,
    app: &AppRow,
    (channel, asked, by_session): (OauthChannel, WhatIsAsked, bool),
) -> Result<RequestId, RequestError> {
    let tx = vault.begin("find same OAuth request", actor.tenant).await?;
    let now = vault.clock.now();
    let same = same_oauth_request(&tx, actor.user, &channel, (&asked.0, asked.1), now).await?;
    tx.commit().await?;
    match same {
        Some(id) => Ok(id),
        None => {
            let arrival = arrival(app, asked, channel, by_session);
            requests.receive(actor, arrival).await
        }
    }
}

/// The access request of what was pushed. The first visit makes it and every other is led there,
/// where its own person alone sees it.
async fn pushed_request(
    (vault, requests): (&Vault, &Requests),
    actor: &Actor,
    (pushed, of): (&Opened, TenantId),
    arrival: Arrival,
) -> Result<RequestId, RequestError> {
    if let Some(request) = pushed.request {
        return Ok(request);
    }
    let tx = vault.begin("receive pushed request", actor.tenant).await?;
    requests
        .look_for_room(&tx, actor.user, arrival.transport)
        .await?;
    let id = requests.receive_in(&tx, actor, arrival).await?;
    let first = pushed::become_request(&tx, (pushed.digest, of), id, actor.tenant).await?;
    if first == id {
        tx.commit().await?;
        vault.changed(&[Change::Inbox(actor.user)]);
    }
    Ok(first)
}

/// What an app asks for, and the grant that it asks to widen, if it does.
type WhatIsAsked = (Vec<RequestedDetail>, Option<GrantId>);

fn arrival(
    app: &AppRow,
    (details, extends): WhatIsAsked,
    channel: OauthChannel,
    by_session: bool,
) -> Arrival {
    Arrival {
        transport: Transport::Oauth,
        app: app.identity(),
        details,
        extends,
        poll: None,
        oauth: Some(channel),
        back: None,
        handle: None,
        by_session,
    }
}

/// The client and the redirect URI, both checked, or an error that is shown and never redirected.
async fn verified_client(
    rooms: (&Vault, &Apps),
    request: &HttpRequest,
    parameters: &Parameters,
) -> Result<(AppRow, String), Problem> {
    let refused = |detail: &str| {
        Problem::bad_request(detail).named(
            "invalid-client-request",
            "The app's request cannot be trusted",
        )
    };
    for name in ["client_id", "redirect_uri"] {
        if parameters.repeats(name) {
            return Err(refused(&format!("{name} is given more than once.")));
        }
    }
    let named = parameters
        .get("client_id")
        .ok_or_else(|| refused("client_id is missing."))?;
    let app = client_id::find(rooms, request, named).await?;
    let uri = parameters
        .get("redirect_uri")
        .ok_or_else(|| refused("redirect_uri is missing."))?;
    if !is_registered(&app.redirect_uris, uri) {
        return Err(refused("redirect_uri is not one that this app registered."));
    }
    Ok((app, uri.to_owned()))
}

/// Everything else of a request.
pub(super) struct Checked {
    /// What its answer needs.
    pub channel: OauthChannel,
    /// What it asks for.
    pub asked: Vec<RequestedDetail>,
    /// Which members each part of that has.
    pub named: Vec<BTreeSet<String>>,
    /// The grant that it asks to widen, if it does.
    pub extends: Option<GrantId>,
}

/// Everything else of the request: what its answer needs, and what it asks for.
pub(super) fn checked(
    vault: &Vault,
    parameters: &Parameters,
    redirect_uri: &str,
    largest_details: usize,
) -> Result<Checked, OauthError> {
    let invalid = |description: &str| OauthError::new("invalid_request", description);
    if let Some(name) = parameters.repeated() {
        return Err(invalid(&format!("{name} is given more than once")));
    }
    match parameters.get("response_type") {
        Some("code") => {}
        Some(_) => {
            return Err(OauthError::new(
                "unsupported_response_type",
                "only code is supported",
            ));
        }
        None => return Err(invalid("response_type is missing")),
    }
    let challenge = parameters
        .get("code_challenge")
        .ok_or_else(|| invalid("code_challenge is missing: PKCE is required"))?;
    if parameters.get("code_challenge_method") != Some("S256") {
        return Err(invalid("code_challenge_method must be S256"));
    }
    if !pkce::is_challenge(challenge) {
        return Err(invalid("code_challenge must be 43 characters of base64url"));
    }
    let details = parameters.get("authorization_details").ok_or_else(|| {
        OauthError::new(
            "invalid_authorization_details",
            "authorization_details is missing",
        )
    })?;
    if details.len() > largest_details {
        return Err(invalid(
            "authorization_details is too large; push the request, or ask for less",
        ));
    }
    let extends = merge::grant_named(parameters)?;
    let named = named_members(details);
    let asked =
        details::parse(details, vault.clock.now()).map_err(|wrong| invalid_details(&wrong))?;
    resource::check(vault, parameters, &asked)?;
    if parameters.get("prompt") == Some("none") {
        return Err(OauthError::new(
            "interaction_required",
            "a person has to decide",
        ));
    }
    if parameters.get("request").is_some() {
        return Err(OauthError::new(
            "request_not_supported",
            "request objects are not supported",
        ));
    }
    if parameters
        .get("state")
        .is_some_and(|state| state.len() > 1_000)
    {
        return Err(invalid("state has more than 1000 characters"));
    }
    let channel = OauthChannel {
        client_id: parameters.get("client_id").unwrap_or_default().to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        state: parameters.get("state").map(str::to_owned),
        code_challenge: challenge.to_owned(),
        dpop_jkt: possession::of_code(parameters)?,
    };
    Ok(Checked {
        channel,
        asked,
        named,
        extends,
    })
}

/// Back to the app with an error, with `iss` so that it knows who says so (RFC 9207).
///
/// # Errors
/// With a page that says it, where nobody but the app itself vouches for the address: a link to the
/// vault would else be a link to anywhere (RFC 9700 section 4.11.2).
fn back_with(
    vault: &Vault,
    (app, parameters): (&AppRow, &Parameters),
    redirect_uri: &str,
    error: &OauthError,
) -> Result<HttpResponse, Problem> {
    if app.registration.is_some() {
        let says = format!("{} ({}).", error.error_description, error.error);
        return Err(Problem::bad_request(says).named(
            "request-refused",
            "What the app asks for cannot be shown to you",
        ));
    }
    Ok(see_other(&redirect(
        redirect_uri,
        &[
            ("error", Some(error.error)),
            ("error_description", Some(&error.error_description)),
            ("state", parameters.get("state")),
            ("iss", Some(&vault.public_url)),
        ],
    )))
}

fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}
