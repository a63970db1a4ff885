//! Token counts on their way from the meter into the record.

/// As the record holds them. There, cache writes for an hour are not among those for five minutes.
pub(crate) fn recorded(usage: &price_book::TokenUsage) -> events::TokenUsage {
    events::TokenUsage {
        input: usage.input,
        cached_input: usage.cached_input,
        cache_write: usage.cache_write.saturating_sub(usage.cache_write_1h),
        cache_write_1h: usage.cache_write_1h,
        output: usage.output,
        reasoning: usage.reasoning,
    }
}
