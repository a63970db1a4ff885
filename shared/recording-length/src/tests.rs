use crate::{Length, length_of};

macro_rules! sample {
    ($name:literal) => {
        include_bytes!(concat!("../tests/data/", $name)).as_slice()
    };
}

/// Each with what ffmpeg decodes of it, in hundredths of a second.
const SAMPLES: [(&str, &[u8], u64); 10] = [
    ("wav", sample!("tone.wav"), 100),
    ("mp3", sample!("tone.mp3"), 250),
    ("flac", sample!("hour.flac"), 360_000),
    ("opus", sample!("silence.opus"), 2_000),
    ("vorbis", sample!("tone.ogg"), 250),
    ("m4a", sample!("tone.m4a"), 256),
    ("fragmented", sample!("live.mp4"), 262),
    ("webm", sample!("live.webm"), 250),
    ("opus in mp4", sample!("opus.mp4"), 251),
    ("matroska", sample!("opus.mka"), 250),
];

pub(crate) fn length(seconds: u64, at_most: u64) -> Option<Length> {
    Some(Length { seconds, at_most })
}

pub(crate) fn wav(rate: u32, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
    let frame = channels.saturating_mul(bits.div_ceil(8));
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
    wav.extend(channels.to_le_bytes());
    wav.extend(rate.to_le_bytes());
    wav.extend(rate.saturating_mul(frame.into()).to_le_bytes());
    wav.extend(frame.to_le_bytes());
    wav.extend(bits.to_le_bytes());
    wav.extend(b"data");
    wav.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    wav.extend(data);
    wav
}

/// MPEG-2 layer III at 8 kbit/s and 24 kHz: 576 samples in each 24 bytes.
pub(crate) fn mp3(frames: usize) -> Vec<u8> {
    let mut frame = b"\xff\xf3\x14\xc4".to_vec();
    frame.resize(24, 0);
    frame.repeat(frames)
}

pub(crate) fn ogg_page(flags: u8, serial: u32, lacing: &[u8], body: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend([0; 8]);
    page.extend(serial.to_le_bytes());
    page.extend([0; 8]);
    page.push(u8::try_from(lacing.len()).unwrap());
    page.extend(lacing);
    page.extend(body);
    let sum = super::ogg::sum(&super::ogg::checksums(), &page);
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}

#[test]
fn all_samples_are_as_long_as_they_sound() {
    for (name, bytes, hundredths) in SAMPLES {
        let length = length_of(bytes).unwrap();
        println!("{name}: {length:?} of {hundredths}");
        assert!(length.seconds * 100 >= hundredths, "{name}: {length:?}");
        assert!(length.seconds <= hundredths / 100 + 1, "{name}: {length:?}");
        assert!(length.at_most >= length.seconds, "{name}: {length:?}");
        assert!(length.at_most <= hundredths / 50 + 1, "{name}: {length:?}");
    }
}

#[test]
fn what_is_no_known_container_has_no_length() {
    for bytes in [
        b"".as_slice(),
        b"x",
        b"ID3",
        &[0; 4_000],
        b"hello, world, how are you",
    ] {
        assert_eq!(length_of(bytes), None);
    }
    let mut random = 1;
    let noise: Vec<u8> = std::iter::repeat_with(|| next(&mut random))
        .take(9_000)
        .collect();
    assert_eq!(length_of(&noise), None);
}

#[test]
fn a_wav_is_told_by_its_bytes() {
    assert_eq!(length_of(&wav(16_000, 1, 16, &[1; 64_000])), length(2, 2));
    assert_eq!(length_of(&wav(1, 1, 16, &[1; 64_000])), None);
    assert_eq!(length_of(&wav(3_999, 1, 16, &[1; 64_000])), None);
    assert_eq!(length_of(&wav(16_000, 0, 16, &[1; 64_000])), None);

    let mut unknown_size = wav(16_000, 1, 16, &[1; 64_000]);
    unknown_size[40..44].copy_from_slice(&[0xff; 4]);
    assert_eq!(length_of(&unknown_size), length(2, 2));
    let mut too_small = wav(16_000, 1, 16, &[1; 320_000]);
    too_small[40..44].copy_from_slice(&32_000_u32.to_le_bytes());
    assert_eq!(length_of(&too_small), length(1, 10));
    let mut two_formats = wav(16_000, 1, 16, &[1; 64_000]);
    two_formats.extend(wav(4_000, 1, 8, &[1; 64]).split_off(12));
    assert_eq!(length_of(&two_formats), None);
}

#[test]
fn a_wav_that_hides_packed_sound_is_refused() {
    assert_eq!(length_of(&wav(48_000, 2, 16, &mp3(1_000))), None);
    assert_eq!(length_of(&wav(48_000, 2, 16, sample!("tone.ac3"))), None);
    let dts = b"\xfe\x7f\x01\x80".repeat(100);
    assert_eq!(length_of(&wav(48_000, 2, 16, &dts)), None);
}

#[test]
fn an_mp3_is_told_by_its_frames() {
    // 24 ms each.
    assert_eq!(length_of(&mp3(1_000)), length(24, 24));

    let mut lying = mp3(1_000);
    lying[13..25].copy_from_slice(b"Xing\0\0\0\x01\0\0\0\x01");
    lying[24] = 0xff;
    assert_eq!(length_of(&lying), length(24, 24));

    let mut tagged = b"ID3\x04\0\0\0\0\x01\0".to_vec();
    tagged.extend([0xff; 128]);
    tagged.extend(mp3(1_000));
    tagged.extend(b"TAG");
    tagged.extend([0; 125]);
    assert_eq!(length_of(&tagged), length(24, 24));
}

#[test]
fn junk_in_an_mp3_makes_it_longer_or_refused() {
    let mut junk = mp3(1_000);
    junk.extend([0; 100]);
    junk.extend(mp3(1_000));
    let Length { seconds, at_most } = length_of(&junk).unwrap();
    assert_eq!(seconds, 48);
    assert!((49..60).contains(&at_most), "{at_most}");

    // Frames of 320 kbit/s, each holding many of 8 kbit/s, among those.
    let mut nested = b"\xff\xfb\xe4\xc4".to_vec();
    nested.extend(mp3(39));
    nested.resize(960, 0);
    let mut nested = nested.repeat(100);
    nested.extend(mp3(1));
    let Length { at_most, .. } = length_of(&nested).unwrap();
    assert!(at_most >= 93, "{at_most}");

    junk.extend([0; 70_000]);
    assert_eq!(length_of(&junk), None);
}

#[test]
fn a_flac_is_told_by_its_frames() {
    let mut forged = sample!("hour.flac").to_vec();
    assert_eq!(length_of(&forged), length(3_600, 3_600));
    forged[21] &= 0xf0;
    forged[22..26].copy_from_slice(&16_000_u32.to_be_bytes());
    assert_eq!(length_of(&forged), length(3_600, 3_600));
}

#[test]
fn chained_ogg_streams_are_added_up() {
    let silence = sample!("silence.opus");
    let Length { seconds, at_most } = length_of(&silence.repeat(3)).unwrap();
    assert!((60..=62).contains(&seconds) && at_most >= seconds);
    let mut mixed = silence.to_vec();
    mixed.extend(sample!("tone.ogg"));
    assert!(length_of(&mixed).unwrap().seconds >= 22);
}

#[test]
fn opus_packets_tell_their_length() {
    let mut ogg = ogg_page(2, 7, &[19], b"OggHead\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(length_of(&ogg), None);
    ogg = ogg_page(2, 7, &[19], b"OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0");
    ogg.extend(ogg_page(0, 7, &[8], b"OpusTags"));
    assert_eq!(length_of(&ogg), None);
    // 20 ms, twice 20 ms, three times 20 ms, and a broken one.
    ogg.extend(ogg_page(0, 7, &[1, 1, 2, 1], b"\x08\x09\x0b\x03\x0b"));
    let span = super::span_of(&ogg).unwrap();
    assert_eq!(span.most, 240_000_000);

    ogg.extend(b"zeros");
    assert!(length_of(&ogg).is_some());
    let mut later = ogg.clone();
    later.extend(ogg_page(0, 7, &[1], b"\x08"));
    assert_eq!(length_of(&later), None);
    let mut inside = ogg_page(0, 7, &[1], b"\x08");
    inside = ogg_page(0, 7, &[u8::try_from(inside.len()).unwrap()], &inside);
    ogg.truncate(ogg.len() - 5);
    ogg.extend(inside);
    assert!(length_of(&ogg).is_some());
    ogg.extend(b"zeros");
    assert_eq!(length_of(&ogg), None);
}

#[test]
fn cut_off_files_are_refused_or_no_shorter_than_what_is_left() {
    for (name, bytes, hundredths) in SAMPLES {
        let step = if bytes.len() > 10_000 { 13 } else { 1 };
        for end in (0..bytes.len()).step_by(step) {
            let Some(cut) = length_of(&bytes[..end]) else {
                continue;
            };
            // The samples are even enough for a rough proportion.
            let left =
                hundredths * u64::try_from(end).unwrap() / u64::try_from(bytes.len()).unwrap();
            let slack = 130 + hundredths / 20;
            assert!(
                cut.at_most * 100 + slack >= left,
                "{name} at {end}: {cut:?}"
            );
        }
    }
}

#[test]
fn flipped_bytes_do_not_panic() {
    let mut random = 7;
    for (_, bytes, _) in SAMPLES {
        for _ in 0..1_000 {
            let mut bytes = bytes.to_vec();
            for _ in 0..1 + next(&mut random) % 4 {
                // Mostly in the headers, where it matters most.
                let most = if next(&mut random) < 128 {
                    1_200
                } else {
                    bytes.len()
                };
                let at =
                    (usize::from(next(&mut random)) << 8 | usize::from(next(&mut random))) % most;
                bytes[at] = match next(&mut random) % 3 {
                    0 => 0xff,
                    1 => 0,
                    _ => next(&mut random),
                };
            }
            let _ = length_of(&bytes);
        }
    }
}

fn next(random: &mut u64) -> u8 {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    random.to_be_bytes()[0]
}

/// Noise as a microphone makes it in silence: bytes of it look like marks of other codecs.
#[test]
fn a_quiet_wav_is_what_it_is() {
    let mut state = 1_u64;
    let mut noise = |loud: i64| {
        let mut sum = 0_i64;
        for _ in 0..12 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            sum += i64::try_from(state >> 48).unwrap_or(0);
        }
        i16::try_from((sum - 6 * 65_535) * loud / 65_535).unwrap_or(0)
    };
    for loud in [5, 10, 20, 30, 60, 100, 300, 3_000] {
        for _ in 0..10 {
            let data: Vec<u8> = (0..160_000)
                .flat_map(|_| noise(loud).to_le_bytes())
                .collect();
            assert_eq!(
                length_of(&wav(16_000, 1, 16, &data)),
                length(10, 10),
                "{loud}"
            );
        }
    }
}

#[test]
fn a_block_is_laced_from_no_more_frames_than_it_has_bytes() {
    use crate::{bytes::Bytes, lacing::frames};
    assert!(frames(4, Bytes(&[0xff])).is_none());
    assert_eq!(frames(4, Bytes(&[1, 7, 7])).unwrap().len(), 2);
}
