//! Forms of several parts (RFC 7578), read as strictly as JSON bodies are: what two readers could
//! take apart differently is refused, so that the bytes that were checked can be sent as they are.

use crate::body::names::{Name, is_read_as};

/// More parts than any provider's form has.
const MOST_PARTS: usize = 64;
/// The most bytes of the headers of one part.
const LONGEST_HEAD: usize = 1024;
/// The most bytes of a field that a decision rests on.
const LONGEST_FIELD: usize = 256;
/// The longest boundary (RFC 2046 section 5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// Why a form cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Its parts are not where every reader finds the same ones.
    #[error("the form cannot be taken apart without doubt: {0}")]
    Shape(&'static str),
    /// A part has a header that is not understood the same by all readers.
    #[error("a part of the form {0}")]
    Head(&'static str),
    /// Two parts of one name that matters.
    #[error("`{0}` is there twice; which of them counts is not defined")]
    Twice(&'static str),
    /// A name that another reader could take for one that matters.
    #[error("a part is named almost like `{0}`; spell it so or leave it out")]
    Variant(&'static str),
    /// A field has a value of the wrong kind.
    #[error("`{name}` must be {expected}")]
    Kind {
        /// Which field.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

impl FormError {
    /// The field at fault, if it is one.
    #[must_use]
    pub const fn member(&self) -> Option<&'static str> {
        match self {
            Self::Twice(name) | Self::Variant(name) | Self::Kind { name, .. } => Some(name),
            Self::Shape(_) | Self::Head(_) => None,
        }
    }
}

/// The `Content-Type` of a form: what is between its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormType {
    boundary: String,
}

impl FormType {
    /// Reads the header. `None` for anything but `multipart/form-data` with one boundary of plain
    /// characters.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (kind, parameter) = header.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim();
        let inner = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let boundary = inner.unwrap_or(value);
        // Characters that need no quotes (RFC 9110 section 5.6.2).
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"'+_-.".contains(&b);
        let is_plain = !boundary.is_empty()
            && boundary.len() <= LONGEST_BOUNDARY
            && boundary.bytes().all(plain);
        (name.trim().eq_ignore_ascii_case("boundary") && is_plain).then(|| Self {
            boundary: boundary.to_owned(),
        })
    }

    /// The header to send. It names the boundary that was checked, and nothing else.
    #[must_use]
    pub fn header(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }
}

/// The parts of one form.
#[derive(Debug)]
pub struct Form<'b> {
    parts: Vec<Part<'b>>,
}

#[derive(Debug)]
struct Part<'b> {
    /// The usual spelling, if a decision rests on this part.
    matters_as: Option<&'static str>,
    /// It is one of a list, as its spelling says (`image[]`).
    in_list: bool,
    is_file: bool,
    content: &'b [u8],
}

impl<'b> Form<'b> {
    /// Reads a whole form. Decisions rest on the parts of the names in `matter`, each of which is there
    /// once, or several times where one of its spellings is that of a list (`image[]`).
    ///
    /// # Errors
    /// Names what makes the form ambiguous.
    pub fn of_body(kind: &FormType, body: &'b [u8], matter: &[Name]) -> Result<Self, FormError> {
        let delimiter = format!("--{}", kind.boundary);
        let mut rest = body
            .strip_prefix(delimiter.as_bytes())
            .ok_or(FormError::Shape("it does not begin with its boundary"))?;
        let mut form = Self { parts: Vec::new() };
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            let (head, content) = split(after, b"\r\n\r\n")
                .filter(|(head, _)| head.len() <= LONGEST_HEAD)
                .ok_or(FormError::Head("has no end of its headers"))?;
            let (content, next) = split(content, delimiter.as_bytes())
                .ok_or(FormError::Shape("its last boundary is missing"))?;
            let content = content
                .strip_suffix(b"\r\n")
                .ok_or(FormError::Shape("its boundary stands where no line begins"))?;
            form.add(head, content, delimiter.as_bytes(), matter)?;
            rest = next;
        }
        match rest {
            b"--" | b"--\r\n" if !form.parts.is_empty() => Ok(form),
            _ => Err(FormError::Shape("something stands beside its boundaries")),
        }
    }

    fn add(
        &mut self,
        head: &[u8],
        content: &'b [u8],
        delimiter: &[u8],
        matter: &[Name],
    ) -> Result<(), FormError> {
        if self.parts.len() == MOST_PARTS {
            return Err(FormError::Shape("it has too many parts"));
        }
        if memchr::memmem::find(head, delimiter).is_some() {
            return Err(FormError::Shape("its boundary stands within a header"));
        }
        let Disposition { name, is_file } = Disposition::of_head(head)?;
        // Some readers take `model[]` or `model[0]` for a list that is named `model`.
        let stem = name.split('[').next().unwrap_or_default();
        let known = matter.iter().find(|known| is_read_as(stem, known));
        let usual = known.and_then(|known| known.first().copied());
        let in_list = name.ends_with("[]");
        if let (Some(known), Some(usual)) = (known, usual) {
            if !known.contains(&name) {
                return Err(FormError::Variant(usual));
            }
            let mut same = self.named(usual);
            if same.any(|part| !(in_list && part.in_list)) {
                return Err(FormError::Twice(usual));
            }
        }
        self.parts.push(Part {
            matters_as: usual,
            in_list,
            is_file,
            content,
        });
        Ok(())
    }

    fn named<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f Part<'b>> {
        let parts = self.parts.iter();
        parts.filter(move |part| part.matters_as == Some(name))
    }

    fn find(&self, name: &str) -> Option<&Part<'b>> {
        self.named(name).next()
    }

    /// Whether the part is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// A field of text.
    ///
    /// # Errors
    /// When it is there and is a file, too long, or no plain text.
    pub fn text(&self, name: &'static str) -> Result<Option<&'b str>, FormError> {
        let Some(part) = self.find(name) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(part.content).ok();
        let plain = text.filter(|text| {
            !part.is_file
                && text.len() <= LONGEST_FIELD
                && text.trim() == *text
                && !text.chars().any(char::is_control)
        });
        plain.map(Some).ok_or(FormError::Kind {
            name,
            expected: "a short text",
        })
    }

    /// A field that says yes or no.
    ///
    /// # Errors
    /// When it is there and is neither `true` nor `false`.
    pub fn flag(&self, name: &'static str) -> Result<Option<bool>, FormError> {
        match self.text(name)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(FormError::Kind {
                name,
                expected: "true or false",
            }),
        }
    }

    /// A field of any length: its bytes.
    ///
    /// # Errors
    /// When it is there and is a file.
    pub fn long_text(&self, name: &'static str) -> Result<Option<&'b [u8]>, FormError> {
        match self.find(name) {
            None => Ok(None),
            Some(part) if !part.is_file => Ok(Some(part.content)),
            Some(_) => Err(FormError::Kind {
                name,
                expected: "a text",
            }),
        }
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// When it is there and is no file.
    pub fn file(&self, name: &'static str) -> Result<Option<&'b [u8]>, FormError> {
        match self.find(name) {
            None => Ok(None),
            Some(part) if part.is_file => Ok(Some(part.content)),
            Some(_) => Err(FormError::Kind {
                name,
                expected: "a file",
            }),
        }
    }

    /// How many files a name stands for, alone or as a list.
    ///
    /// # Errors
    /// When one of them is no file.
    pub fn count_files(&self, name: &'static str) -> Result<usize, FormError> {
        if self.named(name).all(|part| part.is_file) {
            return Ok(self.named(name).count());
        }
        Err(FormError::Kind {
            name,
            expected: "a file",
        })
    }

    /// How many files there are, whatever their names.
    #[must_use]
    pub fn all_files(&self) -> usize {
        self.parts.iter().filter(|part| part.is_file).count()
    }
}

/// The name of a part, and whether it is a file.
struct Disposition<'h> {
    name: &'h str,
    is_file: bool,
}

impl<'h> Disposition<'h> {
    /// Reads the headers of a part. Any but these two could change what its bytes mean.
    fn of_head(head: &'h [u8]) -> Result<Self, FormError> {
        let text = std::str::from_utf8(head).map_err(|_| FormError::Head("is not UTF-8"))?;
        let (mut found, mut kinds) = (None, 0);
        for line in text.split("\r\n") {
            if line.chars().any(char::is_control) {
                return Err(FormError::Head("has a control character in its headers"));
            }
            let (name, value) = line
                .split_once(':')
                .ok_or(FormError::Head("has a line that is no header"))?;
            if name.eq_ignore_ascii_case("content-disposition") && found.is_none() {
                found = Some(Self::of_value(value.trim())?);
            } else if name.eq_ignore_ascii_case("content-type") && kinds == 0 {
                kinds += 1;
                if memchr::memmem::find(value.to_ascii_lowercase().as_bytes(), b"multipart")
                    .is_some()
                {
                    return Err(FormError::Head("is a form itself"));
                }
            } else {
                return Err(FormError::Head(
                    "has other headers than one `Content-Disposition` and one `Content-Type`",
                ));
            }
        }
        found.ok_or(FormError::Head("has no `Content-Disposition`"))
    }

    fn of_value(value: &'h str) -> Result<Self, FormError> {
        const ODD: FormError = FormError::Head(
            "has a `Content-Disposition` other than `form-data; name=\"…\"; filename=\"…\"`",
        );
        let mut rest = value.strip_prefix("form-data").ok_or(ODD)?;
        let (mut name, mut is_file) = (None, false);
        while !rest.is_empty() {
            let parameter = rest
                .strip_prefix(';')
                .ok_or(ODD)?
                .trim_start_matches([' ', '\t']);
            let (called, quoted) = parameter.split_once("=\"").ok_or(ODD)?;
            let (text, after) = quoted.split_once('"').ok_or(ODD)?;
            // Readers differ in whether a backslash escapes.
            if text.contains('\\') {
                return Err(ODD);
            }
            match called {
                "name" if name.is_none() && !text.is_empty() => name = Some(text),
                "filename" if !is_file => is_file = true,
                _ => return Err(ODD),
            }
            rest = after;
        }
        let name = name.ok_or(ODD)?;
        Ok(Self { name, is_file })
    }
}

/// What stands before and after the first place of `mark`.
fn split<'b>(bytes: &'b [u8], mark: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = memchr::memmem::find(bytes, mark)?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
