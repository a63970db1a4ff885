//! Several frames in one Matroska block.

use crate::bytes::{Bytes, index};

/// A number of the width its first byte tells; `None` inside: all ones, which
/// means not known.
pub(crate) fn number(bytes: &mut Bytes<'_>) -> Option<Option<u64>> {
    let first = bytes.u8()?;
    let more = first.leading_zeros();
    if more > 7 {
        return None;
    }
    let mut value = u64::from(first) & 0x7f_u64.checked_shr(more)?;
    for _ in 0..more {
        value = value << 8 | u64::from(bytes.u8()?);
    }
    let ones = (1_u64 << 7_u32.saturating_mul(more.saturating_add(1))).saturating_sub(1);
    Some((value != ones).then_some(value))
}

/// The frames of a block, after its header, by the way its flags tell.
pub(crate) fn frames<'a>(flags: u8, mut bytes: Bytes<'a>) -> Option<Vec<&'a [u8]>> {
    let way = flags >> 1 & 3;
    if way == 0 {
        return Some(vec![bytes.0]);
    }
    let all_but_last = usize::from(bytes.u8()?);
    let mut sizes = Vec::with_capacity(all_but_last);
    match way {
        1 => {
            for _ in 0..all_but_last {
                let mut size = 0_usize;
                loop {
                    let more = bytes.u8()?;
                    size = size.checked_add(usize::from(more))?;
                    if more < 255 {
                        break;
                    }
                }
                sizes.push(size);
            }
        }
        2 => {
            let frames = all_but_last.saturating_add(1);
            // Of nothing there could be any number.
            if frames > bytes.0.len() || bytes.0.len().checked_rem(frames)? != 0 {
                return None;
            }
            let size = bytes.0.len().checked_div(frames)?;
            sizes.resize(all_but_last, size);
        }
        _ => {
            let mut size = 0_i64;
            for nth in 0..all_but_last {
                let width = bytes.0.first()?.leading_zeros();
                let value = i64::try_from(number(&mut bytes)??).ok()?;
                // All but the first are differences, moved up to be positive.
                let half = match nth {
                    0 => 0,
                    _ => (1_i64 << 7_u32.saturating_mul(width).saturating_add(6)).saturating_sub(1),
                };
                size = size.checked_add(value.checked_sub(half)?)?;
                sizes.push(index(size)?);
            }
        }
    }
    let mut frames = Vec::with_capacity(all_but_last.saturating_add(1));
    for size in sizes {
        frames.push(bytes.take(size)?);
    }
    frames.push(bytes.0);
    Some(frames)
}
