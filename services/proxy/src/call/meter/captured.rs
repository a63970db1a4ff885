//! Picks a few members out of the top level of a JSON text that goes by in pieces.

/// A longer value is not kept.
const LONGEST_VALUE: usize = 64 * 1024;
/// Room for a usage as it mostly is.
const USUAL_VALUE: usize = 512;
/// No name that is looked for is longer.
const LONGEST_NAME: usize = 32;

/// The members found so far.
#[derive(Debug)]
pub struct Captured {
    wanted: &'static [&'static str],
    found: Vec<(&'static str, Vec<u8>)>,
    /// How many brackets are open.
    depth: u32,
    /// At which depth the members stand: 1, or 2 where the text is a list of objects.
    level: u32,
    string: Option<InString>,
    /// The next string at this level is a name.
    name_comes: bool,
    name: Vec<u8>,
    /// The member whose value is going by.
    open: Option<&'static str>,
    value: Vec<u8>,
}

/// Inside of a string.
#[derive(Debug, Clone, Copy, Default)]
struct InString {
    escaped: bool,
    is_name: bool,
}

impl Captured {
    /// Looks for these members.
    #[must_use]
    pub fn new(wanted: &'static [&'static str]) -> Self {
        Self {
            wanted,
            found: Vec::new(),
            depth: 0,
            level: 1,
            string: None,
            name_comes: false,
            name: Vec::with_capacity(2 * LONGEST_NAME),
            open: None,
            value: Vec::new(),
        }
    }

    /// The JSON text of a member, the last one where a list of objects holds it several times.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.found
            .iter()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.as_slice())
    }

    /// Reads the next piece.
    pub fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let read = match self.string {
                Some(inside) => self.read_string(inside, bytes),
                None => self.read_structure(bytes),
            };
            bytes = bytes.get(read..).unwrap_or_default();
        }
    }

    /// Reads within a string, to its end or to the end of the piece.
    fn read_string(&mut self, mut inside: InString, bytes: &[u8]) -> usize {
        let mut read = 0;
        if inside.escaped {
            inside.escaped = false;
            read = 1;
        }
        loop {
            let rest = bytes.get(read..).unwrap_or_default();
            match memchr::memchr2(b'"', b'\\', rest) {
                None => {
                    read = bytes.len();
                    self.string = Some(inside);
                    break;
                }
                Some(at) if rest.get(at) == Some(&b'"') => {
                    read += at + 1;
                    self.string = None;
                    break;
                }
                Some(at) => {
                    read += at + 2;
                    if read > bytes.len() {
                        read = bytes.len();
                        inside.escaped = true;
                        self.string = Some(inside);
                        break;
                    }
                }
            }
        }
        let piece = bytes.get(..read).unwrap_or_default();
        self.keep(piece);
        if inside.is_name && self.name.len() <= LONGEST_NAME {
            self.name.extend_from_slice(
                piece
                    .get(..piece.len().min(LONGEST_NAME + 1))
                    .unwrap_or_default(),
            );
        }
        read
    }

    /// Reads outside of strings, to the next string or to the end of the piece.
    fn read_structure(&mut self, bytes: &[u8]) -> usize {
        // Up to here it is kept, where it belongs to a value that is wanted.
        let mut kept = 0;
        let until = |kept: usize, end: usize| bytes.get(kept..end).unwrap_or_default();
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'"' => {
                    let is_name = self.name_comes && self.depth == self.level;
                    self.string = Some(InString {
                        escaped: false,
                        is_name,
                    });
                    self.name_comes = false;
                    if is_name {
                        self.name.clear();
                    }
                    self.keep(until(kept, at + 1));
                    return at + 1;
                }
                b'{' | b'[' => self.opened(*byte),
                b'}' | b']' => {
                    if self.depth == self.level {
                        self.keep(until(kept, at));
                        kept = at;
                        self.end_value();
                        self.name_comes = false;
                    }
                    self.depth = self.depth.saturating_sub(1);
                }
                b',' if self.depth == self.level => {
                    self.keep(until(kept, at));
                    kept = at + 1;
                    self.end_value();
                    self.name_comes = true;
                }
                b':' if self.depth == self.level && self.open.is_none() => {
                    kept = at + 1;
                    self.begin_value();
                }
                _ => {}
            }
        }
        self.keep(until(kept, bytes.len()));
        bytes.len()
    }

    fn opened(&mut self, byte: u8) {
        if self.depth == 0 {
            self.level = if byte == b'[' { 2 } else { 1 };
        }
        self.depth += 1;
        if self.depth == self.level && byte == b'{' {
            self.name_comes = true;
        }
    }

    fn begin_value(&mut self) {
        let name = self.name.strip_suffix(b"\"").unwrap_or(&self.name);
        self.open = self
            .wanted
            .iter()
            .find(|wanted| wanted.as_bytes() == name)
            .copied();
        self.value.clear();
        if self.open.is_some() {
            self.value.reserve(USUAL_VALUE);
        }
    }

    fn end_value(&mut self) {
        let Some(name) = self.open.take() else { return };
        let value = std::mem::take(&mut self.value);
        if value.len() > LONGEST_VALUE {
            return;
        }
        match self.found.iter_mut().find(|(found, _)| *found == name) {
            Some((_, earlier)) => *earlier = value,
            None => self.found.push((name, value)),
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.open.is_some() && self.value.len() <= LONGEST_VALUE {
            self.value.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn capture(text: &str, cuts: &[usize]) -> Captured {
        let mut captured = Captured::new(&["usage", "other"]);
        let mut from = 0;
        for cut in cuts.iter().copied().chain([text.len()]) {
            captured.read(&text.as_bytes()[from..cut]);
            from = cut;
        }
        captured
    }

    fn usage(captured: &Captured) -> Option<Value> {
        captured
            .value("usage")
            .map(|json| serde_json::from_slice(json).unwrap())
    }

    #[test]
    fn only_the_top_level_counts_wherever_the_text_is_cut() {
        let text = r#" { "a\"usage" : {"usage":{"x":1}}, "b":["usage",{"usage":2}] , "usage" : { "t" : [1,"},\"usage\":{"] } , "c":"usage"}"#;
        for first in 0..text.len() {
            for second in (first..text.len()).step_by(7) {
                let found = usage(&capture(text, &[first, second]));
                assert_eq!(
                    found,
                    Some(json!({"t": [1, "},\"usage\":{"]})),
                    "{first} {second}"
                );
            }
        }
    }

    #[test]
    fn of_a_list_of_objects_the_last_counts() {
        let text = r#"[{"usage":{"n":1}},
        {"x":[{"usage":{"n":9}}],"usage":{"n":2}}]"#;
        for cut in 0..text.len() {
            assert_eq!(
                usage(&capture(text, &[cut])),
                Some(json!({"n": 2})),
                "{cut}"
            );
        }
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let text = format!(r#"{{"usage":"{}"}}"#, "x".repeat(LONGEST_VALUE + 1));
        assert!(capture(&text, &[5]).value("usage").is_none());
        let text = format!(r#"{{"{}":1,"usage":2}}"#, "x".repeat(100_000));
        assert_eq!(usage(&capture(&text, &[50_000])), Some(json!(2)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_grow(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut captured = Captured::new(&["usage"]);
            captured.read(&bytes);
            captured.read(&bytes);
        }
    }
}
