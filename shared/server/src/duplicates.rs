//! Finds a name that stands twice in one JSON object.
//!
//! RFC 8259 section 4 leaves it to each reader which of the two counts; two readers that disagree
//! are an attack, so neither counts here.

use std::{collections::HashSet, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

/// The JSON pointer (RFC 6901) of the first name that stands twice in its object. `None` when
/// there is none, or the text is not JSON, which whoever reads it next will say better.
pub(crate) fn first_duplicate(text: &str) -> Option<String> {
    let mut found = None;
    let mut path = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(text);
    // An error here is either the duplicate, kept in `found`, or broken JSON.
    Walk {
        path: &mut path,
        found: &mut found,
    }
    .deserialize(&mut reader)
    .ok();
    found
}

struct Walk<'a> {
    path: &'a mut Vec<String>,
    found: &'a mut Option<String>,
}

impl Walk<'_> {
    fn below(&mut self) -> Walk<'_> {
        Walk {
            path: self.path,
            found: self.found,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            self.path.push(name.replace('~', "~0").replace('/', "~1"));
            if !names.insert(name) {
                *self.found = Some(format!("/{}", self.path.join("/")));
                return Err(A::Error::custom("a name stands twice"));
            }
            map.next_value_seed(self.below())?;
            self.path.pop();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        for index in 0_usize.. {
            self.path.push(index.to_string());
            if list.next_element_seed(self.below())?.is_none() {
                self.path.pop();
                return Ok(());
            }
            self.path.pop();
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::first_duplicate;

    #[test]
    fn a_name_that_stands_twice_is_pointed_at() {
        let cases = [
            (r#"{"a":1,"a":2}"#, "/a"),
            (r#"{"a":1,"\u0061":2}"#, "/a"),
            (
                r#"{"x":[{},{"limits":{"b/c":1,"b/c":1}}]}"#,
                "/x/1/limits/b~1c",
            ),
            (r#"[{"":0,"":0}]"#, "/0/"),
        ];
        for (text, pointer) in cases {
            assert_eq!(first_duplicate(text).as_deref(), Some(pointer), "{text}");
        }
    }

    #[test]
    fn the_same_name_in_different_objects_is_fine() {
        for text in [
            r#"{"a":{"a":1},"b":[{"a":1},{"a":null}]}"#,
            "[]",
            "1",
            "\"a\"",
            "{",
            "1e400",
        ] {
            assert_eq!(first_duplicate(text), None, "{text}");
        }
    }
}
