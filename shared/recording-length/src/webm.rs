//! WebM and Matroska with Opus or Vorbis.

use crate::bytes::{Bytes, count, index};
use crate::elements::PASSED_OVER;
use crate::lacing::{frames, number};
use crate::opus;
use crate::span::{Span, ticks};
use crate::vorbis::Vorbis;
use std::time::Duration;

const MOST_TRACKS: usize = 16;
const AUDIO: u64 = 2;
const NANOS: u64 = 1_000_000_000;

enum Codec {
    Opus,
    Vorbis(Box<Vorbis>),
}

#[derive(Default)]
struct Track<'a> {
    number: u64,
    kind: u64,
    codec_id: &'a [u8],
    private: &'a [u8],
    codec: Option<Codec>,
    span: Span,
}

/// What has been read of a file.
#[derive(Default)]
struct File<'a> {
    tracks: Vec<Track<'a>>,
    /// How long a tick is in nanoseconds.
    scale: Option<u64>,
    duration: f64,
    cluster: u64,
    first: Option<u64>,
    last: u64,
}

/// The length of the longest audio track. Only a segment's and a cluster's
/// size may be unknown, as in what a browser records. Times are believed only
/// where they make it longer.
pub(crate) fn span(recording: &[u8]) -> Option<Span> {
    let mut file = File::default();
    let mut rest = Bytes(recording);
    // Where the elements that are open end.
    let mut ends: Vec<u64> = Vec::new();
    while !rest.0.is_empty() {
        let at = position(recording, rest);
        while ends.last().is_some_and(|end| *end <= at) {
            ends.pop();
        }
        let Some((id, size)) = head(&mut rest) else {
            // Cut off within an element's head, so nothing is lost.
            if rest.0.len() > 12 {
                return None;
            }
            break;
        };
        let may_be_unknown = matches!(id, 0x1853_8067 | 0x1f43_b675);
        let end = match size {
            Some(size) => position(recording, rest).checked_add(size)?,
            None if may_be_unknown => u64::MAX,
            None => return None,
        };
        if ends.len() > 8 || ends.last().is_some_and(|parent| end > *parent) && size.is_some() {
            return None;
        }
        match id {
            // Segment, cluster, block group, info, tracks, track.
            0x1853_8067 | 0x1f43_b675 | 0xa0 | 0x1549_a966 | 0x1654_ae6b | 0xae => {
                // One of unknown size ends anywhere: it holds what follows.
                match size {
                    Some(_) => ends.push(end),
                    None => ends.clear(),
                }
                if id == 0xae {
                    file.tracks.push(Track::default());
                }
                if file.tracks.len() > MOST_TRACKS {
                    return None;
                }
            }
            _ => {
                let size = index(size?)?;
                if size > rest.0.len() && holds_cluster(rest.0) {
                    return None;
                }
                let bytes = rest.take(size.min(rest.0.len()))?;
                file.element(id, bytes)?;
            }
        }
    }
    file.whole()
}

/// Decoders go on with the next cluster where an element is too long.
fn holds_cluster(bytes: &[u8]) -> bool {
    let cluster = |four: &[u8]| four == b"\x1f\x43\xb6\x75";
    bytes.windows(4).any(cluster)
}

fn position(recording: &[u8], rest: Bytes<'_>) -> u64 {
    count(recording.len().saturating_sub(rest.0.len()))
}

fn head(rest: &mut Bytes<'_>) -> Option<(u32, Option<u64>)> {
    let before = *rest;
    let found = (|| {
        let more = rest.0.first()?.leading_zeros();
        let bytes = rest.take(index(more.checked_add(1)?)?)?;
        let id = bytes.iter().try_fold(0_u32, |id, byte| {
            Some(id.checked_mul(256)? | u32::from(*byte))
        })?;
        Some((id, number(rest)?))
    })();
    if found.is_none() {
        *rest = before;
    }
    found
}

fn unsigned(bytes: &[u8]) -> Option<u64> {
    let fold = |value: u64, byte: &u8| Some(value.checked_mul(256)? | u64::from(*byte));
    bytes.iter().try_fold(0_u64, fold)
}

impl<'a> File<'a> {
    fn element(&mut self, id: u32, bytes: &'a [u8]) -> Option<()> {
        match id {
            // Packed or encrypted frames: what is seen is not what is decoded.
            0x6d80 | 0xaf => return None,
            0x2a_d7b1 => self.scale = Some(unsigned(bytes)?),
            0x4489 => {
                self.duration = match *bytes {
                    [a, b, c, d] => f32::from_be_bytes([a, b, c, d]).into(),
                    _ => f64::from_be_bytes(*bytes.first_chunk()?),
                }
            }
            0xd7 => self.tracks.last_mut()?.number = unsigned(bytes)?,
            0x83 => self.tracks.last_mut()?.kind = unsigned(bytes)?,
            0x86 => self.tracks.last_mut()?.codec_id = bytes,
            0x63a2 => self.tracks.last_mut()?.private = bytes,
            0xe7 => self.cluster = unsigned(bytes)?,
            0xa3 | 0xa1 => self.block(bytes)?,
            _ if PASSED_OVER.contains(&id) => {}
            _ => return None,
        }
        Some(())
    }

    fn block(&mut self, bytes: &[u8]) -> Option<()> {
        let mut rest = Bytes(bytes);
        let track = number(&mut rest)??;
        let after = rest.be16()?.cast_signed();
        let flags = rest.u8()?;
        let track = self.tracks.iter_mut().find(|known| known.number == track)?;
        if !track.is_audio() {
            return Some(());
        }
        let time = self.cluster.saturating_add_signed(after.into());
        self.first = Some(self.first.unwrap_or(time).min(time));
        self.last = self.last.max(time);
        track.open()?;
        for frame in frames(flags, rest)? {
            let length = match track.codec.as_mut()? {
                Codec::Opus => opus::packet(frame),
                Codec::Vorbis(vorbis) => vorbis.packet(frame)?,
            };
            track.span.add(length);
        }
        Some(())
    }

    fn whole(self) -> Option<Span> {
        let scale = self.scale.unwrap_or(1_000_000);
        let told = self.last.saturating_sub(self.first?);
        let told = ticks(told.checked_mul(scale)?, NANOS)?;
        let scale = u32::try_from(scale).ok()?;
        let claimed = self.duration * f64::from(scale) / 1e9;
        let claimed = Duration::try_from_secs_f64(claimed).ok()?.as_nanos();
        let claimed = u64::try_from(claimed).ok()?;
        let of_tracks = self.tracks.iter().map(|track| track.span);
        let mut span = of_tracks.reduce(Span::or_longer)?;
        span.most = span.most.max(told).max(claimed);
        Some(span)
    }
}

impl Track<'_> {
    fn is_audio(&self) -> bool {
        self.kind == AUDIO || self.codec_id.starts_with(b"A_")
    }

    fn open(&mut self) -> Option<()> {
        if self.codec.is_some() {
            return Some(());
        }
        self.codec = Some(match self.codec_id.trim_ascii_end() {
            b"A_OPUS" => Codec::Opus,
            b"A_VORBIS" => {
                // The three header packets, laced the Xiph way.
                let headers = frames(2, Bytes(self.private))?;
                let [first, _, setup] = headers.as_slice() else {
                    return None;
                };
                Codec::Vorbis(Box::new(Vorbis::from_headers(first, setup)?))
            }
            _ => return None,
        });
        Some(())
    }
}
