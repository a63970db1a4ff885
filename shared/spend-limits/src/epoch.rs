//! Epochs: one life of the counters, from their filling until they are lost.

use std::{fmt, str::FromStr};

use ids::{CallId, GrantId, TokenDigest};
use uuid::Uuid;

use crate::{
    bucket::{Bucket, Owner},
    words::Words,
};

/// One life of the counters. Every loss of Redis's memory ends it; a new one begins elsewhere,
/// under other keys, once the ledger has been loaded into it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(Uuid);

impl Epoch {
    pub(crate) fn mint() -> Self {
        Self(Uuid::new_v4())
    }
}

/// The text does not name an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an epoch is written as 32 hexadecimal digits")]
pub struct EpochError;

impl FromStr for Epoch {
    type Err = EpochError;

    /// Reads what `Display` wrote, for a proxy that keeps the epoch beside its unsent records.
    fn from_str(text: &str) -> Result<Self, EpochError> {
        let plain = text.len() == 32;
        Uuid::try_parse(text)
            .ok()
            .filter(|_| plain)
            .map(Self)
            .ok_or(EpochError)
    }
}

impl Epoch {
    /// Adds what `Display` writes.
    pub(crate) fn write_to(self, text: &mut String) {
        write_hexadecimal(text, self.0);
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.simple().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Room for a namespace, an epoch, a bucket and what follows it.
const LONGEST_NAME: usize = 160;

/// What is written, as a text of its own.
fn written(write: impl FnOnce(&mut String)) -> String {
    let mut text = String::with_capacity(LONGEST_NAME);
    write(&mut text);
    text
}

fn write_hexadecimal(text: &mut String, uuid: Uuid) {
    text.push_str(uuid.simple().encode_lower(&mut Uuid::encode_buffer()));
}

/// The names of all keys: everything stands under one namespace, counters under their epoch too.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    namespace: String,
}

impl Keys {
    /// `None` unless the namespace is 1 to 40 of `a`–`z`, `0`–`9`, `-` and `_`.
    pub(crate) fn under(namespace: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let fits = (1..=40).contains(&namespace.len()) && namespace.bytes().all(plain);
        fits.then(|| Self {
            namespace: namespace.to_owned(),
        })
    }

    /// The completeness mark.
    pub(crate) fn epoch(&self) -> String {
        self.name("epoch")
    }

    /// The mark of the epoch that is being filled.
    pub(crate) fn opening(&self) -> String {
        self.name("opening")
    }

    /// The revocation mark of a grant. It stands outside epochs: what was revoked stays revoked.
    pub(crate) fn revoked(&self, grant: GrantId) -> String {
        written(|text| self.write_revoked(text, grant))
    }

    pub(crate) fn write_revoked(&self, text: &mut String, grant: GrantId) {
        self.write(text, "revoked:");
        write_hexadecimal(text, grant.uuid());
    }

    /// The mark of something that counts once. It stands outside epochs too.
    pub(crate) fn used(&self, digest: TokenDigest) -> String {
        self.name("used:") + &digest.to_hex()
    }

    /// There for a while after scripts were forgotten.
    pub(crate) fn forgotten(&self) -> String {
        self.name("forgotten")
    }

    /// What stands before the bucket in the names of its counters.
    pub(crate) fn before_bucket(&self, epoch: Epoch) -> String {
        written(|text| self.write_before_bucket(text, epoch))
    }

    fn write_before_bucket(&self, text: &mut String, epoch: Epoch) {
        self.write(text, "");
        epoch.write_to(text);
        text.push(':');
    }

    /// The hash that holds a bucket's counters.
    pub(crate) fn counters(&self, epoch: Epoch, bucket: Bucket) -> String {
        written(|text| self.write_counters(text, epoch, bucket))
    }

    pub(crate) fn write_counters(&self, text: &mut String, epoch: Epoch, bucket: Bucket) {
        self.write_before_bucket(text, epoch);
        bucket.write_to(text);
    }

    /// The list of a grant's or a shadow's requests of the last minute. A budget has none: it limits no
    /// requests.
    pub(crate) fn minute(&self, epoch: Epoch, bucket: Bucket) -> Option<String> {
        has_minute(bucket).then(|| written(|text| self.write_minute(text, epoch, bucket)))
    }

    pub(crate) fn write_minute(&self, text: &mut String, epoch: Epoch, bucket: Bucket) {
        self.write_counters(text, epoch, bucket);
        text.push_str(":minute");
    }

    /// The holds of all grants by deadline.
    pub(crate) fn holds(&self, epoch: Epoch) -> String {
        self.before_bucket(epoch) + "holds"
    }

    /// The two keys that every script of a call begins with.
    pub(crate) fn add_epoch_and_holds(&self, words: &mut Words, epoch: Epoch) {
        words.write(|text| self.write(text, "epoch"));
        words.write(|text| {
            self.write_before_bucket(text, epoch);
            text.push_str("holds");
        });
    }

    /// The set of spools that were answered for while the epoch was being filled.
    pub(crate) fn answered(&self, epoch: Epoch) -> String {
        self.before_bucket(epoch) + "answered"
    }

    fn name(&self, rest: &str) -> String {
        written(|text| self.write(text, rest))
    }

    /// Put together by hand: ten such names are made for each call.
    fn write(&self, text: &mut String, rest: &str) {
        text.push_str(&self.namespace);
        text.push(':');
        text.push_str(rest);
    }
}

/// Whether requests of the last minute are counted of it.
pub(crate) const fn has_minute(bucket: Bucket) -> bool {
    !matches!(bucket.owner, Owner::Budget(_))
}

/// How a call is written in field names.
pub(crate) fn field(call: CallId) -> String {
    written(|text| write_field(text, call))
}

pub(crate) fn write_field(text: &mut String, call: CallId) {
    write_hexadecimal(text, call.uuid());
}

/// How a hold is written in the set of all holds.
pub(crate) fn member(bucket: Bucket, call: CallId) -> String {
    written(|text| write_member(text, bucket, call))
}

pub(crate) fn write_member(text: &mut String, bucket: Bucket, call: CallId) {
    bucket.write_to(text);
    text.push(':');
    write_field(text, call);
}
