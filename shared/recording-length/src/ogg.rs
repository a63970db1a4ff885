//! Ogg with Opus or Vorbis, also several files one after the other.

use crate::bytes::Bytes;
use crate::opus;
use crate::span::{Span, ticks};
use crate::vorbis::{Vorbis, is_vorbis};

const CAPTURE: &[u8] = b"OggS";
const MOST_STREAMS: usize = 64;

/// No header of a real file is larger; those kept take no more than the file.
const MOST_HEADER: usize = 4 << 20;

enum Codec {
    Opus,
    Vorbis(Vorbis),
}

/// A logical stream.
struct Stream {
    serial: u32,
    first: Vec<u8>,
    codec: Option<Codec>,
    packets: u32,
    /// The packet now read: whole as long as it is a header, else its front.
    packet: Vec<u8>,
    is_in_packet: bool,
    span: Span,
    first_position: Option<u64>,
    last_position: u64,
}

/// The length of all streams together. Positions ("granules") are believed
/// only where they make it longer.
pub(crate) fn span(recording: &[u8]) -> Option<Span> {
    let checksums = checksums();
    let mut streams: Vec<Stream> = Vec::new();
    let mut rest = Bytes(recording);
    let mut last_page = recording;
    while rest.0.starts_with(CAPTURE) {
        let whole = rest.0;
        last_page = whole;
        let Some(page) = page(&mut rest) else {
            // The last page is cut off. A decoder may take what there is of it.
            let last = streams.last_mut()?;
            let is_sound = last.codec.is_some();
            last.end_of_packet()?;
            if !is_sound || contains(whole.get(1..)?, CAPTURE) {
                return None;
            }
            rest.0 = &[];
            add_lost(last, whole)?;
            break;
        };
        let length = whole.len().checked_sub(rest.0.len())?;
        // After a bad sum decoders look for pages inside the page.
        if sum(&checksums, whole.get(..length)?) != page.sum {
            return None;
        }
        if page.flags & 2 != 0 {
            if streams.len() >= MOST_STREAMS {
                return None;
            }
            streams.push(Stream::new(page.serial));
        }
        let of_page = streams.iter_mut().rev().find(|s| s.serial == page.serial);
        of_page?.page(&page)?;
    }
    // After what is no page ffmpeg looks for pages inside the last one too.
    if !rest.0.is_empty() && contains(last_page.get(1..)?, CAPTURE) {
        return None;
    }

    let mut total = Span::default();
    for mut stream in streams {
        if stream.is_in_packet {
            stream.end_of_packet()?;
        }
        total.add(stream.whole()?);
    }
    Some(total)
}

struct Page<'a> {
    flags: u8,
    position: u64,
    serial: u32,
    sum: u32,
    lacing: &'a [u8],
    body: &'a [u8],
}

fn page<'a>(rest: &mut Bytes<'a>) -> Option<Page<'a>> {
    rest.take(CAPTURE.len())?;
    let _version = rest.u8()?;
    let flags = rest.u8()?;
    let (position, serial) = (rest.le64()?, rest.le32()?);
    let _sequence = rest.le32()?;
    let (sum, segments) = (rest.le32()?, rest.u8()?);
    let lacing = rest.take(usize::from(segments))?;
    let body = rest.take(lacing.iter().map(|size| usize::from(*size)).sum())?;
    Some(Page {
        flags,
        position,
        serial,
        sum,
        lacing,
        body,
    })
}

/// What the page that is cut off may still hold: at most a packet for each of
/// its segments.
fn add_lost(stream: &mut Stream, page: &[u8]) -> Option<()> {
    let segments = page.get(26).map_or(0, |count| *count);
    for _ in 0..segments {
        let lost = stream.codec.as_mut()?.packet(&[])?;
        stream.span.most = stream.span.most.saturating_add(lost.most);
    }
    Some(())
}

impl Codec {
    fn packet(&mut self, bytes: &[u8]) -> Option<Span> {
        match self {
            Self::Opus => Some(opus::packet(bytes)),
            Self::Vorbis(vorbis) => vorbis.packet(bytes),
        }
    }
}

impl Stream {
    fn new(serial: u32) -> Self {
        Self {
            serial,
            first: Vec::new(),
            codec: None,
            packets: 0,
            packet: Vec::new(),
            is_in_packet: false,
            span: Span::default(),
            first_position: None,
            last_position: 0,
        }
    }

    fn page(&mut self, page: &Page<'_>) -> Option<()> {
        if self.is_in_packet && page.flags & 1 == 0 {
            self.end_of_packet()?;
        }
        let mut body = Bytes(page.body);
        for size in page.lacing {
            let piece = body.take(usize::from(*size))?;
            let room = match self.codec {
                None => MOST_HEADER,
                Some(_) => 2,
            };
            let room = room.saturating_sub(self.packet.len());
            if self.codec.is_none() && room < piece.len() {
                return None;
            }
            self.packet.extend(piece.iter().take(room));
            self.is_in_packet = true;
            if *size < 255 {
                self.end_of_packet()?;
            }
        }
        // All ones: no packet ends on the page.
        if page.position != u64::MAX && self.codec.is_some() && self.packets > 0 {
            self.first_position.get_or_insert(page.position);
            self.last_position = self.last_position.max(page.position);
        }
        Some(())
    }

    fn end_of_packet(&mut self) -> Option<()> {
        self.is_in_packet = false;
        self.packets = self.packets.saturating_add(1);
        if let Some(codec) = &mut self.codec {
            self.span.add(codec.packet(&self.packet)?);
            self.packet.clear();
            return Some(());
        }
        let packet = std::mem::take(&mut self.packet);
        let is_opus = self.first.starts_with(b"OpusHead");
        match self.packets {
            1 if packet.starts_with(b"OpusHead") || is_vorbis(&packet) => self.first = packet,
            2 if is_opus => self.codec = Some(Codec::Opus),
            2 => {}
            3 => {
                let vorbis = Vorbis::from_headers(&self.first, &packet)?;
                self.codec = Some(Codec::Vorbis(vorbis));
            }
            _ => return None,
        }
        Some(())
    }

    fn whole(self) -> Option<Span> {
        let rate = match self.codec? {
            Codec::Opus => 48_000,
            Codec::Vorbis(vorbis) => vorbis.rate(),
        };
        let told = self
            .last_position
            .saturating_sub(self.first_position.unwrap_or(0));
        let told = ticks(told, rate.into())?;
        Some(Span {
            likely: self.span.likely,
            most: self.span.most.max(told),
        })
    }
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

pub(crate) fn checksums() -> [u32; 256] {
    std::array::from_fn(|byte| {
        let start = u32::try_from(byte).unwrap_or(0) << 24;
        (0..8).fold(start, |sum, _| {
            (sum << 1) ^ if sum >> 31 == 0 { 0 } else { 0x04c1_1db7 }
        })
    })
}

/// A page's sum, reckoned with nothing where the sum itself stands.
pub(crate) fn sum(checksums: &[u32; 256], page: &[u8]) -> u32 {
    let step = |sum: u32, byte: u8| {
        let [top, ..] = sum.to_be_bytes();
        let more = checksums.get(usize::from(top ^ byte)).copied();
        (sum << 8) ^ more.unwrap_or(0)
    };
    let (front, rest) = page.split_at(page.len().min(22));
    let (_, body) = rest.split_at(rest.len().min(4));
    let start = front.iter().fold(0, |sum, byte| step(sum, *byte));
    let start = (0..4).fold(start, |sum, _| step(sum, 0));
    body.iter().fold(start, |sum, byte| step(sum, *byte))
}
