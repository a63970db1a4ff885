//! Blocking an app and letting it ask again.

use event_store::StreamId;
use events::{AppIdentity, AppKey, BlockedAppEvent, Verification};
use ids::{AppId, BlockedAppId, GrantId, RequestId, TenantId, UserId};
use postgres::{DatabaseError, Tx};

use super::{BlockedApp, BlockedAppRow, Refusal, projection};
use crate::{
    access_request::{self, DecidedAt, RequestError, Requests},
    app_key,
    grant::{self, Authority, GrantError, Grants},
    projections::{RecordError, load, record},
    vault::{Actor, Vault, one_at_a_time},
};

/// The most apps that one person blocks.
const MOST: usize = 500;
/// Why grants of a blocked app ended, for the record.
const REVOKED: &str = "its app was blocked by the person";

/// The apps that people block.
#[derive(Clone)]
pub struct BlockedApps {
    vault: Vault,
    requests: Requests,
    grants: Grants,
}

/// Which app is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The one that asks here.
    Request(RequestId),
    /// The one that has this grant.
    Grant(GrantId),
    /// The registered one of this client id.
    Client(AppId),
    /// Whoever controls, or says to have, this domain.
    Domain(String),
}

/// An app that is about to be blocked.
#[derive(Debug, Clone)]
pub struct Known {
    /// What identifies it.
    pub key: AppKey,
    /// As the person saw it.
    pub app: AppIdentity,
    /// What waits of it.
    pub waiting: Vec<RequestId>,
    /// Its live grants.
    pub grants: Vec<GrantId>,
}

/// What a block did.
#[derive(Debug)]
pub struct Blocked {
    /// The block, which may have been in force before.
    pub id: BlockedAppId,
    /// How many waiting requests it denied.
    pub denied: usize,
    /// How many live grants were revoked.
    pub revoked: usize,
    /// Where the browser that decided goes, if the request it came from leads back to its app.
    pub back: Option<String>,
}

/// Why nothing was blocked or unblocked.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such request, grant or app.
    #[error("there is no such request, grant or app")]
    UnknownApp,
    /// Nothing identifies it.
    #[error("nothing identifies this app but a name that anyone can type; deny it instead")]
    Nameless,
    /// The person blocks as many as one may.
    #[error("a person blocks at most {MOST} apps; unblock one first")]
    TooMany,
    /// A request of it could not be denied.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A grant of it could not be revoked.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// It could not be recorded.
    #[error("the block could not be recorded")]
    Record(#[from] RecordError),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
}

impl BlockedApps {
    /// The blocked apps of this vault.
    #[must_use]
    pub fn new(vault: Vault) -> Self {
        Self {
            requests: Requests::new(vault.clone()),
            grants: Grants::new(vault.clone()),
            vault,
        }
    }

    /// Everything that a person blocks, newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<BlockedAppRow>, DatabaseError> {
        let tx = self.vault.begin("list blocked apps", tenant).await?;
        let rows = projection::of_user(&tx, user).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Which app is meant, what waits of it and what it has.
    ///
    /// # Errors
    /// When there is none of this person, or nothing identifies it.
    pub async fn known(
        &self,
        tenant: TenantId,
        user: UserId,
        what: &What,
    ) -> Result<Known, BlockError> {
        let now = self.vault.clock.now();
        let tx = self.vault.begin("find app to block", tenant).await?;
        let (key, app) = known_by(&tx, user, what).await?;
        let waiting = access_request::of_app::waiting_of(&tx, user, &key, now).await?;
        let grants = grant::projection::live_of(&tx, user, &key, now).await?;
        tx.commit().await?;
        Ok(Known {
            key,
            app,
            waiting,
            grants,
        })
    }

    /// Blocks an app: what waits of it is denied, what it asks later is denied without asking, and,
    /// if the person says so, what it has is revoked. Blocking it again does the same again.
    ///
    /// # Errors
    /// When there is no such app, nothing identifies it, or it cannot be recorded.
    pub async fn block(
        &self,
        actor: &Actor,
        what: &What,
        revoke: bool,
    ) -> Result<Blocked, BlockError> {
        let Known { key, app, .. } = self.known(actor.tenant, actor.user, what).await?;
        let id = self.record(actor, key, app).await?;
        // Only now: what came in before the block stood is here to be denied.
        let known = self.known(actor.tenant, actor.user, what).await?;
        let mut blocked = Blocked {
            id,
            denied: 0,
            revoked: 0,
            back: None,
        };
        for request in known.waiting {
            let asked_here = *what == What::Request(request);
            let at = if asked_here {
                DecidedAt::Browser
            } else {
                DecidedAt::Api
            };
            match self.requests.deny(actor, request, None, at).await {
                Ok(back) => {
                    blocked.denied += 1;
                    blocked.back = back.filter(|_| asked_here).or(blocked.back);
                }
                // Decided or lapsed at the same moment.
                Err(RequestError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for grant in known.grants.into_iter().filter(|_| revoke) {
            self.grants
                .revoke((actor, Authority::Owner), grant, REVOKED)
                .await?;
            blocked.revoked += 1;
        }
        Ok(blocked)
    }

    async fn record(
        &self,
        actor: &Actor,
        key: AppKey,
        app: AppIdentity,
    ) -> Result<BlockedAppId, BlockError> {
        let tx = self.vault.begin("block app", actor.tenant).await?;
        one_at_a_time(&tx, actor.user).await?;
        let blocked = projection::of_user(&tx, actor.user).await?;
        if let Some(row) = blocked.iter().find(|row| row.key == key) {
            return Ok(row.id);
        }
        if blocked.len() >= MOST {
            return Err(BlockError::TooMany);
        }
        let context = self.vault.context(actor);
        let id = BlockedAppId::new(context.at);
        let stream = StreamId::of::<BlockedAppEvent, _>(id);
        let (block, version) = load::<BlockedApp>(&tx, &stream).await?;
        let event = block.block(actor.user, key, app)?;
        record(&tx, &stream, version, &[event], &context).await?;
        tx.commit().await?;
        self.vault.changed(&[]);
        Ok(id)
    }

    /// Lets an app ask again.
    ///
    /// # Errors
    /// When there is no such block of this person, or it cannot be recorded.
    pub async fn unblock(&self, actor: &Actor, id: BlockedAppId) -> Result<(), BlockError> {
        let tx = self.vault.begin("unblock app", actor.tenant).await?;
        let stream = StreamId::of::<BlockedAppEvent, _>(id);
        let (block, version) = load::<BlockedApp>(&tx, &stream).await?;
        let event = block.unblock(actor.user)?;
        record(&tx, &stream, version, &[event], &self.vault.context(actor)).await?;
        tx.commit().await?;
        self.vault.changed(&[]);
        Ok(())
    }
}

/// What identifies the app that is meant. Another person's request or grant is as unknown as none.
async fn known_by(tx: &Tx, user: UserId, what: &What) -> Result<(AppKey, AppIdentity), BlockError> {
    let (app, handle) = match what {
        What::Request(id) => {
            let row = access_request::projection::one(tx, *id).await?;
            let row = row
                .filter(|row| row.user == user)
                .ok_or(BlockError::UnknownApp)?;
            (row.app, row.handle)
        }
        What::Grant(id) => {
            let row = access_request::of_app::of_grant(tx, *id).await?;
            let row = row
                .filter(|row| row.user == user)
                .ok_or(BlockError::UnknownApp)?;
            (row.app, row.handle)
        }
        What::Client(id) => {
            let apps = crate::registered_app::projection::of_tenant(tx).await?;
            let app = apps
                .into_iter()
                .find(|app| app.id == *id)
                .ok_or(BlockError::UnknownApp)?;
            let identity = AppIdentity {
                app: Some(app.id),
                name: app.name,
                url: app.url,
                verification: Verification::OrganizationApproved,
                registration: None,
            };
            (identity, None)
        }
        What::Domain(domain) => {
            let identity = AppIdentity {
                app: None,
                name: domain.clone(),
                url: Some(format!("https://{domain}")),
                verification: Verification::DomainVerified,
                registration: None,
            };
            (identity, None)
        }
    };
    let key = app_key::of(&app, handle).ok_or(BlockError::Nameless)?;
    Ok((key, app))
}
