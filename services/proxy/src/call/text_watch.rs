//! Watches for the provider key in what a stream of events spells out, piece by piece.

use smallvec::SmallVec;

use crate::{call::key_watch::KeyWatch, provider::Endpoint};

/// Watches the texts that a stream of events spells out: a key that comes in small pieces, each in
/// an event of its own, is a key all the same.
pub struct TextWatch {
    /// The members that hold the next piece of a text, without the mark that ends their name.
    members: &'static [&'static [u8]],
    /// What those of them that came held before: most streams spell out one text.
    texts: SmallVec<[(&'static [u8], KeyWatch); 1]>,
    unseen: KeyWatch,
}

impl TextWatch {
    /// A watch over the events of an endpoint: its answer, what it thought, and what it gives tools.
    #[must_use]
    pub fn new(watch: &KeyWatch, endpoint: Endpoint) -> Self {
        let members: &[&[u8]] = match endpoint {
            Endpoint::ChatCompletions => &[
                b"\"content",
                b"\"reasoning",
                b"\"reasoning_content",
                b"\"refusal",
                b"\"arguments",
                b"\"transcript",
                b"\"text",
            ],
            Endpoint::Responses | Endpoint::Transcriptions => &[b"\"delta"],
            Endpoint::Messages => &[b"\"text", b"\"thinking", b"\"partial_json"],
            _ => &[b"\"text", b"\"code", b"\"output"],
        };
        Self {
            members,
            texts: SmallVec::new(),
            unseen: watch.another(),
        }
    }

    /// Whether the texts of these events bring the key, or a piece of it, to its end.
    pub fn finds_in_events(&mut self, lines: &[u8]) -> bool {
        for colon in memchr::memchr_iter(b':', lines) {
            let (name, value) = lines.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii_start();
            let Some(text) = value.strip_prefix(b"\"") else {
                continue;
            };
            let Some(name) = name.trim_ascii_end().strip_suffix(b"\"") else {
                continue;
            };
            // Most names differ in their last character; that much is compared without a call.
            let mut members = self.members.iter();
            let named =
                members.find(|member| name.last() == member.last() && name.ends_with(member));
            let Some(member) = named else {
                continue;
            };
            // A key has no character that is escaped, so a text ends for it at the first mark.
            let end = memchr::memchr(b'"', text).unwrap_or(text.len());
            let piece = text.get(..end).unwrap_or_default();
            if self.watch_over(member).finds_next(piece) {
                return true;
            }
        }
        false
    }

    fn watch_over(&mut self, member: &'static [u8]) -> &mut KeyWatch {
        if self.texts.iter().all(|(name, _)| *name != member) {
            self.texts.push((member, self.unseen.another()));
        }
        let mut texts = self.texts.iter_mut();
        let text = texts.find(|(name, _)| *name == member);
        text.map_or(&mut self.unseen, |(_, watch)| watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::key_watch::PIECE;

    const KEY: &str = "sk-proj-aB3dE5gH7jK9mN1pQ3sT5vX7zA9cE1gI3kM5oQ7sU9wY";

    #[test]
    fn a_key_in_small_pieces_is_found_before_its_eighth_character() {
        let secret = &KEY["sk-proj-".len()..];
        for (endpoint, before, after) in [
            (
                Endpoint::ChatCompletions,
                r#"{"delta":{"content": ""#,
                r#""}}"#,
            ),
            (
                Endpoint::ChatCompletions,
                r#"{"delta":{"reasoning_content":""#,
                r#""}}"#,
            ),
            (
                Endpoint::ChatCompletions,
                r#"{"function":{"arguments":""#,
                r#""}}"#,
            ),
            (
                Endpoint::Responses,
                r#"{"type":"response.function_call_arguments.delta","delta":""#,
                r#""}"#,
            ),
            (
                Endpoint::Messages,
                r#"{"delta":{"type":"thinking_delta","thinking":""#,
                r#""}}"#,
            ),
            (
                Endpoint::Messages,
                r#"{"delta":{"type":"input_json_delta","partial_json" : ""#,
                r#""}}"#,
            ),
            (
                Endpoint::StreamGenerateContent,
                r#"{"parts":[{"text":""#,
                r#"","thought":true}]}"#,
            ),
        ] {
            for size in 1..8 {
                let mut texts = TextWatch::new(&KeyWatch::new(KEY), endpoint);
                let mut passed = 0;
                for piece in secret.as_bytes().chunks(size) {
                    let piece = std::str::from_utf8(piece).unwrap();
                    let event = format!("data: {before}{piece}{after}\n\n");
                    if texts.finds_in_events(event.as_bytes()) {
                        break;
                    }
                    passed += piece.len();
                }
                assert!(passed < PIECE, "{before} {size}: {passed}");
            }
        }
        let mut texts = TextWatch::new(&KeyWatch::new(KEY), Endpoint::Messages);
        assert!(!texts.finds_in_events(b"data: {\"text\":\"hello\"}\n\ndata: {\"text\":null}\n\n"));
    }

    #[test]
    fn texts_that_run_side_by_side_are_watched_each_by_itself() {
        let secret = &KEY["sk-proj-".len()..];
        let mut texts = TextWatch::new(&KeyWatch::new(KEY), Endpoint::ChatCompletions);
        let found = secret.as_bytes().chunks(4).any(|piece| {
            let piece = std::str::from_utf8(piece).unwrap();
            let event = format!("data: {{\"reasoning\":\"{piece}\",\"content\":\"a word\"}}\n\n");
            texts.finds_in_events(event.as_bytes())
        });
        assert!(found);
    }
}
