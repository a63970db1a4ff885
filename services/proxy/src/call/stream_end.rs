//! How the end of a stream is known before its connection ends.

use crate::provider::Endpoint;

/// Whether these bytes end with the event that ends a stream: then the call is settled before the
/// app sees it. Google has no such event; its streams are settled when the connection ends them.
pub(super) fn says_the_end(endpoint: Endpoint, bytes: &[u8]) -> bool {
    let end = bytes.trim_ascii_end();
    if endpoint != Endpoint::Messages {
        return end.ends_with(b"data: [DONE]") || end.ends_with(b"data:[DONE]");
    }
    // Anthropic pads the object with spaces.
    end.strip_suffix(b"}")
        .is_some_and(|inner| inner.trim_ascii_end().ends_with(b"\"message_stop\""))
}

#[cfg(test)]
mod tests {
    use super::says_the_end;
    use crate::provider::Endpoint::{self, ChatCompletions, Messages};

    #[test]
    fn the_end_of_a_stream_is_known() {
        for (endpoint, end) in [
            (ChatCompletions, "data: x\n\ndata: [DONE]\n\n"),
            (ChatCompletions, "data: [DONE]"),
            (
                Messages,
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
            ),
            (Messages, "data: {\"type\": \"message_stop\"     }\n\n"),
        ] {
            assert!(says_the_end(endpoint, end.as_bytes()), "{end}");
        }
        for (endpoint, other) in [
            (ChatCompletions, ""),
            (
                ChatCompletions,
                "data: {\"delta\":{\"content\":\"data: [DONE]\"}}\n\n",
            ),
            (
                Messages,
                "data: {\"delta\":{\"text\":\"\\\"message_stop\\\"\"}}\n\n",
            ),
            (ChatCompletions, "data: [DONE"),
            // The words of another dialect.
            (ChatCompletions, "data: {\"text\":\"message_stop\"}\n\n"),
            (
                Endpoint::StreamGenerateContent,
                "data: {\"a\":\"message_stop\"}",
            ),
            (Messages, "data: [DONE]\n\n"),
        ] {
            assert!(!says_the_end(endpoint, other.as_bytes()), "{other}");
        }
    }
}
