//! `/sign-in`, `/sign-in/link/{token}`, `/sign-out` and `GET /api/v1/session`.

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::{StatusCode, header},
    web,
};
use askama::Template;
use ids::{SignInLink, TenantId, UserId};
use pages::{Field, Layout};
use postgres::{DatabaseError, Postgres, Scope};
use serde::{Deserialize, Serialize};
use server::{
    Nothing, Person, Problem, RequestId, ReturnPath, SameOrigin, SignedForm, Site, StrictForm,
    StrictQuery,
};
use sessions::{Role, SignedIn, Via};
use utoipa::ToSchema;

use super::{SignInError, SignIns, Welcome};
use crate::{organization, records::Retriable};

/// Where to go after signing in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Next {
    next: Option<ReturnPath>,
}

/// What the sign-in page may be asked with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    next: Option<ReturnPath>,
    organization: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    layout: Layout,
    organization: Field,
    next: ReturnPath,
}

#[derive(Template)]
#[template(path = "sign_in_link.html")]
struct LinkPage {
    layout: Layout,
    name: String,
    organization: String,
    path: String,
    next: ReturnPath,
}

/// The sign-in page: which organization?
pub async fn page(
    request: HttpRequest,
    asked: StrictQuery<Asked>,
) -> Result<HttpResponse, Problem> {
    let Asked { next, organization } = asked.0;
    let next = next.unwrap_or_else(ReturnPath::home);
    if server::signed_in(&request).await?.is_some() {
        return Ok(see_other(next.as_str()));
    }
    let organization = organization
        .filter(|name| name.len() <= 400)
        .unwrap_or_default();
    Ok(form_again(StatusCode::OK, organization, next, None))
}

/// The sign-in page as it was filled in, with what is wrong with it.
pub fn form_again(
    status: StatusCode,
    organization: String,
    next: ReturnPath,
    wrong: Option<String>,
) -> HttpResponse {
    let organization = Field::text("organization", "Organization")
        .value(organization)
        .autocomplete("organization")
        .placeholder("Acme")
        .required()
        .maybe_error(wrong);
    let layout = Layout::signed_out("Sign in");
    pages::html_with(
        status,
        &SignInPage {
            layout,
            organization,
            next,
        },
    )
}

/// Whether a person looks at the answer, not a program.
pub fn wants_page(request: &HttpRequest) -> bool {
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Shows whom a link would sign in, with a button. Only the button uses the link up.
pub async fn link_page(
    token: web::Path<String>,
    sign_ins: web::Data<SignIns>,
    query: StrictQuery<Next>,
) -> Result<HttpResponse, Problem> {
    let offer = sign_ins.offer(&link_in(&token)?).await?;
    Ok(pages::html(&LinkPage {
        layout: Layout::signed_out("Sign in"),
        name: offer.name,
        organization: offer.organization,
        path: format!("/sign-in/link/{token}"),
        next: query.0.next.unwrap_or_else(ReturnPath::home),
    }))
}

/// Uses a link up and signs its person in.
pub async fn follow_link(
    request: HttpRequest,
    _: SameOrigin,
    token: web::Path<String>,
    id: RequestId,
    sign_ins: web::Data<SignIns>,
    form: StrictForm<Next>,
) -> Result<HttpResponse, Problem> {
    let link = link_in(&token)?;
    let next = form.0.next.unwrap_or_else(ReturnPath::home);
    let welcome = sign_ins.follow(&link, id).await?;
    come_in(&request, &sign_ins, &welcome, &next).await
}

/// Ends the session.
pub async fn sign_out(
    request: HttpRequest,
    form: SignedForm<Nothing>,
    sign_ins: web::Data<SignIns>,
) -> Result<HttpResponse, Problem> {
    sign_ins.end(&form.person).await?;
    let mut response = see_other("/sign-in");
    add_cookie(&mut response, &Site::of(&request)?.cleared_session_cookie());
    Ok(response)
}

/// Puts the new session into the browser and ends the one it brought along.
///
/// # Errors
/// When the application was put together wrongly.
pub async fn come_in(
    request: &HttpRequest,
    sign_ins: &SignIns,
    welcome: &Welcome,
    next: &ReturnPath,
) -> Result<HttpResponse, Problem> {
    // The new session stands whether or not the old one could be looked up and ended.
    if let Ok(Some(before)) = server::signed_in(request).await
        && let Err(error) = sign_ins.end(&before).await
    {
        tracing::warn!(%error, "the session before was not ended");
    }
    let mut response = see_other(next.as_str());
    add_cookie(
        &mut response,
        &Site::of(request)?.session_cookie(&welcome.session.token),
    );
    Ok(response)
}

/// Who is asking.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    /// The person.
    #[schema(value_type = String, example = "user_019aa2c4d7f07d0c9f6b0b4f0a3b1c2d")]
    id: UserId,
    /// What they are called; the label of the token when they use one.
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// The organization they act in.
    organization: SessionOrganization,
    /// What they may do.
    #[schema(value_type = String, example = "owner")]
    role: Role,
    /// `session` in a browser, `api_token` for a program.
    #[schema(example = "session")]
    via: &'static str,
    /// What unsafe requests of this browser session must send as `x-csrf-token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

/// An organization by id and name.
#[derive(Debug, Serialize, ToSchema)]
struct SessionOrganization {
    #[schema(value_type = String, example = "org_019aa2c4d7f07d0c9f6b0b4f0a3b1c2d")]
    id: TenantId,
    #[schema(example = "Acme")]
    name: String,
}

/// Tells who the caller is, and what they may do.
#[utoipa::path(
    tag = "session",
    responses((status = 200, body = Session), (status = 401, body = Problem))
)]
#[get("/api/v1/session")]
pub async fn tell_session(
    person: Person,
    postgres: web::Data<Postgres>,
) -> Result<HttpResponse, Problem> {
    who_am_i(person, postgres).await
}

/// The same at the address that pages use.
#[utoipa::path(
    tag = "session",
    responses((status = 200, body = Session), (status = 401, body = Problem), (status = 503, body = Problem))
)]
#[get("/session")]
pub async fn tell_page_session(
    person: Person,
    postgres: web::Data<Postgres>,
) -> Result<HttpResponse, Problem> {
    who_am_i(person, postgres).await
}

async fn who_am_i(person: Person, postgres: web::Data<Postgres>) -> Result<HttpResponse, Problem> {
    let organization = organization_of(&postgres, &person).await;
    let organization = organization.map_err(|error| Problem::dependency(&error))?;
    let person = person.0;
    let session = Session {
        id: person.user,
        organization: SessionOrganization {
            id: person.tenant,
            name: organization,
        },
        role: person.role,
        via: match person.via {
            Via::Session { .. } => "session",
            Via::ApiToken { .. } => "api_token",
        },
        csrf_token: person.csrf().map(|csrf| csrf.reveal().to_owned()),
        name: person.name,
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(session))
}

/// The name of the organization that somebody acts in.
///
/// # Errors
/// When the database is not reached.
pub async fn organization_of(
    postgres: &Postgres,
    person: &SignedIn,
) -> Result<String, DatabaseError> {
    let tx = postgres
        .begin("name organization", Scope::Tenant(person.tenant))
        .await?;
    let name = organization::projection::name_of(&tx, person.tenant).await?;
    tx.commit().await?;
    Ok(name.unwrap_or_default())
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::UnknownLink => unknown_link(),
            SignInError::SpentLink => Self::gone(
                "This sign-in link was used already or is too old. A link works once and for a \
                 short time: ask for a new one.",
            )
            .named("sign-in-link-spent", "This link no longer works"),
            SignInError::Refused(refusal) => {
                Self::forbidden(format!("Nobody was signed in: {refusal}."))
            }
            SignInError::Record(error) if error.is_conflict() => {
                Self::conflict("Somebody else was quicker. Please try again.")
            }
            error => Self::dependency(&error),
        }
    }
}

fn link_in(token: &str) -> Result<SignInLink, Problem> {
    SignInLink::parse(token).map_err(|_| unknown_link())
}

fn unknown_link() -> Problem {
    Problem::not_found("There is no such sign-in link. It may have been cut when it was copied.")
        .named("sign-in-link-unknown", "This link is not known")
}

/// RFC 9110 section 15.4.4: after a form, the browser asks for the next page with GET.
pub fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

/// Adds a cookie to an answer.
pub fn add_cookie(response: &mut HttpResponse, cookie: &actix_web::cookie::Cookie<'_>) {
    // Our cookies are of characters that every header takes.
    if let Err(error) = response.add_cookie(cookie) {
        tracing::error!(%error, "a cookie could not be set");
    }
}
