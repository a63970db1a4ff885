//! Setting, dropping and adopting shadow limits. Each counts within a second, as every edit of a grant
//! does.

use event_store::{StreamId, Version};
use events::{GrantEvent, Provider, Shadow, ShadowLimits};
use ids::{GrantId, ShadowId};
use jiff::Timestamp;
use postgres::Tx;

use crate::{
    grant::{
        Grant, GrantError, Grants, lines,
        store::{follow, owned, reach_below},
    },
    projections::{load, record},
    vault::Actor,
};

/// A grant that is being changed, in its transaction.
struct Open {
    tx: Tx,
    id: GrantId,
    stream: StreamId,
    root: GrantId,
    grant: Grant,
    version: Version,
    now: Timestamp,
}

impl Grants {
    /// Tries tighter limits at one provider, in the place of those that are tried there.
    ///
    /// # Errors
    /// When the rules forbid it or it cannot be recorded.
    pub async fn set_shadow_limits(
        &self,
        actor: &Actor,
        id: GrantId,
        (provider, limits): (Provider, ShadowLimits),
    ) -> Result<(), GrantError> {
        let open = self.open(actor, id, "set shadow limits").await?;
        let shadow = Shadow {
            id: ShadowId::new(open.now),
            provider,
            limits,
        };
        let event = open.grant.set_shadow_limits(shadow, open.now)?;
        self.finish(actor, open, event.as_slice()).await
    }

    /// Tries them no longer: those at one provider, or all.
    ///
    /// # Errors
    /// When the grant is not live or it cannot be recorded.
    pub async fn drop_shadow_limits(
        &self,
        actor: &Actor,
        id: GrantId,
        at: Option<&Provider>,
    ) -> Result<(), GrantError> {
        let open = self.open(actor, id, "drop shadow limits").await?;
        let events = open.grant.drop_shadow_limits(at, open.now)?;
        self.finish(actor, open, &events).await
    }

    /// Makes them bite: those at one provider, or all.
    ///
    /// # Errors
    /// When the grant is not live, none are tried, or it cannot be recorded.
    pub async fn adopt_shadow_limits(
        &self,
        actor: &Actor,
        id: GrantId,
        at: Option<&Provider>,
    ) -> Result<(), GrantError> {
        let open = self.open(actor, id, "adopt shadow limits").await?;
        let (details, events) = open.grant.adopt_shadow_limits(at, open.now)?;
        // Nothing is raised, so nothing above can be in the way.
        follow(&open.tx, id, &details).await?;
        self.finish(actor, open, &events).await
    }

    async fn open(
        &self,
        actor: &Actor,
        id: GrantId,
        name: &'static str,
    ) -> Result<Open, GrantError> {
        let tx = self.vault().begin(name, actor.tenant).await?;
        let root = lines::hold_family(&tx, id).await?;
        let stream = StreamId::of::<GrantEvent, _>(id);
        let (grant, version) = load::<Grant>(&tx, &stream).await?;
        owned(&grant, actor.user)?;
        Ok(Open {
            tx,
            id,
            stream,
            root,
            grant,
            version,
            now: self.vault().clock.now(),
        })
    }

    async fn finish(
        &self,
        actor: &Actor,
        open: Open,
        events: &[GrantEvent],
    ) -> Result<(), GrantError> {
        let vault = self.vault();
        if events.is_empty() {
            return Ok(());
        }
        let context = vault.context(actor);
        record(&open.tx, &open.stream, open.version, events, &context).await?;
        reach_below(&open.tx, open.root, open.id, open.now).await?;
        open.tx.commit().await?;
        vault.changed(&[]);
        Ok(())
    }
}
