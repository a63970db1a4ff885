//! An object cut into its members, which are not looked into.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// More members at one level than any provider knows.
pub(super) const MOST_MEMBERS: usize = 256;

/// Cuts an object into its members.
pub(super) struct Cut;

impl Cut {
    /// How its error begins when there are too many.
    pub(super) const TOO_MANY: &'static str = "too many members";
}

impl<'de> Visitor<'de> for Cut {
    type Value = Vec<(Cow<'de, str>, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut cut = Vec::with_capacity(16);
        while let Some(Borrowed(name)) = map.next_key()? {
            if cut.len() == MOST_MEMBERS {
                return Err(A::Error::custom(Self::TOO_MANY));
            }
            let value: &'de RawValue = map.next_value()?;
            cut.push((name, value.get()));
        }
        Ok(cut)
    }
}

/// A string, borrowed where it holds no escapes.
pub(super) struct Borrowed<'b>(pub(super) Cow<'b, str>);

impl<'de> Deserialize<'de> for Borrowed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text).map(Self)
    }
}
