//! Handing out the tokens of a grant.

use std::time::Duration;

use event_store::StreamId;
use events::{AppIdentity, AuthorizationDetail, GrantEvent};
use grant_access::GrantAccess;
use ids::{GrantId, KeyThumbprint, OkapToken};
use jiff::Timestamp;
use postgres::Tx;

use super::{
    Grant, Refusal,
    narrowing::narrowed,
    projection,
    store::{GrantError, Grants},
};
use crate::{
    policy::after,
    projections::{load, record},
    registered_app,
    vault::Actor,
};

/// How long a token that was renewed can still be used.
const OVERLAP: Duration = Duration::from_secs(60);

/// What a token is besides its grant.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenTerms<'a> {
    /// The `authorization_details` of the token request, if it asks for less than the grant.
    pub narrowing: Option<&'a str>,
    /// The one provider that it is for, if its app names one.
    pub provider: Option<&'a str>,
    /// How long it lives, if not as long as its grant.
    pub lives: Option<Duration>,
    /// The key that it is bound to, if its app showed that it holds one (RFC 9449).
    pub bound_to: Option<KeyThumbprint>,
}

/// A token on its way to the app, with what it may do.
pub struct Delivered {
    /// The token. Shown once.
    pub token: OkapToken,
    /// The grant.
    pub grant: GrantId,
    /// What exactly.
    pub details: Vec<AuthorizationDetail>,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// The key that it is bound to, if it is to one.
    pub bound_to: Option<KeyThumbprint>,
}

impl Grants {
    /// Mints the grant's first token within the caller's transaction and opens its access.
    ///
    /// # Errors
    /// When it was handed out before, the grant is not live, its app asks for more than the grant,
    /// or the database refuses.
    pub async fn issue_token(
        &self,
        tx: &Tx,
        actor: &Actor,
        id: GrantId,
        terms: TokenTerms<'_>,
    ) -> Result<Delivered, GrantError> {
        let stream = StreamId::of::<GrantEvent, _>(id);
        let (grant, version) = load::<Grant>(tx, &stream).await?;
        of_an_app_that_stands(tx, grant.app()).await?;
        let event = grant.issue_token(terms.bound_to, self.vault().clock.now())?;
        let delivered = self.open_token(tx, actor, (id, grant), terms).await?;
        record(tx, &stream, version, &[event], &self.vault().context(actor)).await?;
        Ok(delivered)
    }

    /// Mints the next token of a grant within the caller's transaction. Those before it end a minute
    /// later, for the sake of calls that are about to begin.
    ///
    /// # Errors
    /// When the grant is not live, its app asks for more than the grant, somebody changed the grant
    /// at the same moment, or the database refuses.
    pub async fn refresh_token(
        &self,
        tx: &Tx,
        actor: &Actor,
        id: GrantId,
        terms: TokenTerms<'_>,
    ) -> Result<Delivered, GrantError> {
        let now = self.vault().clock.now();
        let stream = StreamId::of::<GrantEvent, _>(id);
        let (grant, version) = load::<Grant>(tx, &stream).await?;
        // Before any row of a token is taken: a removal takes the app first, too.
        of_an_app_that_stands(tx, grant.app()).await?;
        let event = grant.refresh_token(terms.bound_to, now)?;
        grant_access::outdate(tx, id, after(now, OVERLAP)).await?;
        let delivered = self.open_token(tx, actor, (id, grant), terms).await?;
        // Recorded last and in the grant's own order: a revocation at the same moment finds this
        // token, or this one finds the revocation.
        record(tx, &stream, version, &[event], &self.vault().context(actor)).await?;
        Ok(delivered)
    }

    async fn open_token(
        &self,
        tx: &Tx,
        actor: &Actor,
        (id, grant): (GrantId, Grant),
        terms: TokenTerms<'_>,
    ) -> Result<Delivered, GrantError> {
        let Grant::Live {
            user, app, details, ..
        } = grant
        else {
            return Err(Refusal::Unknown.into());
        };
        let now = self.vault().clock.now();
        let narrowed = terms
            .narrowing
            .map(|json| narrowed(&details, json, now))
            .transpose()?;
        let narrowed = match terms.provider {
            Some(provider) => Some(only_at(provider, narrowed.as_ref().unwrap_or(&details))?),
            None => narrowed,
        };
        let details = narrowed.clone().unwrap_or(details);
        let grant_ends = projection::last_expiry(&details);
        let ends_at = terms.lives.map(|lives| after(now, lives));
        let token = OkapToken::mint()?;
        let access = GrantAccess {
            tenant: actor.tenant,
            grant: id,
            user,
            app,
            details: details.clone(),
            expires_at: grant_ends,
            closed_at: None,
            bound_to: terms.bound_to,
            ancestors: vec![],
            custom_providers: Vec::new(),
            model_aliases: Vec::new(),
            response_cache: false,
            shadows: Vec::new(),
            version: 1,
        };
        let bound_to = terms.bound_to;
        let terms = grant_access::Terms {
            narrowed: narrowed.as_deref(),
            ends_at,
        };
        grant_access::open_under(tx, &token.digest(), &access, terms).await?;
        Ok(Delivered {
            token,
            grant: id,
            details,
            expires_at: ends_at.map_or(grant_ends, |ends_at| ends_at.min(grant_ends)),
            bound_to,
        })
    }
}

/// Refuses a removed app; until the transaction ends, nobody removes it.
pub(super) async fn of_an_app_that_stands(
    tx: &Tx,
    app: Option<&AppIdentity>,
) -> Result<(), GrantError> {
    match app.and_then(|app| app.app) {
        Some(id) if !registered_app::projection::stands(tx, id).await? => {
            Err(Refusal::AppRemoved.into())
        }
        _ => Ok(()),
    }
}

/// What of it is at this provider.
pub(super) fn only_at(
    provider: &str,
    details: &[AuthorizationDetail],
) -> Result<Vec<AuthorizationDetail>, GrantError> {
    let at = |detail: &&AuthorizationDetail| detail.provider.as_str() == provider;
    let only: Vec<_> = details.iter().filter(at).cloned().collect();
    if only.is_empty() {
        Err(GrantError::OtherResource)
    } else {
        Ok(only)
    }
}
