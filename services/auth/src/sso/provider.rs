//! Conversations with one identity provider: discovery, the way there, and the code brought back.

use std::{sync::Arc, time::Duration};

use clock::Clock;
use guarded_fetch::{AddressRefusal, FetchError, Reach, SetupError};
use ids::ConnectionId;
use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;
use openidconnect::{
    AccessToken, AuthType, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret,
    CsrfToken, DiscoveryError, IssuerUrl, JsonWebKeySet, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardErrorResponse, TokenResponse,
    core::{CoreClientAuthMethod, CoreErrorResponseType, CoreJsonWebKeySet, CoreResponseType},
};
use tokio::sync::Mutex;
use url::Url;
use zeroize::Zeroizing;

use super::{
    fetch::Fetch,
    id_token::{self, Claims, Expected, IdToken, IdTokenRefusal},
    oidc::{Client, Metadata, UserInfo},
    stranger::Stranger,
};

/// How long what a provider says about itself is believed.
const DISCOVERED_FOR: Duration = Duration::from_secs(600);
/// A key that is not known is looked for at most this often for each connection.
const LOOK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// Every identity provider we talk to. Cheap to clone.
#[derive(Clone)]
pub struct Providers {
    fetch: Fetch,
    reach: Reach,
    clock: Clock,
    known: Cache<ConnectionId, Arc<Provider>>,
    looking_again: Arc<Mutex<()>>,
}

/// What a provider says about itself.
pub struct Provider {
    metadata: Metadata,
    issuer: IssuerUrl,
    keys_of: Timestamp,
}

/// Us, as a client of a provider.
pub struct Registration {
    /// What we are called there.
    pub client_id: String,
    /// What we show, if the provider gave us something.
    pub secret: Option<Zeroizing<String>>,
    /// Where browsers come back to; one for each connection, so that answers cannot be mixed up.
    pub redirect_uri: Url,
}

/// Where to send a browser, and what must come back.
pub struct Journey {
    /// The provider's sign-in page.
    pub url: Url,
    /// Comes back with the browser.
    pub state: CsrfToken,
    /// Comes back in the ID token.
    pub nonce: Nonce,
    /// Goes along with the code.
    pub verifier: PkceCodeVerifier,
}

/// Why a provider cannot be used, or what it said is not believed.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It was not reached, or answered with something else.
    #[error("the identity provider cannot be used: {what}")]
    Unusable {
        /// At which step.
        what: &'static str,
        #[source]
        source: Option<FetchError>,
    },
    /// One of its endpoints is not one we ask or send people to.
    #[error("an endpoint of the identity provider may not be used")]
    Endpoint(#[from] AddressRefusal),
    /// It does not take the code, or not from us.
    #[error("the identity provider refused the code: {0}")]
    Refused(String),
    /// It gave no ID token.
    #[error("the identity provider sent no ID token")]
    NoIdToken,
    /// The ID token is not believed.
    #[error(transparent)]
    IdToken(#[from] IdTokenRefusal),
    /// The answer came from another provider (RFC 9207 section 2.4).
    #[error("the answer names another issuer, or none although it should")]
    Issuer,
}

impl Providers {
    /// Providers within this reach.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(reach: Reach, clock: Clock) -> Result<Self, SetupError> {
        Ok(Self {
            fetch: Fetch::new(reach)?,
            reach,
            clock,
            known: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(DISCOVERED_FOR)
                .build(),
            looking_again: Arc::default(),
        })
    }

    /// How far they may be.
    #[must_use]
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// What the provider of a connection says about itself, asked at most every ten minutes.
    ///
    /// # Errors
    /// When it cannot be used; that is not remembered.
    pub async fn of(
        &self,
        connection: ConnectionId,
        issuer: &str,
    ) -> Result<Arc<Provider>, Arc<ProviderError>> {
        self.known
            .try_get_with(connection, self.discover(issuer))
            .await
    }

    /// Asks a provider about itself (OpenID Connect Discovery 1.0 section 4).
    ///
    /// # Errors
    /// When it cannot be used.
    pub async fn discover(&self, issuer: &str) -> Result<Arc<Provider>, ProviderError> {
        let issuer =
            IssuerUrl::new(issuer.to_owned()).map_err(|_| unusable("its issuer is no URL"))?;
        let metadata = Metadata::discover_async(issuer.clone(), &self.fetch)
            .await
            .map_err(|error| discovery_failed("its discovery document cannot be used", error))?;
        // Browsers are sent there, so it must not be a `javascript:` one either.
        self.reach.check(metadata.authorization_endpoint().url())?;
        if metadata.token_endpoint().is_none() {
            return Err(unusable("it names no token endpoint"));
        }
        Ok(Arc::new(Provider {
            metadata,
            issuer,
            keys_of: self.clock.now(),
        }))
    }

    /// Asks for the keys again, because one was not among them; at most once a minute.
    async fn look_again(
        &self,
        connection: ConnectionId,
        before: &Arc<Provider>,
    ) -> Result<Option<Arc<Provider>>, ProviderError> {
        let _one_at_a_time = self.looking_again.lock().await;
        let newest = self
            .known
            .get(&connection)
            .await
            .unwrap_or_else(|| Arc::clone(before));
        if newest.keys_of > before.keys_of {
            return Ok(Some(newest));
        }
        if self.clock.now().duration_since(newest.keys_of) < LOOK_AGAIN_AFTER {
            return Ok(None);
        }
        let keys = JsonWebKeySet::fetch_async(newest.metadata.jwks_uri(), &self.fetch)
            .await
            .map_err(|error| discovery_failed("its keys cannot be used", error))?;
        let renewed = Arc::new(Provider {
            metadata: newest.metadata.clone().set_jwks(keys),
            issuer: newest.issuer.clone(),
            keys_of: self.clock.now(),
        });
        self.known.insert(connection, Arc::clone(&renewed)).await;
        Ok(Some(renewed))
    }

    /// Turns the code that a browser brought back into who is sitting in front of it.
    ///
    /// # Errors
    /// When the provider refuses the code, or what it says is not believed.
    pub async fn identify(
        &self,
        (connection, provider): (ConnectionId, &Arc<Provider>),
        us: &Registration,
        code: String,
        (nonce, verifier): (&Nonce, PkceCodeVerifier),
    ) -> Result<Stranger, ProviderError> {
        let client = provider.client(us);
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| unusable("it names no token endpoint"))?
            .set_pkce_verifier(verifier)
            .request_async(&self.fetch)
            .await
            .map_err(token_failed)?;
        let token = tokens.id_token().ok_or(ProviderError::NoIdToken)?;
        let client_id = ClientId::new(us.client_id.clone());
        let access_token = tokens.access_token();
        let check = |provider: &Provider| {
            let now = self.clock.now();
            provider
                .check(token, (&client_id, nonce), access_token, now)
                .cloned()
        };
        let claims = match check(provider) {
            Err(IdTokenRefusal::UnknownKey) => match self.look_again(connection, provider).await? {
                Some(renewed) => check(&renewed)?,
                None => return Err(IdTokenRefusal::UnknownKey.into()),
            },
            outcome => outcome?,
        };
        self.complete(&client, Stranger::of(&claims), &claims, access_token)
            .await
    }

    /// Asks the provider for what the ID token leaves out. Its answer must speak of the same
    /// subject (section 5.3.2), which the crate checks.
    async fn complete(
        &self,
        client: &Client,
        known: Stranger,
        claims: &Claims,
        access_token: &AccessToken,
    ) -> Result<Stranger, ProviderError> {
        if known.email.is_some() && known.name.is_some() {
            return Ok(known);
        }
        let subject = Some(claims.subject().clone());
        let Ok(request) = client.user_info(access_token.clone(), subject) else {
            return Ok(known);
        };
        let more: Result<UserInfo, _> = request.request_async(&self.fetch).await;
        match more {
            Ok(more) => Ok(known.or(&more)),
            // Who they are is known; what they are called can wait.
            // The error may name them, so it is not told.
            Err(_) => {
                tracing::warn!("an identity provider did not say more about a person");
                Ok(known)
            }
        }
    }
}

impl Provider {
    /// Where to send a browser so that its person signs in.
    #[must_use]
    pub fn journey(&self, us: &Registration) -> Journey {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(us);
        let (url, state, nonce) = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                || CsrfToken::new_random_len(32),
                || Nonce::new_random_len(32),
            )
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        Journey {
            url,
            state,
            nonce,
            verifier,
        }
    }

    /// RFC 9207 section 2.4: an answer that says whose it is must say that it is this provider's,
    /// and one from a provider that always says so must say it.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_issuer(&self, told: Option<&str>) -> Result<(), ProviderError> {
        let always = self
            .metadata
            .additional_metadata()
            .authorization_response_iss_parameter_supported;
        match told {
            Some(told) if told == self.issuer.as_str() => Ok(()),
            None if !always => Ok(()),
            _ => Err(ProviderError::Issuer),
        }
    }

    fn check<'t>(
        &self,
        token: &'t IdToken,
        (client_id, nonce): (&ClientId, &Nonce),
        access_token: &AccessToken,
        now: Timestamp,
    ) -> Result<&'t Claims, IdTokenRefusal> {
        let keys: &CoreJsonWebKeySet = self.metadata.jwks();
        let issuer = &self.issuer;
        id_token::verify(
            token,
            &Expected {
                client_id,
                issuer,
                keys,
                nonce,
                access_token,
                now,
            },
        )
    }

    fn client(&self, us: &Registration) -> Client {
        let secret = us
            .secret
            .as_ref()
            .map(|secret| ClientSecret::new(secret.to_string()));
        let client = Client::from_provider_metadata(
            self.metadata.clone(),
            ClientId::new(us.client_id.clone()),
            secret,
        );
        client
            .set_redirect_uri(RedirectUrl::from_url(us.redirect_uri.clone()))
            .set_auth_type(self.auth_type())
    }

    /// In the header unless the provider takes the secret in the body only (RFC 8414 section 2:
    /// who says nothing takes the header).
    fn auth_type(&self) -> AuthType {
        match self.metadata.token_endpoint_auth_methods_supported() {
            Some(methods)
                if !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                    && methods.contains(&CoreClientAuthMethod::ClientSecretPost) =>
            {
                AuthType::RequestBody
            }
            _ => AuthType::BasicAuth,
        }
    }
}

const fn unusable(what: &'static str) -> ProviderError {
    ProviderError::Unusable { what, source: None }
}

fn discovery_failed(what: &'static str, error: DiscoveryError<FetchError>) -> ProviderError {
    match error {
        DiscoveryError::Request(source) => ProviderError::Unusable {
            what,
            source: Some(source),
        },
        // The others hold the whole answer, which is not for logs.
        _ => unusable(what),
    }
}

fn token_failed(
    error: RequestTokenError<FetchError, StandardErrorResponse<CoreErrorResponseType>>,
) -> ProviderError {
    match error {
        RequestTokenError::ServerResponse(answer) => {
            ProviderError::Refused(word_of(answer.error().as_ref()))
        }
        RequestTokenError::Request(source) => ProviderError::Unusable {
            what: "its token endpoint",
            source: Some(source),
        },
        _ => unusable("its token endpoint sent something else"),
    }
}

/// An error code of RFC 6749 or OpenID Connect, or that it is something else: whoever sent
/// it could have written anything, and it goes into logs and onto pages.
pub(super) fn word_of(error: &str) -> String {
    let is_word = error.len() <= 40 && error.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if is_word {
        error.to_owned()
    } else {
        "other".to_owned()
    }
}
