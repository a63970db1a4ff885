//! Watches an answer for the provider key: whatever a provider sends back, the key does not pass.
//!
//! A piece of eight characters is enough to be stopped. Looking at every byte would cost more than
//! the rest of the gate, so only every sixth place is looked at: a piece of eight characters
//! always has three of its characters at one of them.

use std::sync::Arc;

use smallvec::SmallVec;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A run of this many characters of the key is a leak.
pub(super) const PIECE: usize = 8;
/// The distance between two places that are looked at, such that every piece holds one of them
/// with two characters after it.
const STRIDE: usize = PIECE - 2;

/// Keys are made of ASCII. Another byte is taken for one of it, which is found out when it matters.
const ASCII: usize = 128;

const fn place_of(byte: u8) -> usize {
    byte as usize % ASCII
}

/// What providers put before the secret part of a key; it is no secret, and people write about it.
const PUBLIC_PREFIXES: [&str; 14] = [
    "sk-ant-api03-",
    "sk-ant-admin01-",
    "sk-ant-oat01-",
    "sk-ant-",
    "sk-svcacct-",
    "sk-service-",
    "sk-admin-",
    "sk-proj-",
    "sk-or-v1-",
    "sk-",
    "gsk_",
    "tgp_v1_",
    "AIzaSy",
    "AQ.",
];

/// Knows one provider key, for the time of one call.
pub struct KeyWatch {
    known: Arc<KnownKey>,
    /// The end of what was seen before. For most keys it stands here, with the beginning of what comes.
    tail: SmallVec<[u8; 2 * PIECE]>,
}

/// What is to be known of a key for watching over it; the calls that it pays for share it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct KnownKey {
    /// The key without its public prefix.
    secret: Vec<u8>,
    /// For each byte of ASCII, at which places of the secret it stands (places modulo 32). Small, for
    /// the pieces of a stream that come when all of it has left the processor's memory.
    places: [u32; ASCII],
    /// How much of what was seen can be the beginning of a leak that is not yet one.
    overlap: usize,
}

impl KnownKey {
    /// Of this key.
    #[must_use]
    pub fn new(key: &str) -> Self {
        let prefix = PUBLIC_PREFIXES
            .iter()
            .find(|prefix| key.starts_with(**prefix));
        let rest = key
            .get(prefix.map_or(0, |prefix| prefix.len())..)
            .unwrap_or(key);
        // A key that is hardly more than its prefix is secret as a whole.
        let secret = if rest.len() >= PIECE { rest } else { key }
            .as_bytes()
            .to_vec();
        let mut places = [0_u32; ASCII];
        for (at, byte) in secret.iter().enumerate() {
            places[place_of(*byte)] |= 1 << (at % 32);
        }
        let overlap = if each_piece_is_distinctive(&secret) {
            PIECE - 1
        } else {
            // It may take all of the secret to tell that it is one.
            secret.len().saturating_sub(1)
        };
        Self {
            secret,
            places,
            overlap,
        }
    }
}

impl KeyWatch {
    /// A watch for a key, that has seen nothing yet.
    #[must_use]
    pub fn over(known: Arc<KnownKey>) -> Self {
        Self {
            known,
            tail: SmallVec::new(),
        }
    }

    /// A watch for the same key that has seen nothing yet.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::over(Arc::clone(&self.known))
    }

    /// Whether the key, or a piece of it, stands in these bytes alone.
    #[must_use]
    pub fn finds_in(&self, bytes: &[u8]) -> bool {
        let places = &self.known.places;
        let place = |byte: u8| places[place_of(byte)];
        for (nth, stride) in bytes.chunks(STRIDE).enumerate() {
            if let [first, second, third, ..] = *stride
                && place(first).rotate_left(2) & place(second).rotate_left(1) & place(third) != 0
                && self.is_piece_around(bytes, nth * STRIDE)
            {
                return true;
            }
        }
        false
    }

    /// Whether the next bytes of a stream bring the key, or a piece of it, to its end: pieces that
    /// the network cut are found too. At most seven of its characters have gone by before.
    pub fn finds_next(&mut self, bytes: &[u8]) -> bool {
        let overlap = self.known.overlap;
        if self.tail.is_empty() {
            let kept = bytes.len().saturating_sub(overlap);
            self.tail
                .extend_from_slice(bytes.get(kept..).unwrap_or_default());
            return self.finds_in(bytes);
        }
        let head = bytes.len().min(overlap);
        self.tail
            .extend_from_slice(bytes.get(..head).unwrap_or_default());
        let found = self.finds_in(&self.tail);
        if head == bytes.len() {
            // Few bytes: all of them have been looked at.
            let too_much = self.tail.len().saturating_sub(overlap);
            self.tail.drain(..too_much);
            return found;
        }
        self.tail.clear();
        let kept = bytes.len() - overlap;
        self.tail
            .extend_from_slice(bytes.get(kept..).unwrap_or_default());
        found || self.finds_in(bytes)
    }

    /// Whether the bytes around this place are a piece of the key.
    fn is_piece_around(&self, bytes: &[u8], at: usize) -> bool {
        let Some(three) = bytes.get(at..at + 3) else {
            return false;
        };
        let secret = &self.known.secret;
        let starts = secret
            .windows(3)
            .enumerate()
            .filter(|(_, window)| *window == three);
        starts.map(|(start, _)| start).any(|start| {
            let before = same_at_the_end(bytes.get(..at), secret.get(..start));
            let after = same_at_the_start(bytes.get(at..), secret.get(start..));
            let run = secret
                .get(start - before..start + after)
                .unwrap_or_default();
            run.len() == secret.len() || (run.len() >= PIECE && is_distinctive(run))
        })
    }
}

impl Drop for KeyWatch {
    fn drop(&mut self) {
        // What was there before stands behind its end.
        let room = self.tail.capacity();
        self.tail.resize(room, 0);
        self.tail.as_mut_slice().zeroize();
    }
}

fn same_at_the_end(one: Option<&[u8]>, other: Option<&[u8]>) -> usize {
    let pairs = one
        .unwrap_or_default()
        .iter()
        .rev()
        .zip(other.unwrap_or_default().iter().rev());
    pairs.take_while(|(one, other)| one == other).count()
}

fn same_at_the_start(one: Option<&[u8]>, other: Option<&[u8]>) -> usize {
    let pairs = one
        .unwrap_or_default()
        .iter()
        .zip(other.unwrap_or_default());
    pairs.take_while(|(one, other)| one == other).count()
}

/// Whether a piece can only come from a key. Words in one case are in many texts (a key of a test
/// may hold some); letters in both cases or letters and digits together, as keys are made, are not.
fn is_distinctive(run: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| u8::from(run.iter().any(kind));
    has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit) >= 2
}

/// Whether it takes no more than a piece of the secret, whichever, to be a leak.
fn each_piece_is_distinctive(secret: &[u8]) -> bool {
    // Of each kind: how many characters lie since the last one.
    let mut since = [PIECE; 3];
    for (at, byte) in secret.iter().enumerate() {
        let kinds = [
            byte.is_ascii_lowercase(),
            byte.is_ascii_uppercase(),
            byte.is_ascii_digit(),
        ];
        for (since, is_there) in since.iter_mut().zip(kinds) {
            *since = if is_there { 0 } else { *since + 1 };
        }
        let kinds_in_piece = since.iter().filter(|since| **since < PIECE).count();
        if at + 1 >= PIECE && kinds_in_piece < 2 {
            return false;
        }
    }
    secret.len() >= PIECE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl KeyWatch {
        pub fn new(key: &str) -> Self {
            Self::over(Arc::new(KnownKey::new(key)))
        }
    }

    const KEY: &str = "sk-proj-aB3dE5gH7jK9mN1pQ3sT5vX7zA9cE1gI3kM5oQ7sU9wY";

    #[test]
    fn the_key_and_each_piece_of_eight_is_found_wherever_it_stands() {
        let secret = &KEY["sk-proj-".len()..];
        let watch = KeyWatch::new(KEY);
        for start in 0..=secret.len() - PIECE {
            for lead in 0..STRIDE * 2 {
                let text = format!("{}{}\"", "x".repeat(lead), &secret[start..start + PIECE]);
                assert!(watch.finds_in(text.as_bytes()), "{start} {lead}");
            }
        }
        assert!(watch.finds_in(KEY.as_bytes()));
    }

    #[test]
    fn a_key_that_the_network_cut_is_found() {
        let text = format!("data: {{\"key\":\"{KEY}\"}}\n\n");
        for first in 0..text.len() {
            for step in [1, 3, 7, 50] {
                let mut watch = KeyWatch::new(KEY);
                let mut found = watch.finds_next(&text.as_bytes()[..first]);
                for piece in text.as_bytes()[first..].chunks(step) {
                    found |= watch.finds_next(piece);
                }
                assert!(found, "{first} {step}");
            }
        }
    }

    #[test]
    fn not_more_than_seven_characters_go_by() {
        let secret = &KEY["sk-proj-".len()..];
        let mut watch = KeyWatch::new(KEY);
        assert!(!watch.finds_next(format!("a text before, and then {}", &secret[..7]).as_bytes()));
        assert!(watch.finds_next(&secret.as_bytes()[7..8]));
    }

    #[test]
    fn ordinary_text_passes() {
        let mut watch = KeyWatch::new(KEY);
        for text in [
            "my key begins with sk-proj- and",
            "sk-proj-",
            "aB3dE5g",
            "",
            "{\"usage\":{}}",
        ] {
            assert!(!watch.finds_next(text.as_bytes()), "{text}");
        }
        // A key made of words, as tests have them, does not stop those words, only itself.
        let mut words = KeyWatch::new("sk-test-key-of-the-simulator");
        assert!(!words.finds_next(b"this is the answer of-the-simulator, test-key"));
        assert!(words.finds_next(b"it was sk-test-key-of-the-simulator!"));
    }

    proptest! {
        #[test]
        fn a_secret_whose_pieces_are_all_distinctive_is_known(secret in "[aB3-]{0,12}|[aB3]-{5,8}[aB3]{1,9}") {
            let mut pieces = secret.as_bytes().windows(PIECE);
            let all = secret.len() >= PIECE && pieces.all(is_distinctive);
            prop_assert_eq!(each_piece_is_distinctive(secret.as_bytes()), all);
        }

        #[test]
        fn a_stream_is_found_to_leak_as_soon_as_its_text_does(
            key in "[aB3]{8,20}|[aB3-]{8,20}|[aB]-{6,9}[aB3]{8}|[a-c]{8,14}",
            parts in prop::collection::vec((0_usize..20, 0_usize..12, "[aB3-]{0,3}"), 1..12),
        ) {
            let mut watch = KeyWatch::new(&key);
            let mut text = String::new();
            for (start, length, between) in parts {
                let end = (start + length).min(key.len());
                let piece = format!("{}{between}", &key[start.min(end)..end]);
                text.push_str(&piece);
                let whole = KeyWatch::new(&key).finds_in(text.as_bytes());
                prop_assert_eq!(watch.finds_next(piece.as_bytes()), whole, "{}", text);
                if whole {
                    break;
                }
            }
        }

        #[test]
        fn the_same_is_found_as_by_looking_at_every_byte(
            text in "[aB3dE5]{0,60}",
            start in 0_usize..40,
            length in 0_usize..12,
        ) {
            let secret = &KEY["sk-proj-".len()..];
            let end = (start + length).min(secret.len());
            let text = format!("{text}{}{text}", secret.get(start.min(end)..end).unwrap_or_default());
            let pieces = secret.as_bytes().windows(PIECE);
            let plain = pieces.into_iter().any(|piece| memchr::memmem::find(text.as_bytes(), piece).is_some());
            prop_assert_eq!(KeyWatch::new(KEY).finds_in(text.as_bytes()), plain);
        }
    }
}
