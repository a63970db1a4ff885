//! All inline projections of this service, behind one door.

use event_store::{
    Aggregate, AppendError, Context, EventStore, Projection, ProjectionError, RecordedEvent,
    StreamId, Version,
};
use events::EventPayload;
use postgres::Tx;

use crate::{
    access_request, approval_rule, blocked_app, budget, custom_provider, grant, history,
    model_alias, organization_policy, provider_key, registered_app,
};

/// The tables that are true the moment a decision is.
#[derive(Debug, Clone, Copy)]
pub struct Projections;

impl Projection for Projections {
    async fn apply(&self, tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
        provider_key::projection::apply(tx, event).await?;
        custom_provider::projection::apply(tx, event).await?;
        model_alias::projection::apply(tx, event).await?;
        organization_policy::projection::apply(tx, event).await?;
        budget::projection::apply(tx, event).await?;
        registered_app::projection::apply(tx, event).await?;
        blocked_app::projection::apply(tx, event).await?;
        approval_rule::projection::apply(tx, event).await?;
        access_request::projection::apply(tx, event).await?;
        grant::projection::apply(tx, event).await?;
        grant::shadow::projection::apply(tx, event).await?;
        // Last: it reads what the others wrote.
        history::projection::apply(tx, event).await
    }

    async fn clear(&self, tx: &Tx) -> Result<(), ProjectionError> {
        for clear in [
            provider_key::projection::CLEAR,
            custom_provider::projection::CLEAR,
            model_alias::projection::CLEAR,
            organization_policy::projection::CLEAR,
            budget::projection::CLEAR,
            registered_app::projection::CLEAR,
            blocked_app::projection::CLEAR,
            approval_rule::projection::CLEAR,
            access_request::projection::CLEAR,
            grant::projection::CLEAR,
            grant::shadow::projection::CLEAR,
            history::projection::CLEAR,
        ] {
            tx.execute(clear, &[]).await?;
        }
        Ok(())
    }
}

/// Why a decision could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store refused.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The rows that follow from it could not be written.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
}

/// How often a decision is taken anew when somebody else changed the same thing first.
pub const TRIES: usize = 4;

impl RecordError {
    /// Whether somebody else changed the same thing first: what is there now can be decided anew.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Append(AppendError::Conflict))
    }
}

/// Appends events to a stream and brings the tables up to date, in one transaction.
///
/// # Errors
/// When the stream has grown meanwhile or the database refuses.
pub async fn record<E: EventPayload + Sync>(
    tx: &Tx,
    stream: &StreamId,
    expected: Version,
    events: &[E],
    context: &Context,
) -> Result<(), RecordError> {
    for event in EventStore::append(tx, stream, expected, events, context).await? {
        Projections.apply(tx, &event).await?;
    }
    Ok(())
}

/// Folds a stream into its aggregate.
///
/// # Errors
/// When the database refuses or an event cannot be read.
pub async fn load<A: Aggregate>(tx: &Tx, stream: &StreamId) -> Result<(A, Version), RecordError> {
    Ok(EventStore::load(tx, stream).await?)
}
