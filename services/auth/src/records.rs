//! Appending decisions together with the rows that are true the moment they are made.

use event_store::{
    Aggregate, AppendError, Context, EventStore, Projection, ProjectionError, RecordedEvent,
    StreamId, Version,
};
use events::EventPayload;
use postgres::{DatabaseError, Tx};

use crate::{organization, user};

/// All inline projections of this service, behind one door.
#[derive(Debug, Clone, Copy)]
pub struct Projections;

impl Projection for Projections {
    async fn apply(&self, tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
        organization::projection::apply(tx, event).await?;
        user::projection::apply(tx, event).await
    }

    async fn clear(&self, tx: &Tx) -> Result<(), ProjectionError> {
        for clear in [organization::projection::CLEAR, user::projection::CLEAR] {
            tx.execute(clear, &[]).await?;
        }
        Ok(())
    }
}

/// Why a decision could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Somebody decided about the same thing at the same moment.
    #[error("somebody else changed it at the same moment")]
    Conflict,
    /// The store refused.
    #[error(transparent)]
    Append(AppendError),
    /// The rows that follow from it could not be written.
    #[error(transparent)]
    Projection(ProjectionError),
}

impl From<AppendError> for RecordError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict => Self::Conflict,
            other => Self::Append(other),
        }
    }
}

impl From<ProjectionError> for RecordError {
    fn from(error: ProjectionError) -> Self {
        match error {
            ProjectionError::Database(error) => error.into(),
            other @ ProjectionError::Unreadable(_) => Self::Projection(other),
        }
    }
}

impl From<DatabaseError> for RecordError {
    fn from(error: DatabaseError) -> Self {
        // A unique key that another transaction has just taken: deciding again will see it.
        if error.is_unique_violation() || error.is_serialization_failure() {
            Self::Conflict
        } else {
            Self::Projection(ProjectionError::Database(error))
        }
    }
}

/// Appends events to a stream and brings the tables up to date, in one transaction.
///
/// # Errors
/// [`RecordError::Conflict`] when the stream has grown meanwhile; else when the database refuses.
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

/// How often a decision that met another is made anew.
const TRIES: usize = 5;

/// An error that may go away when everything is read and decided again.
pub trait Retriable {
    /// Whether it is one.
    fn is_conflict(&self) -> bool;
}

impl Retriable for RecordError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict)
    }
}

/// Decides in a transaction of its own, and again while somebody else was quicker, five times at
/// most.
///
/// # Errors
/// The last refusal.
pub async fn decide<T, E: Retriable>(
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(error) if error.is_conflict() && tries < TRIES => tries += 1,
            outcome => return outcome,
        }
    }
}
