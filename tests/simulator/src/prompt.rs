//! The text of a prompt, whatever the dialect: how long it is, and the script it may carry.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// What begins a script inside a text.
pub const SCRIPT_MARK: &str = "[[sim ";

/// What was found in the text parts of a prompt. Images, tools and settings do not count.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Unicode characters of all text; a token given as a number counts as four.
    pub characters: u64,
    /// How many texts (or lists of token numbers) there were: the inputs of an embeddings call.
    pub inputs: u64,
    /// What follows the mark of a script in the last user text.
    pub script: Option<String>,
}

impl<'de> Deserialize<'de> for Prompt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut prompt = Self::default();
        Walk(&mut prompt).deserialize(deserializer)?;
        Ok(prompt)
    }
}

/// Walks strings, lists, and the text-bearing members of objects; passes over everything else.
struct Walk<'p>(&'p mut Prompt);

#[derive(PartialEq, Eq)]
enum Seen {
    TokenNumber,
    Other,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Seen;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a list, or an object with text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen, E> {
        self.0.characters += text.chars().count() as u64;
        self.0.inputs += 1;
        if let Some(at) = text.rfind(SCRIPT_MARK) {
            self.0.script = Some(text[at + SCRIPT_MARK.len()..].to_owned());
        }
        Ok(Seen::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Seen, E> {
        self.0.characters += 4;
        Ok(Seen::TokenNumber)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seen, A::Error> {
        let mut has_numbers = false;
        while let Some(seen) = list.next_element_seed(Walk(self.0))? {
            has_numbers |= seen == Seen::TokenNumber;
        }
        self.0.inputs += u64::from(has_numbers);
        Ok(Seen::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Seen, A::Error> {
        let before = self.0.script.take();
        let mut role: Option<String> = None;
        while let Some(member) = object.next_key()? {
            match member {
                Member::Role => role = object.next_value()?,
                Member::Text => {
                    object.next_value_seed(Walk(self.0))?;
                }
                Member::Other => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        // A later user text decides even when it carries no script; nobody else's text does.
        let keeps = match role.as_deref() {
            Some("user") => true,
            Some(_) => false,
            None => self.0.script.is_some(),
        };
        if !keeps {
            self.0.script = before;
        }
        Ok(Seen::Other)
    }
}

enum Member {
    Role,
    Text,
    Other,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Member;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Member, E> {
                Ok(match name {
                    "role" => Member::Role,
                    "text" | "content" | "parts" => Member::Text,
                    _ => Member::Other,
                })
            }
        }
        deserializer.deserialize_identifier(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(json: &str) -> Prompt {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn text_counts_in_every_dialect_and_images_do_not() {
        assert_eq!(prompt(r#""hällo""#).characters, 5);
        assert_eq!(
            prompt(r#"[{"role":"user","content":"hello"}]"#).characters,
            5
        );
        let parts = r#"[{"role":"user","content":[{"type":"text","text":"hello"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]"#;
        assert_eq!(prompt(parts).characters, 5);
        assert_eq!(
            prompt(r#"[{"parts":[{"text":"hello"},{"text":"you"}]}]"#).characters,
            8
        );
        assert_eq!(
            prompt(r#"[{"role":"assistant","content":null}]"#).characters,
            0
        );
    }

    #[test]
    fn inputs_of_an_embeddings_call_are_texts_or_lists_of_numbers() {
        assert_eq!(prompt(r#""one""#).inputs, 1);
        assert_eq!(prompt(r#"["one","two"]"#).inputs, 2);
        assert_eq!(prompt("[1,2,3]").inputs, 1);
        assert_eq!(prompt("[[1,2],[3]]").inputs, 2);
        assert_eq!(prompt("[[1,2],[3]]").characters, 12);
    }

    #[test]
    fn only_the_last_user_text_carries_a_script() {
        let last = r#"[{"role":"user","content":"[[sim {\"status\":500}]]"},
            {"content":"[[sim {}]]","role":"assistant"},{"role":"user","content":"go on"}]"#;
        assert_eq!(prompt(last).script, None);
        let answered = r#"[{"role":"user","content":"x [[sim {\"status\":500}]]"},
            {"content":"[[sim {}]]","role":"assistant"}]"#;
        assert_eq!(
            prompt(answered).script.as_deref(),
            Some("{\"status\":500}]]")
        );
    }
}
