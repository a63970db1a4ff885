//! AAC in MP4: one frame a sample.
//!
//! This is the one place where the most is not the most: ffmpeg also decodes
//! frames put behind the first one in a sample, and where a frame ends cannot
//! be told without reading all of it. Silent frames take 4 bytes, so a forged
//! sample of the largest size could hold up to 192 for each channel.

use crate::bytes::{Bytes, index};

/// A frame at the core's rate. With SBR the decoder makes twice as many at
/// twice the rate; where a rate is the wrong one of the two, a frame lasts
/// double.
pub(crate) const SAMPLES: u64 = 1_024;

/// A frame's bits for one channel are at most 6,144.
const MOST_BYTES_A_CHANNEL: usize = 768;

/// What the decoder's configuration tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub rate: u32,
    channels: usize,
}

impl Config {
    /// From an `esds` box.
    pub fn of(elementary: &[u8]) -> Option<Self> {
        let mut rest = Bytes(elementary);
        rest.take(4)?;
        let mut stream = descriptor(&mut rest, 3)?;
        stream.take(2)?;
        let flags = stream.u8()?;
        if flags & 0xe0 != 0 {
            return None;
        }
        let mut decoder = descriptor(&mut stream, 4)?;
        // MPEG-4 audio, or MPEG-2 AAC main, LC, SSR.
        if !matches!(decoder.u8()?, 0x40 | 0x66..=0x68) {
            return None;
        }
        decoder.take(12)?;
        let config = descriptor(&mut decoder, 5)?;
        let mut bits = Bits(
            config
                .0
                .iter()
                .take(8)
                .fold(0, |all, byte| all << 8 | u64::from(*byte)),
            config.0.len().min(8).saturating_mul(8),
        );
        bits.config()
    }

    /// Whether a decoder would make one frame of it and no more, as far as
    /// can be told without decoding.
    pub fn may_be_one_frame(self, sample: &[u8]) -> bool {
        let is_adts = matches!(sample, [0xff, 0xf0..=0xff, ..]);
        let most = MOST_BYTES_A_CHANNEL.saturating_mul(self.channels);
        !is_adts && sample.len() <= most
    }
}

/// A descriptor's content, with its size in 7-bit groups.
fn descriptor<'a>(bytes: &mut Bytes<'a>, tag: u8) -> Option<Bytes<'a>> {
    if bytes.u8()? != tag {
        return None;
    }
    let mut size = 0_u32;
    for _ in 0..4 {
        let byte = bytes.u8()?;
        size = size << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    bytes.take(index(size)?).map(Bytes)
}

/// Bits from the highest down, and how many are left.
struct Bits(u64, usize);

impl Bits {
    fn take(&mut self, count: usize) -> Option<u32> {
        self.1 = self.1.checked_sub(count)?;
        let mask = (1_u64 << count).saturating_sub(1);
        u32::try_from(self.0 >> self.1 & mask).ok()
    }

    fn rate(&mut self) -> Option<u32> {
        const RATES: [u32; 13] = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
            8_000, 7_350,
        ];
        match self.take(4)? {
            15 => self.take(24),
            code => RATES.get(index(code)?).copied(),
        }
    }

    fn config(&mut self) -> Option<Config> {
        let mut kind = self.take(5)?;
        let rate = self.rate()?;
        let channels = self.take(4)?;
        // SBR and parametric stereo: the core's kind follows.
        if matches!(kind, 5 | 29) {
            self.rate()?;
            kind = self.take(5)?;
        }
        // Main, LC, SSR, LTP. Others have frames of other sizes.
        let channels = match channels {
            0 | 7 => 8,
            1..7 => index(channels)?,
            _ => return None,
        };
        matches!(kind, 1..=4).then_some(Config { rate, channels })
    }
}
