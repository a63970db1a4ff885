//! Ending grants, one or many.

use event_store::StreamId;
use events::GrantEvent;
use ids::{AppId, GrantId};
use postgres::Tx;

use super::{
    Authority, Grant, GrantState, lines, of_app,
    store::{GrantError, Grants},
};
use crate::{
    projections::{TRIES, load, record},
    vault::Actor,
};

/// How many grants are looked at together where all of them are.
const PIECE: i64 = 200;

impl Grants {
    /// Ends a grant and every grant that was made from it. When this has answered, no proxy starts
    /// another call of them. Revoking again changes nothing, and tells the proxies again.
    ///
    /// # Errors
    /// When there is no such grant, or it cannot be recorded or told.
    pub async fn revoke(
        &self,
        (actor, authority): (&Actor, Authority),
        id: GrantId,
        reason: &str,
    ) -> Result<(), GrantError> {
        let by = (actor, authority);
        let mut recorded = self.record_revocation(by, id, reason).await;
        for _ in 1..TRIES {
            // A change or a delivery was first, or the same revocation: look again.
            if !recorded.as_ref().is_err_and(GrantError::is_conflict) {
                break;
            }
            recorded = self.record_revocation(by, id, reason).await;
        }
        self.tell_ended(&recorded?).await
    }

    /// Tells the proxies and the relay of grants that have ended, after a commit.
    ///
    /// # Errors
    /// When the proxies cannot be told at once.
    pub async fn tell_ended(&self, ended: &[GrantId]) -> Result<(), GrantError> {
        self.vault().changed(&[]);
        // The mark stands before the answer leaves: the reserve script of every proxy sees it.
        let marked = self.vault().spend_limits.mark_all_revoked(ended).await;
        Ok(marked.inspect_err(|error| tracing::error!(%error, grants = ?ended, "a revocation was not told to the proxies"))?)
    }

    /// Ends every grant of a person that is in force; gives how many that were. When this has
    /// answered, no proxy starts another call of any of them.
    ///
    /// # Errors
    /// When one cannot be recorded or told; those before it have ended all the same.
    pub async fn revoke_all(&self, actor: &Actor, reason: &str) -> Result<usize, GrantError> {
        let (mut before, mut ended) = (None, 0);
        loop {
            let piece = self.of(actor.tenant, actor.user, before, PIECE).await?;
            let Some(last) = piece.last() else {
                return Ok(ended);
            };
            before = Some(last.id);
            for grant in piece.iter().filter(|grant| grant.state == GrantState::Live) {
                self.revoke((actor, Authority::Owner), grant.id, reason)
                    .await?;
                ended += 1;
            }
        }
    }

    /// Ends every live grant that one app has in the organization, whoever granted it; gives how
    /// many those were. When this has answered, no proxy starts another call of any of them.
    ///
    /// # Errors
    /// When one cannot be recorded or told; those before it have ended all the same.
    pub async fn revoke_of_app(
        &self,
        (actor, authority): (&Actor, Authority),
        app: AppId,
        reason: &str,
    ) -> Result<usize, GrantError> {
        let (mut after, mut ended) = (None, 0);
        loop {
            let tx = self
                .vault()
                .begin("find grants of app", actor.tenant)
                .await?;
            let now = self.vault().clock.now();
            let piece = of_app::live(&tx, app, after, PIECE, now).await?;
            tx.commit().await?;
            let Some(last) = piece.last() else {
                return Ok(ended);
            };
            after = Some(*last);
            for grant in &piece {
                self.revoke((actor, authority), *grant, reason).await?;
            }
            ended += piece.len();
        }
    }

    /// The same within the caller's transaction, without telling the proxies: gives the grants that
    /// are to be told once it is committed, those that were made from others among them.
    ///
    /// # Errors
    /// When one cannot be recorded, or somebody changed it at the same moment.
    pub async fn end_of_app(
        &self,
        tx: &Tx,
        by: (&Actor, Authority),
        (app, reason): (AppId, &str),
    ) -> Result<Vec<GrantId>, GrantError> {
        let (mut after, mut ended) = (None, Vec::new());
        loop {
            let now = self.vault().clock.now();
            let piece = of_app::live(tx, app, after, PIECE, now).await?;
            let Some(last) = piece.last() else {
                return Ok(ended);
            };
            after = Some(*last);
            for grant in piece {
                ended.extend(self.end(tx, by, grant, reason).await?);
            }
        }
    }

    async fn record_revocation(
        &self,
        by: (&Actor, Authority),
        id: GrantId,
        reason: &str,
    ) -> Result<Vec<GrantId>, GrantError> {
        let tx = self.vault().begin("revoke grant", by.0.tenant).await?;
        let ended = self.end(&tx, by, id, reason).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Ends a grant and those made from it within the caller's transaction; gives all of them.
    async fn end(
        &self,
        tx: &Tx,
        (actor, authority): (&Actor, Authority),
        id: GrantId,
        reason: &str,
    ) -> Result<Vec<GrantId>, GrantError> {
        let root = lines::hold_family(tx, id).await?;
        let context = self.vault().context(actor);
        let mut ended = vec![id];
        ended.extend(lines::below(tx, root, id, context.at).await?);
        let with_it = format!("ended with the grant it was made from: {reason}");
        for grant in &ended {
            let reason = if *grant == id { reason } else { &with_it };
            let stream = StreamId::of::<GrantEvent, _>(*grant);
            let (aggregate, version) = load::<Grant>(tx, &stream).await?;
            authority.over(&aggregate, actor)?;
            if let Some(event) = aggregate.revoke(reason)? {
                grant_access::close(tx, *grant, context.at).await?;
                record(tx, &stream, version, &[event], &context).await?;
            }
        }
        Ok(ended)
    }

    /// Ends a grant whose app did not come for the token in time; false when the token went out, or
    /// the grant ended before. No proxy has to be told: there is no token.
    ///
    /// # Errors
    /// When somebody changed the grant at the same moment, or the database refuses.
    pub async fn lapse(&self, actor: &Actor, id: GrantId) -> Result<bool, GrantError> {
        let tx = self
            .vault()
            .begin("end uncollected grant", actor.tenant)
            .await?;
        let stream = StreamId::of::<GrantEvent, _>(id);
        let (grant, version) = load::<Grant>(&tx, &stream).await?;
        let Some(event) = grant.lapse() else {
            return Ok(false);
        };
        // In the grant's own order: a delivery at the same moment is first and the grant stays, or
        // finds it ended.
        record(
            &tx,
            &stream,
            version,
            &[event],
            &self.vault().context(actor),
        )
        .await?;
        tx.commit().await?;
        self.vault().changed(&[]);
        Ok(true)
    }
}
