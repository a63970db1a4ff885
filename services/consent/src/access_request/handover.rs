//! Handing out the token of an approved request, once, and what becomes of it when nobody is there to take it.

use event_store::StreamId;
use events::AccessRequestEvent;
use ids::RequestId;
use postgres::Tx;

use super::{AccessRequest, Refusal, RequestError, Requests, delivery};
use crate::{
    grant::{Authority, Delivered, TokenTerms},
    projections::{TRIES, load},
    vault::Actor,
};

impl Requests {
    /// Hands out the token of an approved request, once.
    ///
    /// # Errors
    /// When it was delivered before, is not approved, or cannot be recorded.
    pub async fn deliver(&self, actor: &Actor, id: RequestId) -> Result<Delivered, RequestError> {
        // Its person may be changing or revoking the grant at this moment.
        for _ in 1..TRIES {
            match self.try_to_deliver(actor, id).await {
                Err(error) if error.is_conflict() => {}
                outcome => return outcome,
            }
        }
        self.try_to_deliver(actor, id).await
    }

    async fn try_to_deliver(
        &self,
        actor: &Actor,
        id: RequestId,
    ) -> Result<Delivered, RequestError> {
        let tx = self.vault.begin("deliver grant", actor.tenant).await?;
        let delivered = self.deliver_in(&tx, actor, id).await?;
        tx.commit().await?;
        self.vault.changed(&[]);
        Ok(delivered)
    }

    /// The same within the caller's transaction.
    ///
    /// # Errors
    /// When it was delivered before, is not approved, or cannot be recorded.
    pub async fn deliver_in(
        &self,
        tx: &Tx,
        actor: &Actor,
        id: RequestId,
    ) -> Result<Delivered, RequestError> {
        self.deliver_under(tx, actor, id, TokenTerms::default())
            .await
    }

    /// The same, with a token under these terms.
    ///
    /// # Errors
    /// When it was delivered before, is not approved, its app asks for more than the grant, or it
    /// cannot be recorded.
    pub async fn deliver_under(
        &self,
        tx: &Tx,
        actor: &Actor,
        id: RequestId,
        terms: TokenTerms<'_>,
    ) -> Result<Delivered, RequestError> {
        if !delivery::take(tx, id, self.vault.clock.now()).await? {
            return Err(RequestError::Delivered);
        }
        let stream = StreamId::of::<AccessRequestEvent, _>(id);
        match load::<AccessRequest>(tx, &stream).await?.0 {
            AccessRequest::Approved { grant, .. } => {
                Ok(self.grants.issue_token(tx, actor, grant, terms).await?)
            }
            _ => Err(Refusal::Unknown.into()),
        }
    }

    /// The asker went away before it had an answer or a way to come back for one: ends its request,
    /// and revokes what a person may have granted at the same moment.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn abandon(&self, actor: &Actor, id: RequestId) -> Result<(), RequestError> {
        self.close(actor, id, true).await?;
        let tx = self.vault.begin("abandon grant", actor.tenant).await?;
        let stream = StreamId::of::<AccessRequestEvent, _>(id);
        let AccessRequest::Approved {
            grant,
            extended: false,
            ..
        } = load::<AccessRequest>(&tx, &stream).await?.0
        else {
            // Undecided, or more for a grant whose tokens are with its app already.
            return Ok(());
        };
        let undelivered = delivery::take(&tx, id, self.vault.clock.now()).await?;
        tx.commit().await?;
        if undelivered {
            self.grants
                .revoke(
                    (actor, Authority::Owner),
                    grant,
                    "its app went away before it had the token",
                )
                .await?;
        }
        Ok(())
    }
}
