//! Which key a token is bound to.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

const LENGTH: usize = 43;

/// The SHA-256 thumbprint of a public key (RFC 7638), in base64url as the wire has it: `jkt` of
/// RFC 9449.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyThumbprint([u8; LENGTH]);

/// The text is no thumbprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key thumbprint is 43 characters of base64url")]
pub struct NotAThumbprint;

impl KeyThumbprint {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Checked when it was made: ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for KeyThumbprint {
    type Err = NotAThumbprint;

    fn from_str(text: &str) -> Result<Self, NotAThumbprint> {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        <[u8; LENGTH]>::try_from(text.as_bytes())
            .ok()
            .filter(|bytes| bytes.iter().all(plain))
            .map(Self)
            .ok_or(NotAThumbprint)
    }
}

impl fmt::Display for KeyThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyThumbprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for KeyThumbprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_43_characters_of_base64url() {
        let good = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(good.parse::<KeyThumbprint>().unwrap().to_string(), good);
        for bad in [
            "",
            "x",
            &good[1..],
            &format!("{good}A"),
            &good.replace('-', "+"),
        ] {
            assert_eq!(bad.parse::<KeyThumbprint>(), Err(NotAThumbprint), "{bad}");
        }
    }
}
