//! Having a key checked, and taking note of what its provider says of it.
//!
//! This service cannot open a key. It asks for a check by an event; a proxy asks the provider, and
//! tells what came of it (`told.rs`).

use std::{num::NonZeroU32, time::Duration};

use event_store::{Aggregate, StreamId};
use events::{Provider, ProviderKeyEvent};
use ids::{ProviderKeyId, UserId};
use jiff::SignedDuration;
use server::{Problem, Throttle};

use super::{ProviderKey, ProviderKeyError, ProviderKeys, Refusal, projection, store::owned};
use crate::{
    projections::{load, record},
    vault::Actor,
};

/// How often one person may have keys checked in ten minutes, and as often again because they were
/// just stored: a vault is not the place to find out which of many keys are good.
const CHECKS: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// How long one check is waited for before another may be asked for.
const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// Counts checks by person. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Pace {
    asked: Throttle<UserId>,
    stored: Throttle<UserId>,
}

impl Pace {
    /// Nothing was checked yet.
    #[must_use]
    pub fn new() -> Self {
        let counted = |name| Throttle::new(name, CHECKS, Duration::from_secs(600));
        Self {
            asked: counted("provider-key-checks"),
            stored: counted("stored-provider-key-checks"),
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

impl ProviderKeys {
    /// Counts one check that a person asks for.
    ///
    /// # Errors
    /// 429 with the wait, when there were too many.
    pub fn expect_pace(&self, person: UserId) -> Result<(), Problem> {
        self.pace.asked.check(&person)
    }

    /// Has the provider asked whether it takes a key. While an answer may still come, another request
    /// changes nothing.
    ///
    /// # Errors
    /// When it is not this person's key or cannot be recorded.
    pub async fn check(&self, actor: &Actor, id: ProviderKeyId) -> Result<(), ProviderKeyError> {
        let vault = &self.vault;
        let tx = vault.begin("check provider key", actor.tenant).await?;
        let stream = StreamId::of::<ProviderKeyEvent, _>(id);
        let (key, version) = load::<ProviderKey>(&tx, &stream).await?;
        owned(&key, actor.user)?;
        let row = projection::one(&tx, id).await?.ok_or(Refusal::Unknown)?;
        let now = vault.clock.now();
        let asked = row.unanswered_since();
        if asked.is_some_and(|asked| now < asked + ANSWERED_WITHIN) {
            return Ok(());
        }
        let event = key.request_check(row.provider)?;
        record(&tx, &stream, version, &[event], &vault.context(actor)).await?;
        tx.commit().await?;
        vault.changed(&[]);
        Ok(())
    }

    /// A change of a key's secret, and the check that follows it unless its person had too many.
    pub(super) fn and_check(
        &self,
        actor: &Actor,
        before: &ProviderKey,
        change: ProviderKeyEvent,
        provider: Provider,
    ) -> Result<Vec<ProviderKeyEvent>, Refusal> {
        if self.pace.stored.check(&actor.user).is_err() {
            return Ok(vec![change]);
        }
        let mut key = before.clone();
        key.apply(&change);
        let check = key.request_check(provider)?;
        Ok(vec![change, check])
    }

    /// Takes note that a provider refused a version of a key.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn found_invalid(
        &self,
        actor: &Actor,
        id: ProviderKeyId,
        refused: i32,
    ) -> Result<(), ProviderKeyError> {
        self.found(actor, id, |key| key.found_invalid(refused))
            .await
    }

    /// Takes note that a provider took a version of a key when it was asked.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn found_working(
        &self,
        actor: &Actor,
        id: ProviderKeyId,
        taken: i32,
    ) -> Result<(), ProviderKeyError> {
        self.found(actor, id, |key| key.found_working(taken)).await
    }

    async fn found(
        &self,
        actor: &Actor,
        id: ProviderKeyId,
        news: impl Fn(&ProviderKey) -> Option<ProviderKeyEvent>,
    ) -> Result<(), ProviderKeyError> {
        let vault = &self.vault;
        let tx = vault
            .begin("note what a provider said", actor.tenant)
            .await?;
        let stream = StreamId::of::<ProviderKeyEvent, _>(id);
        let (key, version) = load::<ProviderKey>(&tx, &stream).await?;
        let Some(event) = news(&key) else {
            return Ok(());
        };
        record(&tx, &stream, version, &[event], &vault.context(actor)).await?;
        tx.commit().await?;
        vault.changed(&[]);
        Ok(())
    }
}
