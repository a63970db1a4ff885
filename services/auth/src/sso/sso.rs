//! Single sign-on from the first click to the session.

use std::sync::Arc;

use clock::Clock;
use event_store::{Context, StreamId};
use events::UserEvent;
use ids::{ConnectionId, TenantId, TokenDigest, UserId};
use key_vault::SmallSecrets;
use openidconnect::CsrfToken;
use postgres::{DatabaseError, Postgres, Scope, Tx};
use server::{RequestId, ReturnPath, Site};
use sessions::Role;
use url::Url;

use super::{
    ConnectionRow, Joining, Providers, SsoError,
    admission::{Admission, Known},
    attempts::{self, Attempt, Returned},
    connections, identities,
    provider::Registration,
    stranger::Stranger,
};
use crate::{
    organization::{self, OrganizationName},
    records::{self, decide},
    sign_in::{Arrival, SignIns, Welcome},
    user::{self, EmailAddress, PersonName, User, Via},
};

/// The door to single sign-on. Cheap to clone.
#[derive(Clone)]
pub struct Sso {
    /// Where everything is kept.
    pub postgres: Postgres,
    /// Whom we ask.
    pub providers: Providers,
    /// Seals what we show them.
    pub secrets: Arc<SmallSecrets>,
    /// Opens sessions.
    pub sign_ins: SignIns,
    /// Whether strangers join.
    pub joining: Joining,
    /// Our own address.
    pub site: Site,
    /// The present instant.
    pub clock: Clock,
}

/// A browser on its way to its identity provider.
pub struct Departure {
    /// Where to.
    pub url: Url,
}

/// A browser that came back.
pub struct Arriving {
    /// At the address of this connection.
    pub connection: ConnectionId,
    /// With this state.
    pub state: String,
    /// With a code, or the provider's word for why not.
    pub outcome: Result<String, String>,
    /// From this issuer, as it says (RFC 9207).
    pub issuer: Option<String>,
    /// It is this browser.
    pub browser: Option<TokenDigest>,
    /// Upon which request.
    pub request: RequestId,
}

impl Sso {
    /// The connections of the organization of this name, newest first.
    ///
    /// # Errors
    /// When there is none, or the database is not reached.
    pub async fn connections_of(
        &self,
        name: &OrganizationName,
    ) -> Result<Vec<ConnectionRow>, SsoError> {
        let tx = self
            .postgres
            .begin("find sign-on", Scope::Holder(name.digest()))
            .await?;
        let found = organization::projection::by_name(&tx, name.digest()).await?;
        let tenant = found.ok_or(SsoError::NotConnected)?.tenant;
        tx.set_scope(Scope::Tenant(tenant)).await?;
        let connections = connections::of_tenant(&tx).await?;
        tx.commit().await?;
        if connections.is_empty() {
            Err(SsoError::NotConnected)
        } else {
            Ok(connections)
        }
    }

    /// Sends a browser to its identity provider.
    ///
    /// # Errors
    /// When the provider cannot be used, or the database is not reached.
    pub async fn depart(
        &self,
        connection: &ConnectionRow,
        browser: TokenDigest,
        next: &ReturnPath,
    ) -> Result<Departure, SsoError> {
        let provider = self
            .providers
            .of(connection.connection, &connection.issuer)
            .await?;
        // The secret is for the way back.
        let journey = provider.journey(&self.registration(connection, None));
        let tx = self
            .postgres
            .begin("begin sign-on", Scope::Tenant(connection.tenant))
            .await?;
        let attempt = Attempt {
            tenant: connection.tenant,
            connection: connection.connection,
            state: &journey.state,
            browser,
            nonce: &journey.nonce,
            verifier: &journey.verifier,
            next,
        };
        attempts::begin(&tx, &attempt, self.clock.now()).await?;
        tx.commit().await?;
        Ok(Departure { url: journey.url })
    }

    /// Signs in whoever comes back.
    ///
    /// # Errors
    /// When anything about it is not as it was sent out, the provider is not believed, or the
    /// organization does not take them.
    pub async fn arrive(&self, arriving: Arriving) -> Result<(Welcome, ReturnPath), SsoError> {
        let returned = self.take_attempt(&arriving).await?;
        let tx = self
            .postgres
            .begin("find sign-on", Scope::Tenant(returned.tenant))
            .await?;
        let row = connections::one(&tx, returned.connection).await?;
        tx.commit().await?;
        let row = row.ok_or(SsoError::NotConnected)?;
        let provider = self.providers.of(row.connection, &row.issuer).await?;
        provider.check_issuer(arriving.issuer.as_deref())?;
        let code = arriving.outcome.map_err(SsoError::Denied)?;
        let us = self.registration(&row, row.open_secret(&self.secrets).await?);
        let journey = (&returned.nonce, returned.verifier);
        let stranger = self
            .providers
            .identify((row.connection, &provider), &us, code, journey)
            .await?;
        let welcome = decide(async || self.admit(&row, &stranger, arriving.request).await).await?;
        Ok((welcome, returned.next))
    }

    /// A state is good for one return, whatever comes of it, in the browser it was given to.
    async fn take_attempt(&self, arriving: &Arriving) -> Result<Returned, SsoError> {
        let digest = TokenDigest::of(CsrfToken::new(arriving.state.clone()).secret());
        let tx = self
            .postgres
            .begin("end sign-on attempt", Scope::Holder(digest))
            .await?;
        let tenant = attempts::tenant_of(&tx, digest)
            .await?
            .ok_or(SsoError::AttemptOver)?;
        tx.set_scope(Scope::Tenant(tenant)).await?;
        let returned = attempts::take(&tx, digest)
            .await?
            .ok_or(SsoError::AttemptOver)?;
        tx.commit().await?;
        let begun_here = returned.connection == arriving.connection
            && arriving.browser.is_some()
            && returned.browser == arriving.browser;
        match (begun_here, returned.is_in_time(self.clock.now())) {
            (true, true) => Ok(returned),
            (true, false) => Err(SsoError::AttemptOver),
            (false, _) => Err(SsoError::NotBegunHere),
        }
    }

    async fn admit(
        &self,
        connection: &ConnectionRow,
        stranger: &Stranger,
        request: RequestId,
    ) -> Result<Welcome, SsoError> {
        let tenant = connection.tenant;
        let identity = (connection.connection, stranger.subject.as_str());
        let tx = self
            .postgres
            .begin("admit by sign-on", Scope::Tenant(tenant))
            .await?;
        let email = stranger
            .email
            .as_deref()
            .and_then(|text| text.parse::<EmailAddress>().ok());
        let known = Known {
            identity: identities::user_of(&tx, identity.0, identity.1).await?,
            invited: invited(&tx, email.as_ref()).await?,
            email_verified: stranger.email_verified,
        };
        let admission = known.admit(self.joining)?;
        let user = match admission {
            Admission::Known(user) | Admission::Invited(user) => user,
            Admission::New => UserId::new(self.clock.now()),
        };
        if admission != Admission::Known(user) {
            self.record_newcomer(&tx, (tenant, user, request), stranger, identity.0)
                .await?;
            identities::link(&tx, tenant, identity, user, self.clock.now()).await?;
            if let Some(email) = email.filter(|_| stranger.email_verified) {
                user::emails::keep(&tx, tenant, &email, user).await?;
            }
        }
        let arrival = Arrival {
            tenant,
            user,
            via: Via::Sso,
            request,
        };
        let welcome = self.sign_ins.welcome(&tx, arrival).await?;
        tx.commit().await?;
        Ok(welcome)
    }

    /// Somebody new joins; somebody invited was there. Both are known by their identity now.
    async fn record_newcomer(
        &self,
        tx: &Tx,
        (tenant, user, request): (TenantId, UserId, RequestId),
        stranger: &Stranger,
        connection: ConnectionId,
    ) -> Result<(), SsoError> {
        let stream = StreamId::of::<UserEvent, _>(user);
        let (member, version) = records::load::<User>(tx, &stream).await?;
        let mut events = Vec::new();
        if member == User::None {
            let name = stranger.name.as_deref().and_then(PersonName::from_foreign);
            let name = name.unwrap_or_else(PersonName::unknown);
            events.push(member.join(&name, Role::Member)?);
            events.push(UserEvent::IdentityLinked { connection });
        } else {
            events.push(member.link(connection)?);
        }
        let context = self.context(tenant, user.to_string(), request);
        Ok(records::record(tx, &stream, version, &events, &context).await?)
    }

    pub(super) fn context(&self, tenant: TenantId, actor: String, request: RequestId) -> Context {
        Context {
            tenant,
            actor,
            correlation_id: request.to_string(),
            at: self.clock.now(),
        }
    }

    fn registration(
        &self,
        connection: &ConnectionRow,
        secret: Option<zeroize::Zeroizing<String>>,
    ) -> Registration {
        Registration {
            client_id: connection.client_id.clone(),
            secret,
            redirect_uri: redirect_uri(self.site.public_url(), connection.connection),
        }
    }
}

/// Where browsers come back to from the provider of a connection.
pub fn redirect_uri(public_url: &Url, connection: ConnectionId) -> Url {
    let mut uri = public_url.clone();
    uri.set_path(&format!("/sso/{connection}/callback"));
    uri
}

/// Whom this address was an invitation for: a member who is not known at any provider yet. Once
/// somebody came, the address opens nothing any more.
async fn invited(tx: &Tx, email: Option<&EmailAddress>) -> Result<Option<UserId>, DatabaseError> {
    let Some(email) = email else { return Ok(None) };
    match user::emails::user_of(tx, email).await? {
        Some(user) if !identities::has_any(tx, user).await? => Ok(Some(user)),
        _ => Ok(None),
    }
}
