//! What a call counts in, and when it ended.

use super::*;

#[test]
fn usage_counts_only_in_what_the_model_charges_for() {
    let tokens = TokenUsage {
        input: 1,
        ..TokenUsage::default()
    };
    let seconds = TokenUsage {
        audio_seconds: 1,
        ..TokenUsage::default()
    };
    for (unit, of_tokens, of_seconds) in [
        (Some(Unit::Tokens), true, false),
        (None, true, false),
        (Some(Unit::Seconds), false, true),
    ] {
        let counted = [tokens, seconds].map(|told| is_counted_in(&told, unit));
        assert_eq!(counted, [of_tokens, of_seconds], "{unit:?}");
    }
}

proptest::proptest! {
    /// What a proxy knows is when the limits held a call, in whole milliseconds, and how long it lasted.
    #[test]
    fn a_call_ends_before_what_was_held_later(held in 0..2_000_000_000_000_000_i64, lasted in 0..10_000_000_i64) {
        let limits_tell = |microsecond: i64| Timestamp::from_millisecond(microsecond / 1_000).unwrap();
        let ended = end_of(limits_tell(held), Duration::from_micros(lasted.unsigned_abs()));
        let next = limits_tell(held + lasted);
        proptest::prop_assert!(ended <= next, "{ended} after {next}");
        proptest::prop_assert!(next.duration_since(ended) <= SignedDuration::from_millis(1));
    }
}
