//! Finds what is not text in a prompt: it needs a capability of its own and is not charged by its
//! bytes.

use std::{borrow::Cow, fmt, sync::LazyLock};

use aho_corasick::AhoCorasick;
use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// What a prompt holds beside text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Media {
    /// Images.
    pub images: u64,
    /// Documents, videos and uploaded files: their tokens cannot be told from the request.
    pub files: u64,
    /// Sound.
    pub sounds: u64,
    /// Bytes of the strings that hold images.
    pub image_bytes: u64,
}

impl Media {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            images: self.images + other.images,
            files: self.files + other.files,
            sounds: self.sounds + other.sounds,
            image_bytes: self.image_bytes + other.image_bytes,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    File,
    Sound,
}

/// What the `type` of a part says of it.
fn kind_of_type(text: &str) -> Option<Kind> {
    match text {
        "image_url" | "input_image" | "image" => Some(Kind::Image),
        "file" | "file_url" | "file_id" | "input_file" | "document" | "document_url" | "video"
        | "video_url" | "input_video" | "container_upload" => Some(Kind::File),
        "input_audio" | "audio" | "audio_url" => Some(Kind::Sound),
        _ => None,
    }
}

/// What a member of this name says of the part that holds it, whatever its `type`.
fn kind_of_member(name: &str) -> Option<Kind> {
    match name {
        "image_url" => Some(Kind::Image),
        "audio_url" => Some(Kind::Sound),
        // An earlier answer that was spoken, named by its id.
        "audio" => Some(Kind::Sound),
        "fileData" | "file_data" | "file_id" => Some(Kind::File),
        // Whatever else is named by an address, the provider fetches it.
        _ if name.ends_with("_url") => Some(Kind::File),
        _ => None,
    }
}

/// What a MIME type says of the inline data it stands beside.
fn kind_of_mime(text: &str) -> Kind {
    let text = text.to_ascii_lowercase();
    if text.starts_with("image/") {
        Kind::Image
    } else if text.starts_with("audio/") {
        Kind::Sound
    } else {
        Kind::File
    }
}

/// What is not text in this JSON text (the messages of a prompt).
///
/// Most prompts are text alone, so a quick search for the marks of a part that is not comes first;
/// only where one is found, or could be hidden behind an escape, the text is read through.
#[must_use]
pub fn media_in(json: &str) -> Media {
    if !may_hold_media(json.as_bytes()) {
        return Media::default();
    }
    let mut found = Media::default();
    let mut reader = serde_json::Deserializer::from_str(json);
    // The text was read as JSON before; what this reader cannot follow (a nesting beyond its
    // depth) is taken for a file, which is the dearest.
    if (Walk {
        found: &mut found,
        part: None,
    })
    .deserialize(&mut reader)
    .is_err()
    {
        found.files += 1;
    }
    found
}

/// What may stand for something that is not text: first the two that need a closer look.
const MARKS: [&str; 9] = [
    "\"type\"",
    "\\u00",
    "_url\"",
    "file_id\"",
    "ineData\"",
    "ine_data\"",
    "ileData\"",
    "ile_data\"",
    "\"audio\"",
];

/// All marks at once: prompts are long. `None` never is: the marks are few and short.
static ANY_MARK: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(MARKS).ok());

fn may_hold_media(json: &[u8]) -> bool {
    let Some(marks) = &*ANY_MARK else { return true };
    marks.find_iter(json).any(|mark| {
        let rest = json.get(mark.end()..).unwrap_or_default();
        match mark.pattern().as_usize() {
            0 => names_media(rest),
            // A character that needs no escape is escaped.
            1 => matches!(rest.first(), Some(b'2'..=b'7')),
            _ => true,
        }
    })
}

/// Whether the value of a `type` is that of a part that is not text.
fn names_media(after_the_name: &[u8]) -> bool {
    let rest = after_the_name.trim_ascii_start();
    let rest = rest.strip_prefix(b":").unwrap_or_default();
    let value = rest.trim_ascii_start();
    let value = value.strip_prefix(b"\"").unwrap_or_default();
    let end = memchr::memchr(b'"', value).unwrap_or(0);
    let value = value
        .get(..end)
        .and_then(|text| std::str::from_utf8(text).ok());
    value.is_some_and(|text| kind_of_type(text).is_some())
}

/// Members that hold an image, or an address of one, and nothing that is read as text.
const CARRIERS: [&str; 6] = [
    "url",
    "image_url",
    "data",
    "source",
    "inlineData",
    "inline_data",
];

struct Walk<'a> {
    found: &'a mut Media,
    /// The kind of the object that is being read, where its reader wants to know.
    part: Option<&'a mut Part>,
}

/// What one object said of itself.
#[derive(Default)]
struct Part {
    kind: Option<Kind>,
    mime: Option<Kind>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    /// The bytes of the strings below that hold an image, if this is part of one.
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
        let mut part = Part::default();
        let mut carried = 0;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let read = match name.as_ref() {
                "type" => map.next_value_seed(Said {
                    part: &mut part,
                    found: self.found,
                    read: type_said,
                }),
                "mimeType" | "mime_type" => map.next_value_seed(Said {
                    part: &mut part,
                    found: self.found,
                    read: mime_said,
                }),
                "inlineData" | "inline_data" => {
                    let mut inner = Part::default();
                    let read = map.next_value_seed(Walk {
                        found: self.found,
                        part: Some(&mut inner),
                    });
                    part.kind = part.kind.or(Some(inner.mime.unwrap_or(Kind::File)));
                    read
                }
                other => match kind_of_member(other) {
                    None => map.next_value_seed(Walk {
                        found: self.found,
                        part: None,
                    }),
                    Some(kind) => {
                        let value = map.next_value::<&RawValue>()?.get();
                        if says_something(other, value) {
                            part.kind = part.kind.or(Some(kind));
                        }
                        walk_text(self.found, value)
                    }
                },
            };
            let read = read?;
            if CARRIERS.contains(&name.as_ref()) {
                carried += read;
            }
        }
        let kind = part.kind;
        if let Some(asked) = self.part {
            *asked = part;
        }
        match kind {
            Some(Kind::Image) => {
                self.found.images += 1;
                self.found.image_bytes += carried;
                return Ok(0);
            }
            Some(Kind::File) => self.found.files += 1,
            Some(Kind::Sound) => self.found.sounds += 1,
            None => {}
        }
        Ok(carried)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<u64, A::Error> {
        let mut bytes = 0;
        while let Some(read) = list.next_element_seed(Walk {
            found: self.found,
            part: None,
        })? {
            bytes += read;
        }
        Ok(bytes)
    }

    fn visit_str<E>(self, text: &str) -> Result<u64, E> {
        Ok(u64::try_from(text.len()).unwrap_or(u64::MAX))
    }

    fn visit_bool<E>(self, _: bool) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_i64<E>(self, _: i64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_u64<E>(self, _: u64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_f64<E>(self, _: f64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_unit<E>(self) -> Result<u64, E> {
        Ok(0)
    }
}

fn type_said(part: &mut Part, text: &str) {
    part.kind = kind_of_type(text).or(part.kind);
}

fn mime_said(part: &mut Part, text: &str) {
    part.mime = Some(kind_of_mime(text));
}

/// Whether a member that may stand for something stands for anything: SDKs send what they have of an
/// earlier answer, with `null` for what it had not. `audio` does so by the id of what was spoken.
fn says_something(name: &str, value: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Spoken {
        id: Option<serde::de::IgnoredAny>,
    }
    match name {
        "audio" => serde_json::from_str::<Spoken>(value).is_ok_and(|spoken| spoken.id.is_some()),
        _ => value != "null",
    }
}

/// Walks through a text that was read as JSON before.
fn walk_text<E>(found: &mut Media, json: &str) -> Result<u64, E> {
    let walk = Walk { found, part: None };
    let read = walk.deserialize(&mut serde_json::Deserializer::from_str(json));
    Ok(read.unwrap_or(0))
}

/// A member whose text says what its object is.
struct Said<'a> {
    part: &'a mut Part,
    found: &'a mut Media,
    read: fn(&mut Part, &str),
}

impl<'de> DeserializeSeed<'de> for Said<'_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        let value = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
        if let Ok(text) = serde_json::from_str::<String>(value.get()) {
            (self.read)(self.part, &text);
            return Ok(0);
        }
        // An object under the name `type` may be a part of its own.
        walk_text(self.found, value.get())
    }
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
