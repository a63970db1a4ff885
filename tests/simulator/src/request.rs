//! The body of a call, as far as an answer depends on it, in every dialect at once.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

use crate::prompt::Prompt;

/// What a caller asked for. A member that is named twice counts as it was named last, which is
/// what the providers do.
#[derive(Debug, Default)]
pub struct Asked {
    pub model: Option<String>,
    pub stream: bool,
    pub stream_options: Option<StreamOptions>,
    /// The caller's cap on output tokens, under whichever name.
    pub max_output: Option<u64>,
    /// How many alternative answers (`n`, `candidateCount`).
    pub choices: Option<u64>,
    /// Embeddings as base64 instead of a list of numbers.
    pub base64: bool,
    /// The length of an embedding.
    pub dimensions: Option<usize>,
    /// What the user, and whoever spoke before, says; missing when no member held it.
    pub prompt: Option<Prompt>,
    /// What the app says before them.
    pub system: Prompt,
    /// The prompts of a batch.
    pub batch: Vec<Prompt>,
    /// How a transcription is to be written.
    pub response_format: Option<String>,
    /// How long the recording is.
    pub audio_seconds: u64,
    /// There are tools that may be called.
    pub offers_tools: bool,
}

/// OpenAI's `stream_options`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct StreamOptions {
    pub include_usage: Option<bool>,
    pub include_obfuscation: Option<bool>,
}

/// Google's `generationConfig`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GenerationConfig {
    #[serde(alias = "max_output_tokens")]
    max_output_tokens: Option<u64>,
    #[serde(alias = "candidate_count")]
    candidate_count: Option<u64>,
}

/// An element of Google's `requests`, and its `generateContentRequest`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Inner {
    #[serde(alias = "contents")]
    content: Prompt,
    #[serde(alias = "system_instruction")]
    system_instruction: Prompt,
    #[serde(alias = "output_dimensionality")]
    output_dimensionality: Option<usize>,
}

impl Asked {
    /// Characters of the whole prompt.
    pub fn characters(&self) -> u64 {
        self.system.characters
            + self.prompt.as_ref().map_or(0, |prompt| prompt.characters)
            + self
                .batch
                .iter()
                .map(|prompt| prompt.characters)
                .sum::<u64>()
    }

    /// The script that the prompt carries.
    pub fn script(&self) -> Option<&str> {
        let in_batch = self
            .batch
            .iter()
            .rev()
            .find_map(|prompt| prompt.script.as_deref());
        self.prompt
            .as_ref()
            .and_then(|prompt| prompt.script.as_deref())
            .or(in_batch)
    }

    fn take_member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        body: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "model" => self.model = body.next_value()?,
            "stream" => self.stream = body.next_value::<Option<bool>>()?.unwrap_or(false),
            "stream_options" => {
                self.stream_options = body.next_value()?;
            }
            "max_tokens" | "max_completion_tokens" | "max_output_tokens" => {
                self.max_output = body.next_value::<Option<u64>>()?.or(self.max_output);
            }
            "stream_format" => {
                self.stream = body.next_value::<Option<String>>()?.as_deref() == Some("sse");
            }
            "n" => self.choices = body.next_value()?,
            "messages" | "input" | "prompt" | "contents" | "content" => {
                self.prompt = body.next_value()?;
            }
            "system" | "instructions" | "systemInstruction" | "system_instruction" => {
                self.system = body.next_value()?;
            }
            "generationConfig" | "generation_config" => {
                let config: GenerationConfig = body.next_value::<Option<_>>()?.unwrap_or_default();
                self.max_output = config.max_output_tokens.or(self.max_output);
                self.choices = config.candidate_count.or(self.choices);
            }
            "generateContentRequest" | "generate_content_request" => {
                let inner: Inner = body.next_value()?;
                self.prompt = Some(inner.content);
                self.system = inner.system_instruction;
            }
            "requests" => {
                let batch: Vec<Inner> = body.next_value()?;
                self.dimensions = batch.iter().find_map(|inner| inner.output_dimensionality);
                self.batch = batch.into_iter().map(|inner| inner.content).collect();
            }
            "encoding_format" => {
                self.base64 = body.next_value::<Option<String>>()?.as_deref() == Some("base64");
            }
            "dimensions" | "outputDimensionality" | "output_dimensionality" => {
                self.dimensions = body.next_value()?;
            }
            "tools" => {
                body.next_value::<IgnoredAny>()?;
                self.offers_tools = true;
            }
            _ => {
                body.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Asked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Body;
        impl<'de> Visitor<'de> for Body {
            type Value = Asked;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut body: A) -> Result<Asked, A::Error> {
                let mut asked = Asked::default();
                while let Some(name) = body.next_key::<MemberName>()? {
                    asked
                        .take_member(&name.0, &mut body)
                        .map_err(|error| A::Error::custom(format!("'{}': {error}", name.0)))?;
                }
                Ok(asked)
            }
        }
        deserializer.deserialize_map(Body)
    }
}

/// A member's name; every name that matters is short, so this seldom leaves the small allocation.
#[derive(Deserialize)]
#[serde(transparent)]
struct MemberName(String);

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: &str) -> Asked {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn each_dialects_names_are_understood() {
        let openai = asked(
            r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}],"stream":true,
               "stream_options":{"include_usage":true},"max_completion_tokens":5,"n":2}"#,
        );
        assert_eq!(openai.model.as_deref(), Some("gpt-4o"));
        assert!(openai.stream);
        assert_eq!(openai.stream_options.unwrap().include_usage, Some(true));
        assert_eq!((openai.max_output, openai.choices), (Some(5), Some(2)));

        let anthropic = asked(
            r#"{"model":"c","system":[{"type":"text","text":"abc"}],"max_tokens":7,
               "messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}"#,
        );
        assert_eq!((anthropic.characters(), anthropic.max_output), (8, Some(7)));

        let google = asked(
            r#"{"systemInstruction":{"parts":[{"text":"abc"}]},
               "contents":{"role":"user","parts":{"text":"hello"}},
               "generationConfig":{"maxOutputTokens":9,"candidateCount":3}}"#,
        );
        assert_eq!(google.characters(), 8);
        assert_eq!((google.max_output, google.choices), (Some(9), Some(3)));

        let batch = asked(
            r#"{"requests":[{"model":"m","content":{"parts":[{"text":"a"},{"text":"b"}]}},
               {"model":"m","content":{"parts":[{"text":"cd"}]}}]}"#,
        );
        assert_eq!((batch.batch.len(), batch.characters()), (2, 4));
    }

    #[test]
    fn a_member_named_twice_counts_as_named_last() {
        assert_eq!(
            asked(r#"{"model":"a","model":"b"}"#).model.as_deref(),
            Some("b")
        );
    }

    #[test]
    fn a_wrong_type_is_refused_by_name() {
        let error = serde_json::from_str::<Asked>(r#"{"stream":"yes"}"#).unwrap_err();
        assert!(error.to_string().contains("stream"), "{error}");
        assert!(serde_json::from_str::<Asked>("[]").is_err());
    }
}
