//! Token counts: what an answer costs, decided before it is written.

use crate::{
    provider::{Dialect, Route},
    request::Asked,
    script::Script,
    target::Target,
};

/// Output tokens of an answer that no script speaks about.
const PLAIN_OUTPUT: u64 = 12;
/// What OpenAI allows.
const MOST_CHOICES: u64 = 128;

/// The tokens of one call. Cached tokens and cache writes are part of the input, reasoning is
/// part of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cached: u64,
    pub cache_write: u64,
    pub reasoning: u64,
    /// Characters to be spoken, where the model is charged by them and not by tokens.
    pub characters: u64,
    /// Seconds of a recording, where the model is charged by them and not by tokens.
    pub audio_seconds: u64,
}

/// The tokens of a whole call, and of each of its alternative answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Count {
    pub tokens: Tokens,
    /// Alternative answers.
    pub choices: u64,
    /// Output tokens of each that are text, not reasoning.
    pub visible_each: u64,
    /// The caller's cap ended the answer.
    pub capped: bool,
}

impl Count {
    /// Counts what a call costs when its answer is generated text.
    pub fn of_text(asked: &Asked, script: &Script, target: Target<'_>) -> Self {
        let choices = match target.route {
            Route::Chat
            | Route::Images
            | Route::ImageEdits
            | Route::Generate
            | Route::StreamGenerate => asked.choices.unwrap_or(1),
            _ => 1,
        };
        let choices = choices.clamp(1, MOST_CHOICES);
        let wanted = script
            .output_tokens
            .unwrap_or(PLAIN_OUTPUT + script.reasoning_tokens);
        let each = asked.max_output.map_or(wanted, |cap| wanted.min(cap));
        let reasoning_each = script.reasoning_tokens.min(each);
        Self {
            tokens: Tokens {
                output: each * choices,
                reasoning: reasoning_each * choices,
                ..Tokens::of_input(asked, script, target.dialect)
            },
            choices,
            visible_each: each - reasoning_each,
            capped: each < wanted,
        }
    }
}

impl Tokens {
    /// Counts what a call costs when nothing is generated.
    pub fn of_input(asked: &Asked, script: &Script, dialect: Dialect) -> Self {
        // Google neither tells nor bills them per call.
        let cache_write = if dialect == Dialect::Google {
            0
        } else {
            script.cache_write_tokens
        };
        let counted = script
            .input_tokens
            .unwrap_or(asked.characters().div_ceil(4).max(1));
        Self {
            input: counted.max(script.cached_tokens + cache_write),
            cached: script.cached_tokens,
            cache_write,
            ..Self::default()
        }
    }

    /// What a model charges for that counts characters or seconds: them, and no tokens.
    pub fn beyond_tokens(asked: &Asked, model: &str, route: Route) -> Option<Self> {
        if route == Route::Speech && model.starts_with("tts-") {
            return Some(Self {
                characters: asked.characters(),
                ..Self::default()
            });
        }
        (route.hears() && model.starts_with("whisper")).then(|| Self {
            audio_seconds: asked.audio_seconds,
            ..Self::default()
        })
    }

    /// What of them was generated when `sent` of `all` chunks were.
    pub fn after(self, sent: u32, all: u32) -> Self {
        if all == 0 || sent >= all {
            return self;
        }
        let output = (self.output * u64::from(sent)).div_ceil(u64::from(all));
        Self {
            output,
            reasoning: self.reasoning.min(output),
            ..self
        }
    }

    /// Adds those of another call.
    pub fn add(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cached += other.cached;
        self.cache_write += other.cache_write;
        self.reasoning += other.reasoning;
        self.characters += other.characters;
        self.audio_seconds += other.audio_seconds;
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::*;

    const CHAT: &str = "/openai/v1/chat/completions";
    const MESSAGES: &str = "/anthropic/v1/messages";
    const GENERATE: &str = "/google/v1/models/m:generateContent";

    fn count(asked: &str, script: &str, path: &str) -> Count {
        let asked = serde_json::from_str(asked).unwrap();
        let target = Target::find(&Method::POST, path).unwrap();
        Count::of_text(&asked, &serde_json::from_str(script).unwrap(), target)
    }

    #[test]
    fn input_is_a_quarter_of_the_characters_and_at_least_one() {
        let plain = count(r#"{"messages":[{"content":"12345"}]}"#, "{}", CHAT);
        assert_eq!((plain.tokens.input, plain.tokens.output), (2, 12));
        assert_eq!(count("{}", "{}", CHAT).tokens.input, 1);
    }

    #[test]
    fn the_callers_cap_holds_against_the_script() {
        let capped = count(r#"{"max_tokens":5}"#, r#"{"output_tokens":50}"#, CHAT);
        assert_eq!((capped.tokens.output, capped.capped), (5, true));
        let free = count(r#"{"max_tokens":50}"#, "{}", CHAT);
        assert_eq!((free.tokens.output, free.capped), (12, false));
    }

    #[test]
    fn parts_never_exceed_their_whole() {
        let script = r#"{"input_tokens":1,"cached_tokens":4,"cache_write_tokens":3,
            "output_tokens":5,"reasoning_tokens":9}"#;
        let anthropic = count("{}", script, MESSAGES).tokens;
        assert_eq!(
            (anthropic.input, anthropic.cached, anthropic.cache_write),
            (7, 4, 3)
        );
        assert_eq!((anthropic.output, anthropic.reasoning), (5, 5));
        assert_eq!(count("{}", script, GENERATE).tokens.cache_write, 0);
    }

    #[test]
    fn alternatives_are_all_paid_for() {
        let two = count(r#"{"n":2}"#, "{}", CHAT);
        assert_eq!((two.tokens.output, two.visible_each), (24, 12));
        assert_eq!(count(r#"{"n":2}"#, "{}", MESSAGES).tokens.output, 12);
    }

    #[test]
    fn half_a_stream_is_half_the_output() {
        let tokens = Tokens {
            input: 3,
            output: 12,
            ..Tokens::default()
        };
        assert_eq!(tokens.after(2, 4).output, 6);
        assert_eq!(tokens.after(0, 4).output, 0);
        assert_eq!(tokens.after(4, 4).output, 12);
        assert_eq!(tokens.after(2, 4).input, 3);
    }
}
