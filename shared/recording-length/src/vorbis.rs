//! Vorbis: a packet's length is its mode's block size and the one before's.

use crate::bytes::Bytes;
use crate::span::{Span, nanos};

const IDENTIFICATION: &[u8] = b"\x01vorbis";
const SETUP: &[u8] = b"\x05vorbis";

/// One mode in the setup header: a flag, two 16-bit types, a mapping.
const MODE_BITS: usize = 41;

/// What is known of a stream from its headers.
#[derive(Default)]
pub(crate) struct Vorbis {
    rate: u32,
    short: u64,
    long: u64,
    /// For each mode, whether its blocks are long. Empty: not known.
    modes: Vec<bool>,
    before: Option<u64>,
}

pub(crate) fn is_vorbis(packet: &[u8]) -> bool {
    packet.starts_with(IDENTIFICATION)
}

impl Vorbis {
    /// From the first and the third header packet.
    pub fn from_headers(identification: &[u8], setup: &[u8]) -> Option<Self> {
        let mut rest = Bytes(identification.strip_prefix(IDENTIFICATION)?);
        rest.take(5)?;
        let rate = rest.le32()?;
        rest.take(12)?;
        let sizes = rest.u8()?;
        let size = |power: u8| (6..=13).contains(&power).then(|| 1_u64 << power);
        let (short, long) = (size(sizes & 15)?, size(sizes >> 4)?);
        let modes = modes(setup.strip_prefix(SETUP)?).unwrap_or_default();
        (short <= long).then_some(Self {
            rate,
            short,
            long,
            modes,
            before: None,
        })
    }

    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The length of one packet: a quarter of its block and of the one before.
    pub fn packet(&mut self, bytes: &[u8]) -> Option<Span> {
        let block = self.block(bytes);
        let before = self.before.replace(block).unwrap_or(block);
        Some(Span {
            likely: nanos(block.saturating_add(before) / 4, self.rate)?,
            most: nanos(self.long / 2, self.rate)?,
        })
    }

    fn block(&self, bytes: &[u8]) -> u64 {
        let bits = self.modes.len().saturating_sub(1).checked_ilog2();
        let bits = bits.map_or(0, |bits| bits.saturating_add(1));
        let mode = bytes.first().map_or(0, |byte| usize::from(*byte >> 1));
        let mode = mode & 1_usize.wrapping_shl(bits).saturating_sub(1);
        match self.modes.get(mode) {
            Some(false) => self.short,
            _ => self.long,
        }
    }
}

/// The modes, read from the end of the setup header, where they stand: what
/// comes before them takes a whole decoder to read.
fn modes(setup: &[u8]) -> Option<Vec<bool>> {
    let last = setup.iter().rposition(|byte| *byte != 0)?;
    let framing = 7_u32.checked_sub(setup.get(last)?.leading_zeros())?;
    let mut start = last
        .checked_mul(8)?
        .checked_add(usize::try_from(framing).ok()?)?;
    let (mut found, mut sure) = (Vec::new(), None);
    while found.len() < 64 {
        let Some(mode) = start.checked_sub(MODE_BITS) else {
            break;
        };
        let types = bits(setup, mode.checked_add(1)?, 32)?;
        let mapping = bits(setup, mode.checked_add(33)?, 8)?;
        if types != 0 || mapping > 63 {
            break;
        }
        found.push(bits(setup, mode, 1)? == 1);
        start = mode;
        let count = start.checked_sub(6).and_then(|at| bits(setup, at, 6));
        if count.and_then(|count| usize::try_from(count.saturating_add(1)).ok())
            == Some(found.len())
        {
            sure = Some(found.len());
        }
    }
    found.truncate(sure?);
    found.reverse();
    Some(found)
}

/// Vorbis packs bits from the lowest of each byte up.
fn bits(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    (0..count).try_fold(0, |value, offset| {
        let bit = at.checked_add(offset)?;
        let bit = u64::from(bytes.get(bit / 8)? >> (bit % 8) & 1);
        Some(value | bit.checked_shl(u32::try_from(offset).ok()?)?)
    })
}
