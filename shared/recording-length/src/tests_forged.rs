use crate::length_of;
use crate::tests::{length, mp3};

macro_rules! sample {
    ($name:literal) => {
        include_bytes!(concat!("../tests/data/", $name)).as_slice()
    };
}

#[test]
fn overlapping_mp4_samples_are_refused() {
    let mut forged = sample!("tone.m4a").to_vec();
    let at = forged.windows(4).position(|word| word == b"stsz").unwrap();
    // All samples of 500 bytes, many more than there are.
    forged[at + 8..at + 16].copy_from_slice(&[0, 0, 1, 0xf4, 0, 0xff, 0xff, 0xff]);
    assert_eq!(length_of(&forged), None);
}

#[test]
fn boxes_hidden_in_an_mp4_are_refused() {
    for word in [b"trak", b"stsz", b"cmov", b"trun"] {
        let mut forged = sample!("tone.m4a").to_vec();
        let at = forged.windows(4).position(|four| four == b"data").unwrap();
        forged[at..at + 4].copy_from_slice(word);
        assert_eq!(length_of(&forged), None);
    }
}

/// A browser does not know how long a cluster gets when it begins it.
#[test]
fn clusters_of_unknown_size_are_read() {
    let mut rest = sample!("live.webm");
    let mut unknown = Vec::new();
    while let Some(at) = rest.windows(4).position(|four| four == b"\x1f\x43\xb6\x75") {
        unknown.extend(&rest[..at + 4]);
        unknown.extend(b"\x01\xff\xff\xff\xff\xff\xff\xff");
        let width = usize::try_from(rest[at + 4].leading_zeros()).unwrap() + 1;
        rest = &rest[at + 4 + width..];
    }
    unknown.extend(rest);
    assert_eq!(length_of(&unknown), length(3, 3));
}

#[test]
fn packed_matroska_frames_are_refused() {
    let mut packed = sample!("live.webm").to_vec();
    // The codec's delay, made an empty list of encodings and padding.
    let at = packed
        .windows(3)
        .position(|three| three == b"\x56\xaa\x83")
        .unwrap();
    packed[at..at + 6].copy_from_slice(b"\x6d\x80\x80\xec\x81\0");
    assert_eq!(length_of(&packed), None);
}

#[test]
fn an_mp3_that_is_also_an_mp4_is_refused() {
    let mut both = mp3(1_000);
    both[4..8].copy_from_slice(b"moov");
    assert_eq!(length_of(&both), None);
}
