//! Epochs: one life of the counters, from their filling until they are lost.

use std::{fmt, str::FromStr};

use ids::{CallId, GrantId, TokenDigest};
use uuid::Uuid;

use crate::bucket::{Bucket, Owner};

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

fn hexadecimal(uuid: Uuid) -> String {
    (*uuid.simple().encode_lower(&mut Uuid::encode_buffer())).to_owned()
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
        self.name(&["epoch"])
    }

    /// The mark of the epoch that is being filled.
    pub(crate) fn opening(&self) -> String {
        self.name(&["opening"])
    }

    /// The revocation mark of a grant. It stands outside epochs: what was revoked stays revoked.
    pub(crate) fn revoked(&self, grant: GrantId) -> String {
        self.name(&["revoked:", &hexadecimal(grant.uuid())])
    }

    /// The mark of something that counts once. It stands outside epochs too.
    pub(crate) fn used(&self, digest: TokenDigest) -> String {
        self.name(&["used:", &digest.to_hex()])
    }

    /// What stands before the bucket in the names of its counters.
    /// There for a while after scripts were forgotten.
    pub(crate) fn forgotten(&self) -> String {
        self.name(&["forgotten"])
    }

    pub(crate) fn before_bucket(&self, epoch: Epoch) -> String {
        let mut digits = Uuid::encode_buffer();
        self.name(&[epoch.0.simple().encode_lower(&mut digits), ":"])
    }

    /// The hash that holds a bucket's counters.
    pub(crate) fn counters(&self, epoch: Epoch, bucket: Bucket) -> String {
        let mut name = self.before_bucket(epoch);
        bucket.write_to(&mut name);
        name
    }

    /// The list of a grant's or a shadow's requests of the last minute. A budget has none: it limits no
    /// requests.
    pub(crate) fn minute(&self, epoch: Epoch, bucket: Bucket) -> Option<String> {
        (!matches!(bucket.owner, Owner::Budget(_)))
            .then(|| self.counters(epoch, bucket) + ":minute")
    }

    /// The holds of all grants by deadline.
    pub(crate) fn holds(&self, epoch: Epoch) -> String {
        self.before_bucket(epoch) + "holds"
    }

    /// The set of spools that were answered for while the epoch was being filled.
    pub(crate) fn answered(&self, epoch: Epoch) -> String {
        self.before_bucket(epoch) + "answered"
    }

    /// Put together by hand: ten such names are made for each call.
    fn name(&self, parts: &[&str]) -> String {
        let mut name = String::with_capacity(LONGEST_NAME);
        name.push_str(&self.namespace);
        name.push(':');
        parts.iter().for_each(|part| name.push_str(part));
        name
    }
}

/// How a call is written in field names.
pub(crate) fn field(call: CallId) -> String {
    hexadecimal(call.uuid())
}

/// How a hold is written in the set of all holds.
pub(crate) fn member(bucket: Bucket, call: CallId) -> String {
    let mut member = String::with_capacity(LONGEST_NAME);
    bucket.write_to(&mut member);
    member.push(':');
    member.push_str(
        call.uuid()
            .simple()
            .encode_lower(&mut Uuid::encode_buffer()),
    );
    member
}
