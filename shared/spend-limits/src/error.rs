//! What goes wrong between us and Redis.

use std::sync::Arc;

use redis::RedisError;

/// What went wrong between us and Redis.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The Redis URL does not parse. The URL itself is not repeated: it may hold a password.
    #[error("the Redis URL does not parse")]
    Url,
    /// The namespace is not 1 to 40 of `a`–`z`, `0`–`9`, `-`, `_`.
    #[error("a namespace is 1 to 40 of a-z, 0-9, - and _")]
    Namespace,
    /// Redis refused, broke off or could not be reached.
    #[error("redis failed at {script}")]
    Redis {
        script: &'static str,
        #[source]
        source: RedisError,
    },
    /// Redis did not answer in time; whether it did what it was asked is not known.
    #[error("redis did not answer {script} in time")]
    Late { script: &'static str },
    /// An answer of a kind that this version does not know.
    #[error("redis gave an unexpected answer: {word}")]
    Answer { word: String },
    /// Redis was not asked: it did not answer those before.
    #[error("redis does not answer")]
    NotAsked,
    /// What went wrong for several who had asked together.
    #[error(transparent)]
    Together(Arc<StoreError>),
    /// The epoch changed again and again while we asked.
    #[error("the epoch kept changing")]
    Restless,
    /// Redis may drop keys when its memory is full: limits would be forgotten.
    #[error("redis has maxmemory-policy {policy}; limits need noeviction")]
    Evicts { policy: String },
    /// A Redis Cluster: a script's keys stand in different slots there.
    #[error("limits need one Redis server (with replicas), not a Redis Cluster")]
    Cluster,
}

impl StoreError {
    /// Whether Redis may have run, or may yet run, what it was asked to.
    pub(crate) fn may_have_run(&self) -> bool {
        match self {
            Self::Late { .. } | Self::Answer { .. } => true,
            Self::Redis { source, .. } => source.is_io_error() && !source.is_connection_refusal(),
            // The script may have ended halfway, at another call of those that it was asked about.
            Self::Together(source) => match &**source {
                Self::Redis { source, .. } => !source.is_connection_refusal(),
                source => source.may_have_run(),
            },
            _ => false,
        }
    }

    /// Whether Redis says nothing: then it will say nothing to others either.
    pub(crate) fn is_silence(&self) -> bool {
        match self {
            Self::Late { .. } => true,
            Self::Redis { source, .. } => source.is_io_error(),
            Self::Together(source) => source.is_silence(),
            _ => false,
        }
    }
}

/// Why a question about limits, or a booking, has no answer now. Reservations have
/// [`Refused`](crate::Refused).
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// No epoch is open: Redis lost its memory and the ledger is not loaded yet.
    #[error("the limits are being restored")]
    NotReady,
    /// An amount below zero or above [`money::LARGEST_LIMIT`].
    #[error("an amount of {0} USD cannot be booked")]
    AmountOutOfRange(money::Nanodollars),
    /// Redis cannot be asked.
    #[error("the limits cannot be checked")]
    Unavailable(#[from] StoreError),
}
