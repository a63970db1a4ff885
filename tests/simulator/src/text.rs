//! The text of an answer, and its parting into chunks.

use std::borrow::Cow;

use crate::script::Script;

/// Twelve words, which is what an answer has when no script speaks: one word is one token.
const PLAIN: &str = "This answer comes from the provider simulator and means nothing at all.";
const WORDS: [&str; 12] = [
    "This",
    "answer",
    "comes",
    "from",
    "the",
    "provider",
    "simulator",
    "and",
    "means",
    "nothing",
    "at",
    "all.",
];
/// From here on more tokens make no longer text.
const MOST_WORDS: u64 = 10_000;
/// Chunks of a stream when no script says how many.
const MOST_PLAIN_CHUNKS: u64 = 50;

/// The text of an answer of so many tokens.
pub fn write(tokens: u64, script: &Script, echo: Option<&str>) -> Cow<'static, str> {
    let natural = match echo {
        Some(echo) => Cow::Owned(echo.to_owned()),
        None if tokens == WORDS.len() as u64 => Cow::Borrowed(PLAIN),
        None => {
            let count = usize::try_from(tokens.min(MOST_WORDS)).unwrap_or_default();
            let words: Vec<&str> = WORDS.iter().copied().cycle().take(count).collect();
            Cow::Owned(words.join(" "))
        }
    };
    if natural.len() >= script.body_bytes {
        return natural;
    }
    let mut padded = natural.into_owned();
    padded.reserve_exact(script.body_bytes - padded.len() + PLAIN.len() + 1);
    while padded.len() < script.body_bytes {
        padded.push(' ');
        padded.push_str(PLAIN);
    }
    padded.truncate(script.body_bytes);
    Cow::Owned(padded)
}

/// How many chunks of content a stream of so many tokens has.
pub fn chunk_count(tokens: u64, script: &Script) -> u32 {
    let plain = u32::try_from(tokens.clamp(1, MOST_PLAIN_CHUNKS)).unwrap_or(1);
    script.chunks.unwrap_or(plain)
}

/// Parts a text into exactly so many chunks: between words while there are enough words for that,
/// else anywhere between characters.
pub fn part(text: &str, chunks: u32) -> Vec<&str> {
    let chunks = chunks as usize;
    let ends: Vec<usize> = text
        .match_indices(' ')
        .map(|(at, _)| at + 1)
        .chain(std::iter::once(text.len()))
        .collect();
    let mut begin = 0;
    (1..=chunks)
        .map(|chunk| {
            let end = if ends.len() >= chunks {
                ends.get(ends.len() * chunk / chunks - 1)
                    .copied()
                    .unwrap_or(text.len())
            } else {
                text.floor_char_boundary(text.len() * chunk / chunks)
            };
            let piece = text.get(begin..end).unwrap_or_default();
            begin = end;
            piece
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(json: &str) -> Script {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn one_token_is_one_word() {
        assert_eq!(write(12, &Script::default(), None), WORDS.join(" "));
        assert_eq!(write(3, &Script::default(), None), "This answer comes");
        assert_eq!(write(0, &Script::default(), None), "");
    }

    #[test]
    fn padding_is_exact_and_adds_no_tokens() {
        let text = write(12, &script(r#"{"body_bytes":1000}"#), None);
        assert_eq!(text.len(), 1000);
        assert!(text.starts_with(PLAIN));
    }

    #[test]
    fn chunks_are_as_many_as_asked_for_and_make_the_whole_text() {
        for text in [PLAIN, "größer als nichts", ""] {
            for chunks in [1, 2, 7, 12, 50] {
                let pieces = part(text, chunks);
                assert_eq!(pieces.len(), chunks as usize);
                assert_eq!(pieces.concat(), text);
            }
        }
        assert_eq!(part(PLAIN, 12).first().copied(), Some("This "));
        assert!(part(PLAIN, 0).is_empty());
    }
}
