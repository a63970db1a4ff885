//! The connection to Redis, and the running of scripts on it.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use redis::{
    Client, FromRedisValue, IntoConnectionInfo, RedisError, Value,
    aio::{ConnectionManager, ConnectionManagerConfig},
    io::tcp::TcpSettings,
};
use thread_local::ThreadLocal;

use crate::{
    epoch::{Epoch, Keys},
    error::{LimitsError, StoreError},
    in_hand::InHand,
    script::{Call, Named, POSITION, Reply},
    settle_behind::Queue,
    sworn::{self, Sworn},
    together::Company,
    words::Words,
};

/// Longest wait for one answer: then the caller is refused rather than kept.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// Longest wait for a connection.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_millis(400);
/// When the network swallows what was sent, the connection is given up after this time.
const UNHEARD_FOR: Duration = Duration::from_secs(2);
/// How many calls travel together when there are many.
const BATCH: usize = 100;
/// How often the open epoch is asked for anew before giving up.
const TRIES: usize = 3;

/// The limits of all grants, kept in Redis. Cheap to clone; clones share connections and know the
/// same calls.
#[derive(Clone)]
pub struct SpendLimits {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    client: Client,
    /// Each thread has a connection of its own, so that an answer wakes the thread that asked and
    /// no other.
    connections: ThreadLocal<ConnectionManager>,
    pub(crate) keys: Keys,
    epoch: RwLock<Option<Epoch>>,
    pub(crate) in_hand: InHand,
    pub(crate) settlements: ThreadLocal<Arc<Queue>>,
    pub(crate) company: ThreadLocal<Arc<Company>>,
    pub(crate) sworn: Sworn,
    #[cfg(test)]
    pub(crate) clock: std::sync::atomic::AtomicI64,
}

impl SpendLimits {
    /// Limits kept in the Redis at `redis_url`, under `namespace`, so that environments stay
    /// apart. Connects when first asked, and again whenever the connection is lost.
    ///
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the URL or the namespace does not parse.
    pub fn connect(redis_url: &str, namespace: &str) -> Result<Self, StoreError> {
        let keys = Keys::under(namespace).ok_or(StoreError::Namespace)?;
        let tcp = TcpSettings::default().set_nodelay(true);
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(UNHEARD_FOR);
        let address = redis_url
            .into_connection_info()
            .map_err(|_| StoreError::Url)?;
        let client = Client::open(address.set_tcp_settings(tcp)).map_err(|_| StoreError::Url)?;
        Ok(Self {
            shared: Arc::new(Shared {
                client,
                connections: ThreadLocal::new(),
                keys,
                epoch: RwLock::new(None),
                in_hand: InHand::default(),
                settlements: ThreadLocal::new(),
                company: ThreadLocal::new(),
                sworn: Sworn::default(),
                #[cfg(test)]
                clock: std::sync::atomic::AtomicI64::new(0),
            }),
        })
    }

    /// This thread's connection.
    pub(crate) fn connection(&self) -> Result<ConnectionManager, StoreError> {
        let connect = || {
            let config = ConnectionManagerConfig::new()
                .set_response_timeout(Some(ANSWER_WITHIN))
                .set_connection_timeout(Some(CONNECT_WITHIN))
                // No waiting inside: whoever comes while there is no connection is refused at once
                // and causes the next attempt.
                .set_number_of_retries(0)
                .set_pipeline_buffer_size(1024);
            ConnectionManager::new_lazy_with_config(self.shared.client.clone(), config)
        };
        self.shared
            .connections
            .get_or_try(connect)
            .cloned()
            .map_err(|source| StoreError::Redis {
                script: "connect",
                source,
            })
    }

    /// Whether this Redis may hold limits at all; for readiness.
    ///
    /// # Errors
    /// When it does not answer, may evict keys, or is a cluster.
    pub async fn check_server(&self) -> Result<(), StoreError> {
        let info: String = self.ask("info", &redis::cmd("INFO")).await?;
        let value = |name: &str| {
            info.lines()
                .find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
        };
        match value("maxmemory_policy") {
            Some("noeviction") => {}
            other => {
                return Err(StoreError::Evicts {
                    policy: other.unwrap_or("unknown").to_owned(),
                });
            }
        }
        if value("cluster_enabled") == Some("1") {
            Err(StoreError::Cluster)
        } else {
            Ok(())
        }
    }

    /// Whether limits can be answered now: an epoch is open.
    ///
    /// # Errors
    /// When Redis cannot be asked.
    pub async fn is_open(&self) -> Result<bool, StoreError> {
        Ok(self.position().await?.0.is_some())
    }

    /// The open epoch and the one being opened.
    pub(crate) async fn position(&self) -> Result<(Option<Epoch>, Option<Epoch>), StoreError> {
        let keys = [self.shared.keys.epoch(), self.shared.keys.opening()];
        let reply = self
            .run(
                &POSITION,
                &Call {
                    keys: keys.into(),
                    args: Words::default(),
                },
            )
            .await?;
        let (open, opening) = (reply.epoch(1)?, reply.epoch(2)?);
        self.learn(open);
        Ok((open, opening))
    }

    /// Runs a script that works in the open epoch, asking again if that is not the one we knew.
    pub(crate) async fn in_open_epoch(
        &self,
        script: &Named,
        call: impl Fn(Epoch) -> Call,
    ) -> Result<(Epoch, Reply), LimitsError> {
        for _ in 0..TRIES {
            let Some(epoch) = self.known_epoch().await? else {
                return Err(LimitsError::NotReady);
            };
            let reply = self.run_often(script, &call(epoch)).await?;
            match reply.word() {
                "NOT_READY" => {
                    self.learn(None);
                    return Err(LimitsError::NotReady);
                }
                "BEHIND" => self.learn(reply.epoch(1)?),
                "BAD_ARGUMENT" => return Err(reply.unexpected().into()),
                _ => return Ok((epoch, reply)),
            }
        }
        Err(StoreError::Restless.into())
    }

    /// The epoch we believe to be open; asks if we know of none.
    pub(crate) async fn known_epoch(&self) -> Result<Option<Epoch>, StoreError> {
        let known = *self
            .shared
            .epoch
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        match known {
            Some(epoch) => Ok(Some(epoch)),
            None => Ok(Box::pin(self.position()).await?.0),
        }
    }

    pub(crate) fn learn(&self, epoch: Option<Epoch>) {
        *self
            .shared
            .epoch
            .write()
            .unwrap_or_else(PoisonError::into_inner) = epoch;
    }

    /// Calls a script in its sworn form, if it has one: one round trip, more when Redis does not
    /// know it.
    async fn run_often(&self, named: &Named, call: &Call) -> Result<Reply, StoreError> {
        if !sworn::is_sworn(named) {
            return Box::pin(self.run(named, call)).await;
        }
        let began = Instant::now();
        let answer = self.run_sworn(named, call).await;
        measure(named, began);
        answer
    }

    /// Calls a script: one round trip, two when Redis forgot the script.
    pub(crate) async fn run(&self, named: &Named, call: &Call) -> Result<Reply, StoreError> {
        let began = Instant::now();
        let mut connection = self.connection()?;
        let asked = async {
            let known = sworn::invocation("EVALSHA", named.script.get_hash(), call);
            match known.query_async(&mut connection).await {
                // Together with its text: told before, it could be forgotten once more in between.
                Err(error) if sworn::is_unknown(&error) => {
                    let told = sworn::invocation("EVAL", &named.code, call);
                    told.query_async(&mut connection).await
                }
                answer => answer,
            }
        };
        let answer = in_time(named.name, asked).await;
        measure(named, began);
        answer
    }

    /// Calls a script many times, [`BATCH`] calls a round trip; answers in the order of the calls.
    pub(crate) async fn run_many(
        &self,
        named: &Named,
        calls: &[Call],
    ) -> Result<Vec<Reply>, StoreError> {
        let mut replies = Vec::with_capacity(calls.len());
        for batch in calls.chunks(BATCH) {
            let mut pipeline = redis::pipe();
            // As one, or the script could be forgotten again before the last of them.
            pipeline.atomic();
            pipeline.cmd("SCRIPT").arg("LOAD").arg(&named.code).ignore();
            for call in batch {
                pipeline.cmd("EVALSHA").arg(named.script.get_hash());
                pipeline
                    .arg(call.keys.len())
                    .arg(&call.keys)
                    .arg(&call.args);
            }
            let mut connection = self.connection()?;
            let asked = pipeline.query_async::<Vec<Reply>>(&mut connection);
            replies.extend(in_time(named.name, asked).await?);
        }
        Ok(replies)
    }

    /// Runs a plain command.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        name: &'static str,
        command: &redis::Cmd,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection()?;
        in_time(name, command.query_async(&mut connection)).await
    }

    /// Runs many plain commands, [`BATCH`] a round trip.
    pub(crate) async fn tell(
        &self,
        name: &'static str,
        commands: Vec<redis::Cmd>,
    ) -> Result<(), StoreError> {
        for batch in commands.chunks(BATCH) {
            let mut pipeline = redis::pipe();
            for command in batch {
                pipeline.add_command(command.clone());
            }
            let mut connection = self.connection()?;
            in_time(name, pipeline.query_async::<Vec<Value>>(&mut connection)).await?;
        }
        Ok(())
    }

    /// The time argument of every script: empty, which means the server's clock.
    #[cfg(not(test))]
    pub(crate) fn time(&self) -> String {
        String::new()
    }
}

impl fmt::Debug for SpendLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpendLimits")
            .field("keys", &self.shared.keys)
            .finish_non_exhaustive()
    }
}

fn measure(named: &Named, began: Instant) {
    metrics::histogram!("latchkey_redis_round_trip_seconds", "script" => named.name)
        .record(began.elapsed());
}

pub(crate) async fn in_time<T>(
    script: &'static str,
    asked: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, StoreError> {
    // The connection has its own time limit for each answer; this one also covers the waiting
    // for a connection and for a forgotten script.
    match tokio::time::timeout(ANSWER_WITHIN + CONNECT_WITHIN, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) if source.is_timeout() => Err(StoreError::Late { script }),
        Ok(Err(source)) => Err(StoreError::Redis { script, source }),
        Err(_) => Err(StoreError::Late { script }),
    }
}
