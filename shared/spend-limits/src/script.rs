//! The Lua scripts, and how they are called and answered.

use std::sync::LazyLock;

use jiff::Timestamp;
use money::Nanodollars;
use redis::{FromRedisValue, ParsingError, Script, Value};

use crate::{epoch::Epoch, error::StoreError, words::Words};

/// A script with the name under which its round trips are measured.
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) script: Script,
    pub(crate) code: String,
    flags: &'static str,
    text: &'static str,
}

/// How a script learns which server process runs it. INFO is one of the commands a script may call,
/// and builds a long text for the one word that is needed.
const ASKED: &str = "local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')";

impl Named {
    fn new(name: &'static str, flags: &'static str, text: &'static str) -> Self {
        let code = format!("#!lua{flags}\n{ASKED}\n{text}");
        Self {
            name,
            script: Script::new(&code),
            code,
            flags,
            text,
        }
    }

    /// The script as only the server process `run` may ever have it, told apart by a word that
    /// nobody else knows: see [`crate::sworn`].
    pub(crate) fn sworn_to(&self, run: &str, word: &str) -> String {
        let Self { flags, text, .. } = self;
        format!("#!lua{flags}\n-- {word}\nlocal run = '{run}'\n{text}")
    }
}

/// Whole scripts are assembled here: flags, the common beginning, then the script's own text.
///
/// A script that ends a hold may run while Redis is out of memory, since it frees some; every
/// other one that writes is refused before its first command.
macro_rules! scripts {
    ($($name:ident = $flags:literal + $($part:literal),+;)*) => {
        $(pub(crate) static $name: LazyLock<Named> = LazyLock::new(|| {
            let text = concat!($(include_str!(concat!("lua/", $part, ".lua")), "\n"),+);
            let name = [$($part),+].last().copied().unwrap_or_default();
            Named::new(name, $flags, text)
        });)*
    };
}

/// As if there were no quicker ways than the one at length: all of them must decide alike.
#[cfg(test)]
pub(crate) static RESERVE_AT_LENGTH: LazyLock<Named> = LazyLock::new(|| {
    let parts = [
        include_str!("lua/calendar.lua"),
        include_str!("lua/epoch.lua"),
        include_str!("lua/counters.lua"),
        include_str!("lua/minute.lua"),
        include_str!("lua/reserve.lua"),
    ];
    Named::new("reserve_at_length", "", parts.join("\n").leak())
});

scripts! {
    RESERVE = "" + "calendar", "one", "epoch", "counters", "minute", "together", "reserve";
    SETTLE = " flags=allow-oom" + "calendar", "epoch", "counters", "settle";
    BOOK = " flags=allow-oom" + "calendar", "epoch", "counters", "minute", "holds", "book";
    STANDING = " flags=no-writes" + "calendar", "epoch", "counters", "minute", "standing";
    POSITION = " flags=no-writes" + "calendar", "epoch", "position";
    BEGIN_OPENING = "" + "calendar", "epoch", "begin_opening";
    RENEW_OPENING = "" + "calendar", "epoch", "renew_opening";
    LOAD = "" + "calendar", "epoch", "counters", "minute", "holds", "load";
    OPEN_EPOCH = "" + "calendar", "epoch", "open_epoch";
    OVERDUE = " flags=allow-oom" + "calendar", "epoch", "overdue";
    OF_SPOOL = " flags=no-writes" + "calendar", "epoch", "of_spool";
}

/// The keys and arguments of one call of a script.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) keys: Words,
    pub(crate) args: Words,
}

/// Room for the name of a key, and for an argument, as long as they mostly are.
pub(crate) const USUAL_KEY: usize = 112;
pub(crate) const USUAL_ARGUMENT: usize = 28;

/// Room for what a reservation of one grant is answered with.
const USUAL_VALUES: usize = 12;

/// What a script answered: a word, then values.
#[derive(Debug)]
pub(crate) struct Reply(pub(crate) Words);

impl FromRedisValue for Reply {
    /// A list, or one text with spaces between.
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        match value {
            Value::Array(_) => {
                let values = Vec::<String>::from_redis_value(value)?;
                Ok(Self(values.into_iter().collect()))
            }
            text => {
                let text = String::from_redis_value(text)?;
                Ok(Self(Words::split(text, USUAL_VALUES)))
            }
        }
    }
}

impl Reply {
    /// The word that says how it went.
    pub(crate) fn word(&self) -> &str {
        self.text(0)
    }

    /// The value at `index`, empty if there is none.
    pub(crate) fn text(&self, index: usize) -> &str {
        self.0.get(index).unwrap_or_default()
    }

    pub(crate) fn number(&self, index: usize) -> Result<i64, StoreError> {
        self.text(index).parse().map_err(|_| self.unexpected())
    }

    pub(crate) fn nanos(&self, index: usize) -> Result<Nanodollars, StoreError> {
        self.number(index).map(Nanodollars::from_nanos)
    }

    /// Milliseconds since 1970 as an instant.
    pub(crate) fn instant(&self, index: usize) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(self.number(index)?).map_err(|_| self.unexpected())
    }

    /// An epoch, or none if the value is empty.
    pub(crate) fn epoch(&self, index: usize) -> Result<Option<Epoch>, StoreError> {
        match self.text(index) {
            "" => Ok(None),
            nonce => nonce.parse().map(Some).map_err(|_| self.unexpected()),
        }
    }

    pub(crate) fn unexpected(&self) -> StoreError {
        StoreError::Answer {
            word: self.word().to_owned(),
        }
    }
}
