//! `POST /sign-in/sso` and `GET /sso/{connection}/callback`: a browser leaves and comes back.

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time::Duration},
    http::header,
    web,
};
use askama::Template;
use ids::{ConnectionId, TokenDigest};
use openidconnect::CsrfToken;
use pages::Layout;
use serde::Deserialize;
use server::{Problem, RequestId, ReturnPath, SameOrigin, Site, StrictForm, StrictQuery};

use super::{Arriving, ConnectionRow, ProviderError, Sso, SsoError, attempts, provider::word_of};
use crate::{
    organization::{NameError, OrganizationName},
    records::Retriable,
    sign_in::http::{add_cookie, come_in, form_again, see_other, wants_page},
};

/// The sign-in form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    organization: String,
    connection: Option<ConnectionId>,
    next: Option<ReturnPath>,
}

/// What an identity provider sends back (RFC 6749 section 4.1.2, RFC 9207). Members that we do not
/// know are ignored, as section 4.1.2 demands.
#[derive(Deserialize)]
pub struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in_choice.html")]
struct ChoicePage {
    layout: Layout,
    organization: OrganizationName,
    connections: Vec<Choice>,
    next: ReturnPath,
}

struct Choice {
    id: ConnectionId,
    host: String,
}

#[derive(Template)]
#[template(path = "sign_in_leaving.html")]
struct LeavingPage {
    layout: Layout,
    host: String,
    url: String,
}

/// Sends a browser to the identity provider of its organization.
pub async fn leave(
    request: HttpRequest,
    _: SameOrigin,
    sso: web::Data<Sso>,
    form: StrictForm<Leave>,
) -> Result<HttpResponse, Problem> {
    let Leave {
        organization: typed,
        connection,
        next,
    } = form.0;
    let next = next.unwrap_or_else(ReturnPath::home);
    let found = find(&sso, &typed).await;
    let (organization, connections) = match found {
        Err(problem) if problem.status().is_client_error() && wants_page(&request) => {
            let wrong = Some(problem.detail().to_owned());
            return Ok(form_again(problem.status(), typed, next, wrong));
        }
        found => found?,
    };
    let chosen = match (connection, connections.as_slice()) {
        (None, [only]) => only,
        (None, several) => return Ok(choice(organization, several, next)),
        (Some(id), all) => all
            .iter()
            .find(|row| row.connection == id)
            .ok_or(SsoError::NotConnected)?,
    };
    let site = Site::of(&request)?;
    let browser = BrowserSecret::of(&request, site);
    let departure = sso.depart(chosen, browser.digest(), &next).await?;
    let mut response = leaving(&request, &departure.url);
    add_cookie(&mut response, &browser.cookie(site));
    Ok(response)
}

async fn find(sso: &Sso, typed: &str) -> Result<(OrganizationName, Vec<ConnectionRow>), Problem> {
    let organization: OrganizationName = typed.parse().map_err(|error: NameError| {
        let detail = format!("This cannot be an organization: {error}.");
        Problem::bad_request(detail).at("organization", error.to_string())
    })?;
    let connections = sso.connections_of(&organization).await?;
    Ok((organization, connections))
}

/// A browser gets a page that goes on by itself: its `form-action` policy would stop a redirect of
/// the form to another origin, and to any that the provider redirects to in turn. A program gets
/// the redirect.
fn leaving(request: &HttpRequest, url: &url::Url) -> HttpResponse {
    if !wants_page(request) {
        return see_other(url.as_str());
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    let layout = Layout::signed_out("Signing in");
    let mut response = pages::html(&LeavingPage {
        layout,
        host,
        url: url.to_string(),
    });
    // The text of a URL holds visible ASCII only. If not: the page has a link, too.
    if let Ok(refresh) = header::HeaderValue::from_str(&format!("0;url={url}")) {
        response.headers_mut().insert(header::REFRESH, refresh);
    }
    response
}

fn choice(
    organization: OrganizationName,
    rows: &[ConnectionRow],
    next: ReturnPath,
) -> HttpResponse {
    let host = |row: &ConnectionRow| {
        let url: Option<url::Url> = row.issuer.parse().ok();
        url.and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let connections = rows
        .iter()
        .map(|row| Choice {
            id: row.connection,
            host: host(row),
        })
        .collect();
    let layout = Layout::signed_out("Sign in");
    pages::html(&ChoicePage {
        layout,
        organization,
        connections,
        next,
    })
}

/// Signs in a browser that comes back.
pub async fn arrive(
    request: HttpRequest,
    connection: web::Path<ConnectionId>,
    id: RequestId,
    sso: web::Data<Sso>,
    answer: StrictQuery<Answer>,
) -> Result<HttpResponse, Problem> {
    let site = Site::of(&request)?;
    let (state, outcome, issuer) = answer.0.checked()?;
    let arriving = Arriving {
        connection: *connection,
        state,
        outcome,
        issuer,
        browser: BrowserSecret::brought(&request, site).map(|browser| browser.digest()),
        request: id,
    };
    let (welcome, next) = sso.arrive(arriving).await?;
    // The browser's secret stays until it expires: a sign-in in another tab may still come back.
    come_in(&request, &sso.sign_ins, &welcome, &next).await
}

/// The longest parts of an answer; codes of some providers are long.
const LONGEST_STATE: usize = 100;
const LONGEST_CODE: usize = 8_000;
const LONGEST_ISSUER: usize = 500;

type CheckedAnswer = (String, Result<String, String>, Option<String>);

impl Answer {
    fn checked(self) -> Result<CheckedAnswer, Problem> {
        let refused = |name: &'static str, detail: &'static str| {
            Err(
                Problem::bad_request("The identity provider's answer is not valid.")
                    .at(name, detail),
            )
        };
        let Some(state) = self.state.filter(|state| state.len() <= LONGEST_STATE) else {
            return refused("state", "is missing or too long");
        };
        if self
            .iss
            .as_ref()
            .is_some_and(|iss| iss.len() > LONGEST_ISSUER)
        {
            return refused("iss", "is too long");
        }
        let outcome = match (self.code, self.error) {
            (Some(code), None) if code.len() <= LONGEST_CODE => Ok(code),
            (None, Some(error)) => Err(word_of(&error)),
            (Some(_), Some(_)) => return refused("error", "stands beside a code"),
            _ => return refused("code", "is missing or too long"),
        };
        Ok((state, outcome, self.iss))
    }
}

/// What ties a state to the browser that it was given to: without it, a link with somebody else's
/// code would sign its reader in as somebody else.
struct BrowserSecret(CsrfToken);

/// 32 bytes in base64url.
const SECRET_LENGTH: usize = 43;

impl BrowserSecret {
    /// The one the browser has, so that sign-ins in two tabs do not undo each other, or a new one.
    fn of(request: &HttpRequest, site: &Site) -> Self {
        Self::brought(request, site).unwrap_or_else(|| Self(CsrfToken::new_random_len(32)))
    }

    fn brought(request: &HttpRequest, site: &Site) -> Option<Self> {
        let cookie = request.cookie(cookie_name(site))?;
        let text = cookie.value();
        let well_formed = text.len() == SECRET_LENGTH
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        well_formed.then(|| Self(CsrfToken::new(text.to_owned())))
    }

    fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.0.secret())
    }

    /// `Lax`, because the provider's redirect is a navigation from another site.
    fn cookie(&self, site: &Site) -> Cookie<'static> {
        Cookie::build(cookie_name(site), self.0.secret().clone())
            .path("/")
            .http_only(true)
            .secure(site.is_https())
            .same_site(SameSite::Lax)
            .max_age(Duration::seconds(attempts::LIFETIME.as_secs()))
            .finish()
    }
}

fn cookie_name(site: &Site) -> &'static str {
    if site.is_https() {
        "__Host-latchkey-sso"
    } else {
        "latchkey_sso"
    }
}

impl From<SsoError> for Problem {
    fn from(error: SsoError) -> Self {
        match error {
            SsoError::NotConnected => Self::not_found(
                "No organization of this name signs in here. Check the spelling, or ask whoever \
                 runs your vault for a sign-in link.",
            )
            .named(
                "sso-not-connected",
                "No single sign-on for this organization",
            ),
            SsoError::AttemptOver => Self::bad_request(
                "This sign-in was finished before, or took too long. Please sign in again.",
            )
            .named("sso-attempt-over", "This sign-in is over"),
            SsoError::NotBegunHere => Self::bad_request(
                "This sign-in did not begin in this browser. Please sign in again.",
            )
            .named("sso-not-begun-here", "This sign-in did not begin here"),
            SsoError::Denied(word) => Self::forbidden(format!(
                "Your identity provider did not sign you in (`{word}`)."
            ))
            .named("sso-denied", "Your identity provider said no"),
            SsoError::Provider(error) => provider_problem(&error),
            SsoError::Admission(refusal) => {
                Self::forbidden(format!("You cannot come in: {refusal}."))
                    .named("sso-not-invited", "You are not a member")
            }
            SsoError::Member(refusal) => Self::forbidden(format!("You cannot come in: {refusal}."))
                .named("sso-not-you", "This account is somebody else's"),
            SsoError::Organization(refusal) => {
                Self::conflict(format!("Nothing was connected: {refusal}."))
            }
            SsoError::SignIn(error) => error.into(),
            SsoError::Record(error) if error.is_conflict() => {
                Self::conflict("Somebody else was quicker. Please try again.")
            }
            error => Self::dependency(&error),
        }
    }
}

/// A provider that cannot be reached may be soon; one that is not believed will not be.
fn provider_problem(error: &ProviderError) -> Problem {
    match error {
        ProviderError::Unusable { .. } => Problem::dependency(error),
        _ => {
            // No claim and no token is in it.
            tracing::warn!(%error, "an identity provider was not believed");
            Problem::forbidden(
                "What your identity provider said could not be believed. Please sign in again, and \
                 tell whoever runs it if this goes on.",
            )
            .named("sso-not-believed", "Your sign-in was not accepted")
        }
    }
}
