//! Fragments of an MP4 (`moof`), as live recorders write them.

use crate::bytes::{Bytes, count};
use crate::mp4::{Track, boxes, child, times};
use crate::sample::Budget;

const HAS_BASE: u32 = 0x1;
const BASE_IS_FRAGMENT: u32 = 0x02_0000;

/// What a sample has where its run does not tell.
#[derive(Clone, Copy, Default)]
pub(crate) struct Defaults {
    ticks: u32,
    size: u32,
}

impl Defaults {
    /// From the header's `mvex` box; zeros where there is none.
    pub fn of(header: &[u8], id: u32) -> Option<Self> {
        let mut defaults = None;
        let extends = boxes(header)?.into_iter().filter(|part| part.0 == b"mvex");
        for (_, extends) in extends {
            for (name, body) in boxes(extends)? {
                let mut rest = Bytes(body);
                if name != b"trex" || (rest.be32()?, rest.be32()?).1 != id {
                    continue;
                }
                rest.take(4)?;
                let (ticks, size) = (rest.be32()?, rest.be32()?);
                if defaults.replace(Self { ticks, size }).is_some() {
                    return None;
                }
            }
        }
        Some(defaults.unwrap_or_default())
    }
}

/// Adds the samples of a fragment that begins at this offset of the file.
pub(crate) fn add(
    tracks: &mut [Track],
    budget: &mut Budget<'_>,
    at: usize,
    fragment: &[u8],
) -> Option<()> {
    let parts = boxes(fragment)?;
    let of_tracks = parts.iter().filter(|part| part.0 == b"traf").count();
    let mut runs = 0_usize;
    for (_, part) in parts.iter().filter(|part| part.0 == b"traf") {
        let mut head = Bytes(child(part, b"tfhd")?);
        let flags = head.be32()? & 0xff_ffff;
        let id = head.be32()?;
        let base = match flags & HAS_BASE {
            0 if flags & BASE_IS_FRAGMENT != 0 || of_tracks == 1 => count(at),
            // Then it is where the track before ended: decoders differ.
            0 => return None,
            _ => head.be64()?,
        };
        if flags & 0x2 != 0 {
            head.take(4)?;
        }
        // Not known: a track without sound.
        let mut track = tracks.iter_mut().find(|track| track.id == id);
        let mut defaults = track.as_ref().map(|t| t.defaults).unwrap_or_default();
        if flags & 0x8 != 0 {
            defaults.ticks = head.be32()?;
        }
        if flags & 0x10 != 0 {
            defaults.size = head.be32()?;
        }
        let mut next = base;
        for (_, body) in boxes(part)?.iter().filter(|part| part.0 == b"trun") {
            runs = runs.saturating_add(1);
            if let Some(track) = &mut track {
                next = run(track, budget, defaults, (base, next), body)?;
            }
        }
    }
    // One that stands elsewhere would be taken by ffmpeg.
    let is_all = times(fragment, b"trun") == runs && times(fragment, b"traf") == of_tracks;
    is_all.then_some(())
}

/// Adds the samples of a run; gives where it ends.
fn run(
    track: &mut Track,
    budget: &mut Budget<'_>,
    defaults: Defaults,
    (base, next): (u64, u64),
    run: &[u8],
) -> Option<u64> {
    let mut rest = Bytes(run);
    let flags = rest.be32()? & 0xff_ffff;
    let samples = rest.be32()?;
    let mut at = match flags & 0x1 {
        0 => next,
        _ => base.checked_add_signed(rest.be32()?.cast_signed().into())?,
    };
    if flags & 0x4 != 0 {
        rest.take(4)?;
    }
    for _ in 0..samples {
        let mut field = |flag: u32, default: u32| match flags & flag {
            0 => Some(default),
            _ => rest.be32(),
        };
        let ticks = field(0x100, defaults.ticks)?;
        let size = field(0x200, defaults.size)?;
        field(0x400, 0)?;
        field(0x800, 0)?;
        track.told = track.told.saturating_add(ticks.into());
        track.span.add(budget.sample(track.codec, at, size)?);
        at = at.checked_add(size.into())?;
    }
    Some(at)
}
