//! How many tokens an image is, at most.
//!
//! For the first family OpenAI publishes a table by size and quality
//! (<https://developers.openai.com/api/docs/guides/image-generation>); later models draw at any
//! size, and are bounded by their area, above what the published prices of single images come to.

use super::AskError;

/// The sides of the sizes in the table.
const SQUARE: (u64, u64) = (1024, 1024);
const PORTRAIT: (u64, u64) = (1024, 1536);
const LANDSCAPE: (u64, u64) = (1536, 1024);
/// An area of so many points is counted once.
const AREA: u64 = 1024 * 1024;
/// Tokens of one such area: low, medium and high.
const OF_AN_AREA: [u32; 3] = [512, 2_560, 8_192];
/// The longest side that a model draws.
const LONGEST_SIDE: u64 = 4_096;

/// The most output tokens of one image.
pub(super) fn most_tokens(
    model: &str,
    size: Option<&str>,
    quality: Option<&str>,
) -> Result<u32, AskError> {
    let sides = match size {
        None | Some("auto") => None,
        Some(size) => Some(sides(size).ok_or(AskError::Value {
            member: "size",
            reason: "must be `auto`, or width and height such as `1024x1536`, up to 4096 each",
        })?),
    };
    let quality = match quality {
        Some("low") => 0,
        Some("medium") => 1,
        // What the model may choose, and what is not known, counts as the dearest.
        _ => 2,
    };
    let in_table = ["gpt-image-1", "chatgpt-image"];
    let tokens = if in_table.iter().any(|known| model.starts_with(known)) {
        from_table(sides).get(quality).copied()
    } else {
        by_area(sides, quality)
    };
    tokens.ok_or(AskError::Value {
        member: "size",
        reason: "is none that the model draws",
    })
}

/// Low, medium and high, at one of the sizes; the dearest where the model chooses.
fn from_table(sides: Option<(u64, u64)>) -> &'static [u32] {
    match sides {
        Some(SQUARE) => &[272, 1_056, 4_160],
        Some(PORTRAIT) | None => &[408, 1_584, 6_240],
        Some(LANDSCAPE) => &[400, 1_568, 6_208],
        Some(_) => &[],
    }
}

fn by_area(sides: Option<(u64, u64)>, quality: usize) -> Option<u32> {
    let (width, height) = sides.unwrap_or(PORTRAIT);
    let areas = u32::try_from((width * height).div_ceil(AREA)).ok()?;
    OF_AN_AREA.get(quality)?.checked_mul(areas)
}

fn sides(size: &str) -> Option<(u64, u64)> {
    let (width, height) = size.split_once('x')?;
    Some((side(width)?, side(height)?))
}

fn side(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    let side = text.parse().ok().filter(|_| plain)?;
    (side <= LONGEST_SIDE).then_some(side)
}
