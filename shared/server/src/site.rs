//! What the extractors and the edge know about this vault: its origin, its cookie, its sessions.

use std::net::IpAddr;

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite},
    http::header,
    web,
};
use ids::SessionToken;
use sessions::Sessions;
use url::Url;

use crate::{problem::Problem, settings::ServerSettings};

/// The vault as its callers see it. Cheap to clone.
#[derive(Clone)]
pub struct Site(std::sync::Arc<Inner>);

struct Inner {
    public_url: Url,
    origin: String,
    gateways: Vec<IpAddr>,
    sessions: Sessions,
}

impl Site {
    /// The site these settings describe.
    #[must_use]
    pub fn new(settings: &ServerSettings, sessions: Sessions) -> Self {
        Self(std::sync::Arc::new(Inner {
            origin: settings.public_url.origin().ascii_serialization(),
            public_url: settings.public_url.clone(),
            gateways: settings.gateways.clone(),
            sessions,
        }))
    }

    /// The site that answers this request.
    ///
    /// # Errors
    /// 500 when the application was put together without one.
    pub fn of(request: &HttpRequest) -> Result<&Self, Problem> {
        request
            .app_data::<web::Data<Self>>()
            .map(web::Data::get_ref)
            .ok_or_else(|| {
                tracing::error!("the application was put together without a Site");
                Problem::unexplained()
            })
    }

    /// The public origin, with a trailing slash as `Url` has it.
    #[must_use]
    pub fn public_url(&self) -> &Url {
        &self.0.public_url
    }

    /// The public origin without a trailing slash, such as `https://vault.example.com`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// An absolute URL of this vault for a path that begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.origin)
    }

    /// Whether browsers reach this vault over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.public_url.scheme() == "https"
    }

    /// Who is signed in.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The name of the session cookie. The `__Host-` prefix binds it to this host (RFC 6265bis
    /// section 4.1.3.2), which browsers only take over TLS.
    #[must_use]
    pub fn session_cookie_name(&self) -> &'static str {
        if self.is_https() {
            "__Host-latchkey"
        } else {
            "latchkey_session"
        }
    }

    /// The cookie that signs a browser in, until the browser is closed or the session ends.
    #[must_use]
    pub fn session_cookie(&self, token: &SessionToken) -> Cookie<'static> {
        Cookie::build(self.session_cookie_name(), token.reveal().to_owned())
            .path("/")
            .http_only(true)
            .secure(self.is_https())
            .same_site(SameSite::Lax)
            .finish()
    }

    /// The cookie that makes a browser forget its session.
    #[must_use]
    pub fn cleared_session_cookie(&self) -> Cookie<'static> {
        let mut cookie = Cookie::build(self.session_cookie_name(), "")
            .path("/")
            .http_only(true)
            .secure(self.is_https())
            .same_site(SameSite::Lax)
            .finish();
        cookie.make_removal();
        cookie
    }

    /// The address a request came from, for rate limits only.
    ///
    /// `X-Forwarded-For` is believed from a configured gateway alone, and only the entry that the
    /// gateway itself appended, which is the last.
    #[must_use]
    pub fn client_address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        if !self.0.gateways.contains(&peer) {
            return Some(peer);
        }
        let forwarded = request.headers().get_all(header::X_FORWARDED_FOR).last();
        let appended = forwarded
            .and_then(|value| value.to_str().ok())
            .and_then(|list| list.rsplit(',').next())
            .and_then(|address| address.trim().parse().ok());
        Some(appended.unwrap_or(peer))
    }
}
