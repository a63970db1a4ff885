//! Changing what an app is registered with.

use std::collections::BTreeSet;

use event_store::StreamId;
use events::{AppEvent, ClientAuthentication, GrantType};
use guarded_fetch::Reach;
use ids::AppId;
use serde_json::Value;

use super::{
    App, AppError, AppRow, Apps, Fault, Refusal, Registration, authentication, projection,
    store::FORGET_SECRETS,
};
use crate::{
    projections::{load, record},
    vault::Actor,
};

/// What changes of a registration. What is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistrationChange {
    /// Its name.
    pub name: Option<String>,
    /// Its web address; an empty one takes it away.
    pub url: Option<String>,
    /// Where browsers may be sent back to, all of them.
    pub redirect_uris: Option<Vec<String>>,
    /// What it may come to the token endpoint with, all of it.
    pub grant_types: Option<BTreeSet<GrantType>>,
    /// The name of how it proves that it is itself.
    pub authentication: Option<String>,
    /// Its public keys.
    pub jwks: Option<Value>,
    /// Where its public keys are.
    pub jwks_uri: Option<String>,
    /// Whether every token of it is bound to a key.
    pub dpop_bound: Option<bool>,
}

impl RegistrationChange {
    /// The registration that comes of it.
    ///
    /// # Errors
    /// Names the first rule that it breaks.
    pub fn upon(self, row: AppRow, reach: Reach) -> Result<Registration, Fault> {
        let authentication = self.authentication_upon(&row.authentication, reach)?;
        let url = match self.url {
            Some(url) => Some(url).filter(|url| !url.is_empty()),
            None => row.url,
        };
        let registration = Registration {
            name: self.name.unwrap_or(row.name),
            url,
            redirect_uris: self.redirect_uris.unwrap_or(row.redirect_uris),
            grant_types: self.grant_types.unwrap_or(row.grant_types),
            authentication,
            dpop_bound: self.dpop_bound.unwrap_or(row.dpop_bound),
        };
        registration.checked()
    }

    /// Keys stay where an app that signs gets no others.
    fn authentication_upon(
        &self,
        old: &ClientAuthentication,
        reach: Reach,
    ) -> Result<ClientAuthentication, Fault> {
        let method = self.authentication.as_deref().unwrap_or_else(|| old.name());
        let has_keys = self.jwks.is_some() || self.jwks_uri.is_some();
        if !has_keys && method == old.name() {
            return Ok(old.clone());
        }
        authentication(
            Some(method),
            self.jwks.clone(),
            self.jwks_uri.clone(),
            reach,
        )
    }
}

impl Apps {
    /// Changes what an app is registered with; gives the app as it is then. What it was granted
    /// stays, under the name that its people saw. An app that has no secret any more loses it at
    /// once; one that comes to have one gets it by [`Apps::renew_secret`].
    ///
    /// # Errors
    /// When there is no such app, the change breaks a rule, somebody changed it at the same moment,
    /// or it cannot be recorded.
    pub async fn change(
        &self,
        actor: &Actor,
        id: AppId,
        change: RegistrationChange,
    ) -> Result<AppRow, AppError> {
        let tx = self.0.begin("change app", actor.tenant).await?;
        let stream = StreamId::of::<AppEvent, _>(id);
        // The events first: whoever changes the row after this has appended one, and this conflicts.
        let (app, version) = load::<App>(&tx, &stream).await?;
        let row = projection::one(&tx, id).await?.ok_or(Refusal::Unknown)?;
        let registration = change.upon(row, self.0.published.reach())?;
        let has_secret = registration.authentication.has_secret();
        let event = app.change(registration)?;
        record(&tx, &stream, version, &[event], &self.0.context(actor)).await?;
        if !has_secret {
            tx.execute(FORGET_SECRETS, &[&id.uuid()]).await?;
        }
        let changed = projection::one(&tx, id).await?.ok_or(Refusal::Unknown)?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(changed)
    }
}
