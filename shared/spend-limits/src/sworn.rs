//! The scripts of every call, sworn to one server process.
//!
//! A mark that another server process wrote must not count, so a script must know which process
//! runs it. Asking for that inside the script costs about as much as the rest of it. These scripts
//! carry the process in their text instead, beside a word that this process of ours made up and
//! tells nobody. Redis keeps scripts in memory, neither on disk nor at replicas (since 7.0), so no
//! other server has ever heard of this text: wherever a connection leads, it runs there or is
//! answered NOSCRIPT.
//!
//! Nobody takes a script back, and each process that was ever started has left its own: where Redis
//! keeps too many, it is slow with all of them. Whoever swears then has it forget them all first. The
//! others are answered NOSCRIPT and swear anew.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    connection::{SpendLimits, in_time},
    error::StoreError,
    script::{Call, Named, RESERVE, Reply, SETTLE},
};

/// How often the server may change, or be made to forget, while we swear, before giving up.
const TRIES: usize = 5;

/// More scripts than Redis should keep: it looks through them for garbage all the time, and with eighty
/// each call takes it a quarter longer.
const MOST_SCRIPTS: u64 = 20;
/// They are forgotten once in this many seconds at most: where so many processes run that theirs alone
/// are more, they would have each other's forgotten for ever.
const FORGOTTEN_ONCE_IN: u64 = 3_600;

/// Room for the name of a command and the number of its keys.
const NAME_AND_NUMBER: usize = 16;

/// The digests of the scripts that are sworn, by name.
type Digests = HashMap<&'static str, String>;

/// What is sworn to the server process that answered last.
#[derive(Default)]
pub(crate) struct Sworn {
    digests: RwLock<Option<Arc<Digests>>>,
    /// One swears for all.
    turn: Mutex<()>,
}

impl Sworn {
    pub(crate) fn known(&self) -> Option<Arc<Digests>> {
        self.digests
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn learn(&self, digests: Arc<Digests>) {
        *self.digests.write().unwrap_or_else(PoisonError::into_inner) = Some(digests);
    }
}

impl SpendLimits {
    /// Calls a script in its sworn form, swearing first where the server does not know it.
    pub(crate) async fn run_sworn(&self, named: &Named, call: &Call) -> Result<Reply, StoreError> {
        let mut digests = match self.shared.sworn.known() {
            Some(digests) => digests,
            None => Box::pin(self.swear(named.name, None)).await?,
        };
        for _ in 0..TRIES {
            let Some(digest) = digests.get(named.name) else {
                break;
            };
            let mut connection = self.connection()?;
            let command = invocation("EVALSHA", digest, call);
            let asked = command.query_async::<Reply>(&mut connection);
            match in_time(named.name, asked).await {
                Err(StoreError::Redis { source, .. }) if is_unknown(&source) => {
                    digests = Box::pin(self.swear(named.name, Some(&digests))).await?;
                }
                answer => return answer,
            }
        }
        Err(StoreError::Restless)
    }

    /// Gives the server the scripts, once it has said which process it is. `forgotten` are those
    /// that it did not know.
    async fn swear(
        &self,
        name: &'static str,
        forgotten: Option<&Arc<Digests>>,
    ) -> Result<Arc<Digests>, StoreError> {
        let _turn = self.shared.sworn.turn.lock().await;
        let known = self.shared.sworn.known();
        if let Some(known) = known.filter(|known| !forgotten.is_some_and(|f| Arc::ptr_eq(f, known)))
        {
            return Ok(known);
        }
        for _ in 0..TRIES {
            let sections = redis::cmd("INFO").arg("server").arg("memory").take();
            let info: String = self.ask(name, &sections).await?;
            let run = run_of(&info).ok_or_else(|| unexpected(&info))?;
            if scripts_of(&info).is_some_and(|scripts| scripts > MOST_SCRIPTS) {
                self.have_scripts_forgotten(name).await;
            }
            let word = Uuid::new_v4().simple().to_string();
            let mut together = redis::pipe();
            together.atomic().cmd("INFO").arg("server");
            for named in often() {
                together.cmd("SCRIPT").arg("LOAD");
                together.arg(named.sworn_to(run, &word));
            }
            let mut connection = self.connection()?;
            let asked = together.query_async::<Vec<String>>(&mut connection);
            let told = in_time(name, asked).await?;
            let mut told = told.into_iter();
            // Another process took what was meant for this one: nobody will ever call it there.
            if told.next().as_deref().and_then(run_of) != Some(run) {
                continue;
            }
            let names = often().into_iter().map(|named| named.name);
            let digests = Arc::new(names.zip(told).collect::<Digests>());
            self.shared.sworn.learn(Arc::clone(&digests));
            return Ok(digests);
        }
        Err(StoreError::Restless)
    }

    /// Where that is not allowed, Redis stays slow, and nothing else is wrong.
    async fn have_scripts_forgotten(&self, name: &'static str) {
        let mut turn = redis::cmd("SET");
        turn.arg(self.shared.keys.forgotten()).arg(1);
        turn.arg("NX").arg("EX").arg(FORGOTTEN_ONCE_IN);
        let forgotten = match self.ask::<bool>(name, &turn).await {
            Ok(true) => {
                let forget = redis::cmd("SCRIPT").arg("FLUSH").arg("ASYNC").take();
                self.ask::<()>(name, &forget).await
            }
            Ok(false) => return,
            Err(error) => Err(error),
        };
        match forgotten {
            Ok(()) => tracing::info!("Redis kept too many scripts and has forgotten them"),
            Err(error) => tracing::warn!(%error, "Redis keeps too many scripts"),
        }
    }
}

/// The scripts of every call.
fn often() -> [&'static Named; 2] {
    [&RESERVE, &SETTLE]
}

/// Whether a script has a sworn form.
pub(crate) fn is_sworn(named: &Named) -> bool {
    often().iter().any(|often| std::ptr::eq(*often, named))
}

/// The command that calls a script, which is named by its digest or given as text.
pub(crate) fn invocation(command: &'static str, script: &str, call: &Call) -> Cmd {
    let (keys, args) = (&call.keys, &call.args);
    let length = keys.bytes() + args.bytes() + script.len() + NAME_AND_NUMBER;
    let mut invocation = Cmd::with_capacity(3 + keys.len() + args.len(), length);
    invocation.arg(command).arg(script).arg(keys.len());
    invocation.arg(keys).arg(args);
    invocation
}

/// Whether Redis does not know the script.
pub(crate) fn is_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// The process that `INFO server` names.
fn run_of(info: &str) -> Option<&str> {
    let mut lines = info.lines();
    let run = lines.find_map(|line| line.trim_end().strip_prefix("run_id:"))?;
    let is_name = !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_name.then_some(run)
}

/// How many scripts `INFO memory` says are kept.
fn scripts_of(info: &str) -> Option<u64> {
    let mut lines = info.lines();
    let kept = lines.find_map(|line| line.trim_end().strip_prefix("number_of_cached_scripts:"))?;
    kept.parse().ok()
}

fn unexpected(info: &str) -> StoreError {
    StoreError::Answer {
        word: info.chars().take(20).collect(),
    }
}
