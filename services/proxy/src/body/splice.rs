//! Changes a few members of a body and leaves every other byte as it was.

use std::ops::Range;

use bytes::Bytes;

use crate::body::members::Place;

/// Changes to be made to one body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Writes a member; `value` is JSON text.
    pub fn set(&mut self, place: &Place, name: &str, value: &str) {
        self.0.push(match place {
            Place::Value(range) => (range.clone(), value.to_owned()),
            Place::First { at, more } => {
                let comma = if *more { "," } else { "" };
                (*at..*at, ["\"", name, "\":", value, comma].concat())
            }
        });
    }

    /// Takes out what stands here.
    pub fn cut(&mut self, range: Range<usize>) {
        self.0.push((range, String::new()));
    }

    /// Whether nothing is to be changed.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The body with the changes made. Without any, the very same bytes.
    #[must_use]
    pub fn apply(mut self, body: Bytes) -> Bytes {
        if self.0.is_empty() {
            return body;
        }
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let added: usize = self.0.iter().map(|(_, text)| text.len()).sum();
        let mut changed = Vec::with_capacity(body.len() + added);
        let mut copied = 0;
        for (range, text) in &self.0 {
            changed.extend_from_slice(body.get(copied..range.start).unwrap_or_default());
            changed.extend_from_slice(text.as_bytes());
            copied = range.end;
        }
        changed.extend_from_slice(body.get(copied..).unwrap_or_default());
        changed.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::body::members::Members;

    fn edited(body: &'static str, changes: &[(&'static str, &str)]) -> String {
        let members = Members::of_body(body.as_bytes(), &[]).unwrap();
        let mut edits = Edits::default();
        for (name, value) in changes {
            edits.set(&members.place(name), name, value);
        }
        String::from_utf8(edits.apply(Bytes::from_static(body.as_bytes())).to_vec()).unwrap()
    }

    #[test]
    fn only_the_changed_members_differ() {
        let body = r#"  { "model" : "é\u00e9", "stream":true ,"max":null}"#;
        assert_eq!(
            edited(body, &[("max", "7"), ("stream", "false")]),
            r#"  { "model" : "é\u00e9", "stream":false ,"max":7}"#
        );
    }

    #[test]
    fn a_member_that_was_not_there_stands_first() {
        assert_eq!(edited(r#"{"a":1}"#, &[("b", "2")]), r#"{"b":2,"a":1}"#);
        assert_eq!(edited("{ }", &[("b", "2")]), r#"{"b":2 }"#);
        let both: Value =
            serde_json::from_str(&edited(r#"{"a":1}"#, &[("b", "2"), ("c", "3")])).unwrap();
        assert_eq!(both, json!({"a": 1, "b": 2, "c": 3}));
    }

    #[test]
    fn members_are_cut_out_with_one_comma_each() {
        for (body, expected) in [
            (r#"{"a":1,"x":2,"b":3}"#, r#"{"a":1,"b":3}"#),
            (r#"{ "x" : 2 , "a" : 1 }"#, r#"{ "a" : 1 }"#),
            (r#"{"x":[1,2],"y":{},"a":1}"#, r#"{"a":1}"#),
            (r#"{"x":2,"a":1,"y":3}"#, r#"{"a":1}"#),
            (r#"{"a":1 ,"x":2, "y":3 }"#, r#"{"a":1 }"#),
            (r#"{"x":2}"#, "{}"),
            (r#"{"a":1}"#, r#"{"a":1}"#),
        ] {
            let members = Members::of_body(body.as_bytes(), &[]).unwrap();
            let mut edits = Edits::default();
            for range in members.without(&["x", "y"]) {
                edits.cut(range);
            }
            let cut = edits.apply(Bytes::from_static(body.as_bytes()));
            assert_eq!(std::str::from_utf8(&cut).unwrap(), expected);
        }
    }

    #[test]
    fn without_changes_nothing_is_copied() {
        let body = Bytes::from(vec![b'{', b'}']);
        let same = Edits::default().apply(body.clone());
        assert_eq!(same.as_ptr(), body.as_ptr());
    }
}
