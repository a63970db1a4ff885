//! How deep a body is nested. Reading its top level passes over what is below, however deep that
//! is, but a provider's reader may break on it.

use memchr::memchr2;

/// The most levels of a body, itself the first: about what readers of JSON take at the most.
pub(super) const DEEPEST: usize = 128;

/// Whether this text, known to be JSON, has more levels of objects and arrays. Strings, which are
/// the most of it, are leapt over.
pub(super) fn is_deeper_than(levels: usize, json: &str) -> bool {
    let (mut level, mut rest) = (0_usize, json.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => rest = behind_string(rest),
            b'{' | b'[' if level == levels => return true,
            b'{' | b'[' => level += 1,
            b'}' | b']' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// What follows the string whose inside begins here.
fn behind_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        let is_escape = rest.get(at) == Some(&b'\\');
        rest = rest
            .get(at + 1 + usize::from(is_escape)..)
            .unwrap_or_default();
        if !is_escape {
            break;
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// As a person would count it.
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(inner) => 1 + inner.iter().map(depth).max().unwrap_or(0),
            Value::Object(inner) => 1 + inner.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let text = "[a\"\\\\\\[\\]{}]{0,6}";
        let leaf = prop_oneof![Just(Value::Null), text.prop_map(Value::from)];
        leaf.prop_recursive(6, 40, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(text, inner, 0..4)
                    .prop_map(|members| Value::from(serde_json::Map::from_iter(members))),
            ]
        })
    }

    proptest! {
        #[test]
        fn levels_are_counted_as_a_full_reader_counts_them(value in json()) {
            let (text, levels) = (value.to_string(), depth(&value));
            prop_assert!(!is_deeper_than(levels, &text), "{}", text);
            if let Some(fewer) = levels.checked_sub(1) {
                prop_assert!(is_deeper_than(fewer, &text), "{}", text);
            }
        }
    }
}
