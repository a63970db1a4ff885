//! The events of a stream on their way through: whole lines, without what the app did not ask for,
//! and never with the key.

use bytes::{Bytes, BytesMut};

use crate::call::{
    meter::{Lines, Meter},
    text_watch::TextWatch,
};

/// A longer line is passed on in parts, whatever it is.
const LONGEST_HELD: usize = 1024 * 1024;

/// Lets whole lines pass. What an app could not read yet, it does not miss.
pub(crate) struct Events {
    lines: Lines,
    held: usize,
    texts: TextWatch,
    /// Leave out the event that tells nothing but the usage.
    hides_usage: bool,
    /// The blank line after the hidden one has not come yet.
    skip_blank: bool,
}

/// The key was found.
pub(crate) struct Leak;

impl Events {
    pub(crate) fn new(texts: TextWatch, hides_usage: bool) -> Self {
        Self {
            lines: Lines::default(),
            held: 0,
            texts,
            hides_usage,
            skip_blank: false,
        }
    }

    /// Has the meter read whole lines; gives what of them goes on.
    pub(crate) fn pass(&mut self, bytes: &Bytes, meter: &mut Meter) -> Result<Bytes, Leak> {
        let came = self.held + bytes.len();
        let lines = self.lines.take(bytes);
        self.held = came.saturating_sub(lines.len());
        if self.texts.finds_in_events(&lines) {
            return Err(Leak);
        }
        Ok(
            match meter.read_lines(&lines).filter(|_| self.hides_usage) {
                Some(hidden) => self.leave_out(&lines, hidden),
                None => self.after_hidden(lines),
            },
        )
    }

    /// What has come of a line that is not whole; nothing is left here.
    pub(crate) fn rest(&mut self) -> Bytes {
        self.held = 0;
        self.lines.rest()
    }

    /// Whether these bytes make a line longer than is put together.
    pub(crate) fn is_too_much(&self, bytes: &[u8]) -> bool {
        self.held + bytes.len() > LONGEST_HELD && memchr::memchr(b'\n', bytes).is_none()
    }

    /// The lines without the hidden one and the blank line that ends it.
    fn leave_out(&mut self, lines: &Bytes, hidden: std::ops::Range<usize>) -> Bytes {
        let before = lines.slice(..hidden.start.min(lines.len()));
        self.skip_blank = true;
        let after = self.after_hidden(lines.slice(hidden.end.min(lines.len())..));
        if before.is_empty() {
            return after;
        }
        if after.is_empty() {
            return before;
        }
        let mut both = BytesMut::from(&before[..]);
        both.extend_from_slice(&after);
        both.freeze()
    }

    fn after_hidden(&mut self, lines: Bytes) -> Bytes {
        if !self.skip_blank || lines.is_empty() {
            return lines;
        }
        self.skip_blank = false;
        let blank = [&b"\r\n"[..], b"\n"]
            .into_iter()
            .find(|blank| lines.starts_with(blank));
        blank.map_or_else(|| lines.clone(), |blank| lines.slice(blank.len()..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        call::{key_watch::KeyWatch, meter::Framing},
        provider::Endpoint,
    };

    const STREAM: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
        data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n\
        data: [DONE]\n\n";

    fn hide(stream: &str, cuts: &[usize]) -> String {
        let endpoint = Endpoint::ChatCompletions;
        let texts = TextWatch::new(&KeyWatch::new("sk-aB3dE5gH7jK9mN1pQ3"), endpoint);
        let mut events = Events::new(texts, true);
        let mut meter = Meter::new(endpoint, Framing::Events);
        let (mut out, mut from) = (Vec::new(), 0);
        for to in cuts.iter().copied().chain([stream.len()]) {
            let piece = Bytes::copy_from_slice(&stream.as_bytes()[from..to]);
            let Ok(passed) = events.pass(&piece, &mut meter) else {
                panic!("there is no key")
            };
            out.extend_from_slice(&passed);
            from = to;
        }
        out.extend_from_slice(&events.lines.rest());
        assert_eq!(meter.finish(true).told.unwrap().output, 2);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_usage_that_was_not_asked_for_is_left_out_wherever_the_stream_is_cut() {
        let kept: String = STREAM
            .split_inclusive("\n\n")
            .filter(|event| !event.contains("usage"))
            .collect();
        for first in 0..STREAM.len() {
            assert_eq!(hide(STREAM, &[first]), kept, "{first}");
            assert_eq!(
                hide(STREAM, &[first, (first + 3).min(STREAM.len())]),
                kept,
                "{first}"
            );
        }
        let every: Vec<usize> = (0..STREAM.len()).collect();
        assert_eq!(hide(STREAM, &every), kept);
        let with_returns = STREAM.replace('\n', "\r\n");
        assert_eq!(hide(&with_returns, &[]), kept.replace('\n', "\r\n"));
    }
}
