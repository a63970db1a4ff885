//! MP4, M4A and QuickTime with AAC or Opus.

use crate::bytes::{Bytes, index};
use crate::fragment::{self, Defaults};
use crate::sample::{Budget, Codec, codec};
use crate::span::{Span, ticks};

const MOST_TRACKS: usize = 16;

/// Within one box; no real file has as many.
const MOST_BOXES: usize = 1_024;

/// Boxes of which each track has one. ffmpeg takes them from within nearly any
/// box, so one that stands elsewhere makes the file refused.
const OF_A_TRACK: [&[u8; 4]; 6] = [b"trak", b"tkhd", b"mdhd", b"stsd", b"stsz", b"stsc"];

/// Boxes that are in no header which can be bounded: packed headers, packed
/// sizes, fragments that stand within.
const REFUSED: [&[u8; 4]; 5] = [b"cmov", b"stz2", b"moof", b"traf", b"trun"];

pub(crate) fn is_box(bytes: &[u8]) -> bool {
    let names = [
        b"ftyp", b"styp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid",
    ];
    let name = bytes.get(4..8);
    names.iter().any(|known| name == Some(known.as_slice()))
}

/// A box's name and content.
pub(crate) type Part<'a> = (&'a [u8], &'a [u8]);

/// The box at the front, and whether all of it is there.
fn part<'a>(rest: &mut Bytes<'a>) -> Option<(Part<'a>, bool)> {
    let size = u64::from(rest.be32()?);
    let name = rest.take(4)?;
    let size = match size {
        0 => return Some(((name, std::mem::take(&mut rest.0)), true)),
        1 => rest.be64()?.checked_sub(16)?,
        size => size.checked_sub(8)?,
    };
    let size = index(size)?;
    match rest.take(size) {
        Some(body) => Some(((name, body), true)),
        None => Some(((name, std::mem::take(&mut rest.0)), false)),
    }
}

/// The boxes within a box.
pub(crate) fn boxes(bytes: &[u8]) -> Option<Vec<Part<'_>>> {
    let mut rest = Bytes(bytes);
    let mut found = Vec::new();
    // QuickTime ends some with zeros.
    while rest.0.len() >= 8 {
        let (part, is_whole) = part(&mut rest)?;
        if !is_whole || found.len() >= MOST_BOXES {
            return None;
        }
        found.push(part);
    }
    Some(found)
}

/// The one box of this name.
pub(crate) fn child<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut named = boxes(bytes)?.into_iter().filter(|part| part.0 == name);
    let (_, body) = named.next()?;
    named.next().is_none().then_some(body)
}

pub(crate) fn times(bytes: &[u8], word: &[u8; 4]) -> usize {
    bytes.windows(4).filter(|window| window == word).count()
}

/// A track as its header tells it.
pub(crate) struct Track {
    pub id: u32,
    pub codec: Codec,
    pub defaults: Defaults,
    /// Made by the decoder.
    pub span: Span,
    /// Told by the tables, in ticks.
    pub told: u64,
    ticks_a_second: u32,
}

/// The length of the longest audio track.
pub(crate) fn span(recording: &[u8]) -> Option<Span> {
    let mut budget = Budget::new(recording);
    let mut known: Option<Vec<Track>> = None;
    let mut rest = Bytes(recording);
    while rest.0.len() >= 8 {
        let at = recording.len().checked_sub(rest.0.len())?;
        let ((name, body), is_whole) = part(&mut rest)?;
        match name {
            b"mdat" | b"free" | b"skip" => {}
            _ if !is_whole => return None,
            b"moov" if known.is_none() => known = Some(tracks(body, &mut budget)?),
            b"moof" => fragment::add(known.as_mut()?, &mut budget, at, body)?,
            b"wide" if body.is_empty() => {}
            b"ftyp" | b"styp" | b"sidx" | b"mfra" | b"emsg" | b"prft" => {}
            b"udta" | b"meta" | b"uuid" if times(body, b"trak") == 0 => {}
            _ => return None,
        }
    }

    let known = known?;
    let spans = known.iter().map(Track::whole);
    spans.reduce(|one, other| Some(one?.or_longer(other?)))?
}

fn tracks(header: &[u8], budget: &mut Budget<'_>) -> Option<Vec<Track>> {
    let traks: Vec<_> = boxes(header)?
        .into_iter()
        .filter(|part| part.0 == b"trak")
        .collect();
    let is_odd = |word: &&[u8; 4]| times(header, word) != traks.len();
    let is_refused = |word: &&[u8; 4]| times(header, word) > 0;
    if traks.len() > MOST_TRACKS || OF_A_TRACK.iter().any(is_odd) || REFUSED.iter().any(is_refused)
    {
        return None;
    }
    let mut tracks = Vec::new();
    for (_, trak) in traks {
        let mut track_header = Bytes(child(trak, b"tkhd")?);
        let is_long = track_header.be32()? >> 24 == 1;
        track_header.take(if is_long { 16 } else { 8 })?;
        let id = track_header.be32()?;
        let media = child(trak, b"mdia")?;
        let mut media_header = Bytes(child(media, b"mdhd")?);
        let is_long = media_header.be32()? >> 24 == 1;
        media_header.take(if is_long { 16 } else { 8 })?;
        let ticks_a_second = media_header.be32()?;
        let tables = child(child(media, b"minf")?, b"stbl")?;
        let Some(codec) = codec(child(tables, b"stsd")?)? else {
            continue;
        };
        let mut track = Track {
            id,
            codec,
            defaults: Defaults::of(header, id)?,
            span: Span::default(),
            told: told(child(tables, b"stts")?)?,
            ticks_a_second,
        };
        samples(&mut track, tables, budget)?;
        tracks.push(track);
    }
    Some(tracks)
}

impl Track {
    fn whole(&self) -> Option<Span> {
        let mut span = self.span;
        span.most = span.most.max(ticks(self.told, self.ticks_a_second.into())?);
        Some(span)
    }
}

/// What the table of times (`stts`) adds up to.
fn told(table: &[u8]) -> Option<u64> {
    let mut rest = Bytes(table);
    rest.take(4)?;
    let entries = rest.be32()?;
    let mut told = 0_u64;
    for _ in 0..entries {
        let (samples, each) = (u64::from(rest.be32()?), u64::from(rest.be32()?));
        // ffmpeg takes whole chunks for samples then.
        if each == 1 && entries == 1 {
            return None;
        }
        told = told.saturating_add(samples.saturating_mul(each));
    }
    Some(told)
}

/// Adds all samples of the tables: their sizes, how many are in a chunk, where
/// the chunks are.
fn samples(track: &mut Track, tables: &[u8], budget: &mut Budget<'_>) -> Option<()> {
    let mut sizes = Bytes(child(tables, b"stsz")?);
    sizes.take(4)?;
    let same_size = sizes.be32()?;
    let mut left = sizes.be32()?;

    let mut runs = Bytes(child(tables, b"stsc")?);
    runs.take(4)?;
    let mut runs_left = runs.be32()?;
    let mut next_run = next_run(&mut runs, &mut runs_left)?;

    let is_wide = boxes(tables)?.iter().any(|part| part.0 == b"co64");
    let mut chunks = Bytes(child(tables, if is_wide { b"co64" } else { b"stco" })?);
    if is_wide && child(tables, b"stco").is_some() {
        return None;
    }
    chunks.take(4)?;
    let mut in_a_chunk = 0;
    for chunk in 1..=chunks.be32()? {
        let mut at = if is_wide {
            chunks.be64()?
        } else {
            chunks.be32()?.into()
        };
        if let Some((first, samples)) = next_run
            && first == chunk
        {
            in_a_chunk = samples;
            next_run = self::next_run(&mut runs, &mut runs_left)?;
        }
        for _ in 0..in_a_chunk.min(left) {
            let size = if same_size == 0 {
                sizes.be32()?
            } else {
                same_size
            };
            track.span.add(budget.sample(track.codec, at, size)?);
            at = at.checked_add(size.into())?;
        }
        left = left.saturating_sub(in_a_chunk);
    }
    // Samples in no chunk: decoders disagree on what they are.
    (left == 0 && next_run.is_none()).then_some(())
}

/// The chunk a run begins with, and how many samples its chunks have.
fn next_run(runs: &mut Bytes<'_>, left: &mut u32) -> Option<Option<(u32, u32)>> {
    let Some(fewer) = left.checked_sub(1) else {
        return Some(None);
    };
    *left = fewer;
    let run = (runs.be32()?, runs.be32()?);
    runs.take(4)?;
    Some(Some(run))
}
