//! What is said to a script and what it answers: some thirty short texts for a call, in one piece of
//! memory instead of thirty.

use std::ops::Range;

use redis::{RedisWrite, ToRedisArgs};

/// Texts in their order.
#[derive(Debug, Default)]
pub(crate) struct Words {
    text: String,
    /// Where in it each stands.
    places: Vec<Range<usize>>,
}

impl Words {
    /// None yet, and room for as many with as many bytes.
    pub(crate) fn with_capacity(words: usize, bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            places: Vec::with_capacity(words),
        }
    }

    /// The parts of a text between single spaces.
    pub(crate) fn split(text: String, usual: usize) -> Self {
        let mut places = Vec::with_capacity(usual);
        let mut start = 0;
        for end in memchr::memchr_iter(b' ', text.as_bytes()).chain([text.len()]) {
            places.push(start..end);
            start = end + 1;
        }
        Self { text, places }
    }

    pub(crate) fn push(&mut self, word: &str) {
        self.write(|text| text.push_str(word));
    }

    pub(crate) fn number(&mut self, number: impl itoa::Integer) {
        self.push(itoa::Buffer::new().format(number));
    }

    /// Adds what is written to the end of the text that it is given.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        self.places.push(start..self.text.len());
    }

    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        self.text.get(self.places.get(index)?.clone())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let word = |place: &Range<usize>| self.text.get(place.clone()).unwrap_or_default();
        self.places.iter().map(word)
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// How many bytes they have together.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }
}

impl<Word: AsRef<str>> FromIterator<Word> for Words {
    fn from_iter<Iter: IntoIterator<Item = Word>>(words: Iter) -> Self {
        let mut all = Self::default();
        words.into_iter().for_each(|word| all.push(word.as_ref()));
        all
    }
}

impl<const COUNT: usize> From<[String; COUNT]> for Words {
    fn from(words: [String; COUNT]) -> Self {
        words.into_iter().collect()
    }
}

impl ToRedisArgs for Words {
    fn write_redis_args<Out: ?Sized + RedisWrite>(&self, out: &mut Out) {
        self.iter().for_each(|word| out.write_arg(word.as_bytes()));
    }

    fn num_of_args(&self) -> usize {
        self.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_splits_as_any_would(text in "[a-z ]{0,30}") {
            let words = Words::split(text.clone(), 4);
            prop_assert!(words.iter().eq(text.split(' ')));
            prop_assert_eq!(words.get(words.len() - 1), text.split(' ').next_back());
            prop_assert_eq!(words.get(words.len()), None);
        }

        #[test]
        fn what_is_added_stands_there_in_its_order(added in proptest::collection::vec("[^x]{0,5}", 0..9), number: i64) {
            let mut words: Words = added.iter().collect();
            words.number(number);
            let expected: Vec<_> = added.into_iter().chain([number.to_string()]).collect();
            prop_assert!(words.iter().eq(&expected));
            prop_assert_eq!(words.bytes(), expected.concat().len());
            let sent: Vec<Vec<u8>> = words.to_redis_args();
            prop_assert!(sent.iter().eq(expected.iter().map(String::as_bytes)));
        }
    }
}
