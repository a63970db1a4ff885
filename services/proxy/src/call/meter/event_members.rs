//! Picks members out of the data of each event while it goes by, however long its line is: an
//! image in an event is many megabytes, and is not kept.

use super::Captured;

const DATA: &[u8] = b"data:";

/// Reads the events of a stream.
#[derive(Debug)]
pub struct EventMembers {
    wanted: &'static [&'static str],
    at: At,
    data: Captured,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// So many characters into what may be the name of a line of data.
    Name(usize),
    /// In the data.
    Data,
    /// In a line that is none.
    Other,
}

impl EventMembers {
    /// Looks for these members at the top level of each event's data.
    #[must_use]
    pub fn new(wanted: &'static [&'static str]) -> Self {
        Self {
            wanted,
            at: At::Name(0),
            data: Captured::new(wanted),
        }
    }

    /// Reads the next piece; `each` gets the members of every line of data that ends in it.
    pub fn read(&mut self, mut bytes: &[u8], mut each: impl FnMut(&Captured)) {
        while let Some(first) = bytes.first() {
            if let At::Name(read) = self.at
                && DATA.get(read) == Some(first)
            {
                let read = read + 1;
                self.at = if read == DATA.len() {
                    At::Data
                } else {
                    At::Name(read)
                };
                bytes = bytes.get(1..).unwrap_or_default();
                continue;
            }
            let end = memchr::memchr(b'\n', bytes);
            let line = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            match self.at {
                At::Data => self.data.read(line),
                _ => self.at = At::Other,
            }
            if end.is_some() {
                self.end_line(&mut each);
            }
            bytes = end.map_or(&[][..], |end| bytes.get(end + 1..).unwrap_or_default());
        }
    }

    /// The end of the stream ends its last line.
    pub fn finish(&mut self, mut each: impl FnMut(&Captured)) {
        self.end_line(&mut each);
    }

    fn end_line(&mut self, each: &mut impl FnMut(&Captured)) {
        if self.at == At::Data {
            each(&self.data);
            self.data = Captured::new(self.wanted);
        }
        self.at = At::Name(0);
    }
}
