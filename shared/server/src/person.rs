//! Extractors of the signed-in person.

use std::{future::Future, ops::Deref, pin::Pin};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    dev::Payload,
    http::{StatusCode, header},
};
use ids::{ApiToken, SessionToken};
use sessions::{Permission, SignedIn};

use crate::{csrf, problem::Problem, return_path::ReturnPath, site::Site};

/// The signed-in person, for the management API: by session cookie or `Authorization: Bearer lk_…`.
///
/// Nobody: 401. An unsafe request by cookie also needs the header `x-csrf-token` and must come
/// from our own origin: 403.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person(pub SignedIn);

/// The signed-in person, for pages: like [`Person`], but nobody is sent to sign in first.
///
/// For a form that a page posts, use [`crate::SignedForm`], which reads the token from the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagePerson(pub SignedIn);

/// Why a page was not shown.
#[derive(Debug)]
pub enum PageRefusal {
    /// Nobody is signed in: go to the sign-in page and come back to this path.
    SignIn(ReturnPath),
    /// Anything else.
    Problem(Problem),
}

impl Person {
    /// Refuses unless the person may do this.
    ///
    /// # Errors
    /// 403, naming the role.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        require(&self.0, permission)
    }
}

impl PagePerson {
    /// Refuses unless the person may do this.
    ///
    /// # Errors
    /// 403, naming the role.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        require(&self.0, permission)
    }
}

/// Refuses unless the person may do this.
///
/// # Errors
/// 403, naming the role.
pub fn require(person: &SignedIn, permission: Permission) -> Result<(), Problem> {
    if person.can(permission) {
        return Ok(());
    }
    Err(Problem::forbidden(format!(
        "The role `{}` does not allow this.",
        person.role
    )))
}

impl Deref for Person {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

impl Deref for PagePerson {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

impl FromRequest for Person {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let Some(person) = signed_in(&request).await? else {
                return Err(Problem::unauthorized(
                    "Sign in, or send an API token as `Authorization: Bearer lk_…`.",
                ));
            };
            guard_unsafe(&request, &person)?;
            Ok(Self(person))
        })
    }
}

impl FromRequest for PagePerson {
    type Error = PageRefusal;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageRefusal>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let person = page_person(&request).await?;
            guard_unsafe(&request, &person)?;
            Ok(Self(person))
        })
    }
}

/// The signed-in person of a page, without the check of the token.
pub(crate) async fn page_person(request: &HttpRequest) -> Result<SignedIn, PageRefusal> {
    let found = signed_in(request).await?;
    found.ok_or_else(|| PageRefusal::SignIn(ReturnPath::to(request)))
}

/// Refuses an unsafe request of a browser session that a foreign page may have sent.
pub(crate) fn guard_unsafe(request: &HttpRequest, person: &SignedIn) -> Result<(), Problem> {
    if person.csrf().is_none() || !csrf::is_unsafe(request.method()) {
        return Ok(());
    }
    csrf::same_origin(request, Site::of(request)?)?;
    csrf::header_token(request, person)
}

/// Who sent this request, looked up once for each request; `None` when nobody is signed in.
///
/// # Errors
/// 401 for a credential in `Authorization` that is not valid; 503 without a database.
pub async fn signed_in(request: &HttpRequest) -> Result<Option<SignedIn>, Problem> {
    if let Some(known) = request.extensions().get::<SignedIn>() {
        return Ok(Some(known.clone()));
    }
    let site = Site::of(request)?;
    let found = match bearer_of(request)? {
        Some(token) => Some(by_api_token(site, &token).await?),
        None => by_cookie(site, request).await?,
    };
    if let Some(person) = &found {
        tracing::Span::current().record("tenant.id", tracing::field::display(person.tenant));
        request.extensions_mut().insert(person.clone());
    }
    Ok(found)
}

async fn by_api_token(site: &Site, token: &ApiToken) -> Result<SignedIn, Problem> {
    let found = site.sessions().find_api_token(token.digest()).await;
    found
        .map_err(|error| Problem::dependency(&error))?
        .ok_or_else(|| Problem::unauthorized("The API token is unknown, expired or revoked."))
}

async fn by_cookie(site: &Site, request: &HttpRequest) -> Result<Option<SignedIn>, Problem> {
    let Some(cookie) = request.cookie(site.session_cookie_name()) else {
        return Ok(None);
    };
    // A cookie that cannot be one of ours is an old or damaged one: the person signs in again.
    let Ok(token) = SessionToken::parse(cookie.value()) else {
        return Ok(None);
    };
    let found = site.sessions().find(token.digest()).await;
    found.map_err(|error| Problem::dependency(&error))
}

fn bearer_of(request: &HttpRequest) -> Result<Option<ApiToken>, Problem> {
    let mut sent = request.headers().get_all(header::AUTHORIZATION);
    let Some(value) = sent.next() else {
        return Ok(None);
    };
    if sent.next().is_some() {
        return Err(Problem::unauthorized(
            "Send one `Authorization` header, not several.",
        ));
    }
    let text = value
        .to_str()
        .map_err(|_| Problem::unauthorized("The `Authorization` header is not plain ASCII."))?;
    let credential = match text.split_once(' ') {
        Some((scheme, credential)) if scheme.eq_ignore_ascii_case("bearer") => credential.trim(),
        _ => {
            return Err(Problem::unauthorized(
                "Send the API token as `Authorization: Bearer lk_…`.",
            ));
        }
    };
    if credential.starts_with("okap_") {
        return Err(Problem::unauthorized(
            "An `okap_…` token is for calls to AI providers under `/v1`. This API takes a \
             person's API token, `lk_…`.",
        ));
    }
    ApiToken::parse(credential)
        .map(Some)
        .map_err(|refusal| Problem::unauthorized(format!("Not an API token: {refusal}.")))
}

impl From<Problem> for PageRefusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl std::fmt::Display for PageRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SignIn(_) => f.write_str("nobody is signed in"),
            Self::Problem(problem) => problem.fmt(f),
        }
    }
}

impl ResponseError for PageRefusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn(_) => StatusCode::SEE_OTHER,
            Self::Problem(problem) => problem.status(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::SignIn(back) => HttpResponse::SeeOther()
                .insert_header((header::LOCATION, back.sign_in_location()))
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .finish(),
            Self::Problem(problem) => problem.error_response(),
        }
    }
}
