//! Removing an app, and everything that it was granted in its organization.

use event_store::StreamId;
use events::AppEvent;
use ids::{AppId, GrantId};

use super::{App, AppError, Apps, projection, self_registered, store::FORGET_SECRETS};
use crate::{
    grant::{Authority, Grants},
    projections::{TRIES, load, record},
    vault::Actor,
};

/// Why the grants of a removed app end, for their people to read.
const APP_REMOVED: &str = "the app was removed";

impl AppError {
    /// Whether somebody else changed the same thing first: it can be tried anew.
    const fn is_conflict(&self) -> bool {
        match self {
            Self::Record(error) => error.is_conflict(),
            Self::Grant(error) => error.is_conflict(),
            _ => false,
        }
    }
}

impl Apps {
    /// Removes an app: it may not ask any more, and what everybody in its organization granted it is
    /// revoked. When this has answered, no token of it is good there.
    ///
    /// # Errors
    /// When there is no such app, or it cannot be recorded or told to the proxies. Until it is
    /// removed, the same can be asked again.
    pub async fn remove(&self, actor: &Actor, id: AppId) -> Result<(), AppError> {
        let tx = self.0.begin("find app to remove", actor.tenant).await?;
        let found = projection::one(&tx, id).await?;
        tx.commit().await?;
        found.ok_or(super::Refusal::Unknown)?;
        // While the app is still there: should the proxies not be told of one, it is removed by
        // asking again.
        let grants = Grants::new(self.0.clone());
        let by = (actor, Authority::Removal(id));
        grants.revoke_of_app(by, id, APP_REMOVED).await?;
        let mut removed = self.record_removal(actor, id).await;
        for _ in 1..TRIES {
            if !removed.as_ref().is_err_and(AppError::is_conflict) {
                break;
            }
            removed = self.record_removal(actor, id).await;
        }
        Ok(grants.tell_ended(&removed?).await?)
    }

    /// Records the removal together with the end of whatever was granted up to then; gives the grants
    /// that ended.
    async fn record_removal(&self, actor: &Actor, id: AppId) -> Result<Vec<GrantId>, AppError> {
        let tx = self.0.begin("remove app", actor.tenant).await?;
        let stream = StreamId::of::<AppEvent, _>(id);
        let (app, version) = load::<App>(&tx, &stream).await?;
        let event = app.remove()?;
        // From here on nobody hands out a token of the app: that takes its row for itself, as this
        // does. A token that was handed out before is in a grant that is found below.
        record(&tx, &stream, version, &[event], &self.0.context(actor)).await?;
        tx.execute(FORGET_SECRETS, &[&id.uuid()]).await?;
        self_registered::forget_access(&tx, id).await?;
        let by = (actor, Authority::Removal(id));
        let ended = Grants::new(self.0.clone())
            .end_of_app(&tx, by, (id, APP_REMOVED))
            .await?;
        tx.commit().await?;
        Ok(ended)
    }
}
