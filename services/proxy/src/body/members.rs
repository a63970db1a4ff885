//! One JSON object, its members cut out and not looked into.

use std::{borrow::Cow, ops::Range};

use serde::Deserializer;
use serde_json::value::RawValue;

use crate::body::{
    cut::{Borrowed, Cut, MOST_MEMBERS},
    depth::{DEEPEST, is_deeper_than},
    names::{Name, is_read_as},
};

/// Why a body cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not UTF-8 (RFC 8259 section 8.1).
    #[error("the body is not UTF-8 from byte {0} on")]
    Utf8(usize),
    /// A byte order mark (RFC 8259 section 8.1 lets a reader refuse it).
    #[error("the body begins with a byte order mark; send JSON without it")]
    ByteOrderMark,
    /// Not JSON.
    #[error("the body is not JSON (line {line}, column {column})")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// JSON, but no object where one is needed.
    #[error("{0} must be a JSON object")]
    NotAnObject(String),
    /// Two members of one name: readers differ in which counts.
    #[error("`{0}` is there twice; which of them counts is not defined")]
    Twice(String),
    /// A name that another reader could take for one that matters.
    #[error("`{found}` could be taken for `{name}`; spell it `{name}` or leave it out")]
    Variant {
        /// As it was written.
        found: String,
        /// As it should be.
        name: &'static str,
    },
    /// Too many members.
    #[error("the body has more than {MOST_MEMBERS} members")]
    TooMany,
    /// Objects and arrays in each other, more than any reader must take (RFC 8259 section 9).
    #[error("the body is nested deeper than {DEEPEST} levels")]
    TooDeep,
    /// A member has a value of the wrong kind.
    #[error("`{name}` must be {expected}")]
    Kind {
        /// Which member.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl BodyError {
    /// The member at fault, if it is one.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Twice(name) | Self::Kind { name, .. } => Some(name),
            Self::Variant { found, .. } => Some(found),
            _ => None,
        }
    }
}

/// The members of one object.
#[derive(Debug)]
pub struct Members<'b> {
    /// What the object is called in errors.
    called: &'static str,
    all: Vec<Member<'b>>,
    text: &'b str,
    /// Where the text stands in the body.
    text_at: usize,
    /// Where in the body the first member may be put.
    start: usize,
}

#[derive(Debug)]
struct Member<'b> {
    name: Cow<'b, str>,
    /// The usual spelling, if a decision rests on this member.
    matters_as: Option<&'static str>,
    value: &'b str,
    at: usize,
}

/// Where a member is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Instead of the value that is there.
    Value(Range<usize>),
    /// As the first member of the object.
    First {
        /// Right after the opening brace.
        at: usize,
        /// Whether other members follow.
        more: bool,
    },
}

impl<'b> Members<'b> {
    /// Reads the top level of a whole body.
    ///
    /// # Errors
    /// Names what makes the body ambiguous or no JSON object.
    pub fn of_body(body: &'b [u8], matter: &[Name]) -> Result<Self, BodyError> {
        let text = std::str::from_utf8(body).map_err(|e| BodyError::Utf8(e.valid_up_to()))?;
        if text.starts_with('\u{feff}') {
            return Err(BodyError::ByteOrderMark);
        }
        let members = Self::scan("the body", text, 0, matter)?;
        if is_deeper_than(DEEPEST, text) {
            return Err(BodyError::TooDeep);
        }
        Ok(members)
    }

    /// Reads the object that `name` holds; `None` if it is absent or null.
    ///
    /// # Errors
    /// As for the whole body.
    pub fn object(&self, name: &'static str, matter: &[Name]) -> Result<Option<Self>, BodyError> {
        let Some(member) = self.find(name) else {
            return Ok(None);
        };
        Self::scan(name, member.value, member.at, matter).map(Some)
    }

    /// Reads an object that stands `at` this offset of the body.
    ///
    /// # Errors
    /// As for the whole body.
    pub fn scan(
        called: &'static str,
        text: &'b str,
        at: usize,
        matter: &[Name],
    ) -> Result<Self, BodyError> {
        let opening = text.len() - text.trim_start_matches([' ', '\t', '\r', '\n']).len();
        let mut reader = serde_json::Deserializer::from_str(text);
        let parsed = reader
            .deserialize_map(Cut)
            .and_then(|cut| reader.end().map(|()| cut));
        let cut = match parsed {
            Ok(cut) => cut,
            Err(error) if error.is_data() => {
                return Err(match error.to_string() {
                    text if text.starts_with(Cut::TOO_MANY) => BodyError::TooMany,
                    _ => BodyError::NotAnObject(called.to_owned()),
                });
            }
            Err(error) => {
                return Err(BodyError::Syntax {
                    line: error.line(),
                    column: error.column(),
                });
            }
        };
        let mut members = Self {
            called,
            all: Vec::with_capacity(cut.len()),
            text,
            text_at: at,
            start: at + opening + 1,
        };
        for (name, value) in cut {
            let offset = value.as_ptr().addr().saturating_sub(text.as_ptr().addr());
            members.add(name, value, at + offset, matter)?;
        }
        Ok(members)
    }

    fn add(
        &mut self,
        name: Cow<'b, str>,
        value: &'b str,
        at: usize,
        matter: &[Name],
    ) -> Result<(), BodyError> {
        // Most names are written as they should be: no need to look for what else they could be.
        let usual = |known: &&Name| known.first() == Some(&name.as_ref());
        let known = (matter.iter().find(usual))
            .or_else(|| matter.iter().find(|known| is_read_as(&name, known)));
        let matters_as = match known {
            Some(known) if known.contains(&name.as_ref()) => known.first().copied(),
            Some(known) => {
                let usual = known.first().copied().unwrap_or_default();
                return Err(BodyError::Variant {
                    found: shown(&name),
                    name: usual,
                });
            }
            None => None,
        };
        let again = self.all.iter().any(|other| {
            other.name == name || (matters_as.is_some() && other.matters_as == matters_as)
        });
        if again {
            return Err(BodyError::Twice(shown(&name)));
        }
        self.all.push(Member {
            name,
            matters_as,
            value,
            at,
        });
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&Member<'b>> {
        self.all
            .iter()
            .find(|member| member.matters_as.unwrap_or(&member.name) == name)
            .filter(|member| member.value != "null")
    }

    /// The member's JSON text and its offset in the body; `None` if it is absent or null.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<(&'b str, usize)> {
        self.find(name).map(|member| (member.value, member.at))
    }

    /// The names of all members, as written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|member| member.name.as_ref())
    }

    /// The member that some reader takes for this one, as it is written.
    pub fn spelled_as(&self, known: Name) -> Option<&str> {
        self.names().find(|name| is_read_as(name, known))
    }

    /// What to cut out of the body for these members to be gone, commas included.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Vec<Range<usize>> {
        let gone = |member: &Member<'_>| names.contains(&member.matters_as.unwrap_or(&member.name));
        let (mut cut, mut from, mut kept) = (Vec::new(), self.start, 0_usize);
        for (index, member) in self.all.iter().enumerate() {
            let end = member.at + member.value.len();
            if gone(member) {
                cut.push(from..end);
            } else {
                // The first that stays needs no comma before it.
                if kept == 0 && index > 0 {
                    cut.extend(self.comma_from(from));
                }
                kept += 1;
            }
            from = end;
        }
        cut
    }

    /// The comma at or after this place of the body, and the space before it.
    fn comma_from(&self, from: usize) -> Option<Range<usize>> {
        let rest = self.text.get(from.checked_sub(self.text_at)?..)?;
        let comma = rest.find(',')?;
        Some(from..from + comma + 1)
    }

    /// Whether the member is there and not null.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// A text.
    ///
    /// # Errors
    /// When it is there and no string.
    pub fn text(&self, name: &str) -> Result<Option<Cow<'b, str>>, BodyError> {
        self.typed(name, "a string", |value| {
            serde_json::from_str::<Borrowed<'b>>(value)
                .ok()
                .map(|text| text.0)
        })
    }

    /// A yes or no.
    ///
    /// # Errors
    /// When it is there and neither.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, BodyError> {
        self.typed(name, "true or false", |value| match value {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    /// A whole number above zero, in plain digits: `1e3` and `16.0` are read differently by
    /// different readers.
    ///
    /// # Errors
    /// When it is there and is not one.
    pub fn count(&self, name: &str) -> Result<Option<u32>, BodyError> {
        self.typed(name, "a whole number above 0", |value| {
            let plain = value.bytes().all(|b| b.is_ascii_digit());
            value.parse().ok().filter(|number| plain && *number > 0)
        })
    }

    fn typed<T>(
        &self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&'b str) -> Option<T>,
    ) -> Result<Option<T>, BodyError> {
        let Some(member) = self.find(name) else {
            return Ok(None);
        };
        match read(member.value) {
            Some(value) => Ok(Some(value)),
            None => Err(BodyError::Kind {
                name: self.path_of(name),
                expected,
            }),
        }
    }

    fn path_of(&self, name: &str) -> String {
        if self.called == "the body" {
            name.to_owned()
        } else {
            format!("{}.{name}", self.called)
        }
    }

    /// Where to write the member, whether it is there (perhaps as null) or not.
    #[must_use]
    pub fn place(&self, name: &str) -> Place {
        let here = self
            .all
            .iter()
            .find(|member| member.matters_as.unwrap_or(&member.name) == name);
        match here {
            Some(member) => Place::Value(member.at..member.at + member.value.len()),
            None => Place::First {
                at: self.start,
                more: !self.all.is_empty(),
            },
        }
    }
}

/// The elements of a JSON array, cut out and not looked into; with their offsets in the body when
/// the array stands `at` that offset. `None` if this is no array.
#[must_use]
pub fn elements(array: &str, at: usize) -> Option<Vec<(&str, usize)>> {
    let cut: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    let offset = |raw: &RawValue| {
        raw.get()
            .as_ptr()
            .addr()
            .saturating_sub(array.as_ptr().addr())
    };
    Some(
        cut.into_iter()
            .map(|raw| (raw.get(), at + offset(raw)))
            .collect(),
    )
}

/// A caller's text, cut to a length that fits an error.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
#[path = "members_tests.rs"]
mod tests;
