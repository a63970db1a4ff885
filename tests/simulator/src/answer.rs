//! What an answer depends on, and what it is.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;

use crate::{
    frames::Frames,
    provider::{Dialect, Provider, Route},
    request::Asked,
    script::Script,
    target::Target,
    text,
    tokens::{Count, Tokens},
    turn::Turn,
};

/// Everything that an answer depends on: equal plans have byte-equal answers, ids included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Plan {
    pub provider: Provider,
    pub dialect: Dialect,
    pub route: Route,
    pub model: String,
    pub count: Count,
    pub form: Form,
    /// The caller wants OpenAI's usage event in a stream.
    pub include_usage: bool,
    /// OpenAI pads its events against traffic analysis unless told not to.
    pub obfuscation: bool,
    pub embeddings: Embeddings,
    pub script: Script,
    /// What was sent, to be given back.
    pub echo: Option<String>,
    pub turn: Turn,
}

/// How an answer goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    Json,
    /// Server-sent events.
    Events,
    /// Google's stream without `alt=sse`: one JSON list, element by element.
    List,
    /// The bytes of a sound.
    Sound,
    /// Plain text.
    Text,
}

impl Form {
    fn of(asked: &Asked, route: Route) -> Self {
        match asked.response_format.as_deref() {
            _ if asked.stream => Self::Events,
            Some("text" | "srt" | "vtt") => Self::Text,
            _ if route == Route::Speech => Self::Sound,
            _ => Self::Json,
        }
    }
}

/// What an embeddings call asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Embeddings {
    pub inputs: u64,
    pub dimensions: Option<usize>,
    pub base64: bool,
}

/// An answer, ready to go out. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Answer {
    Json(Bytes),
    Stream(Frames),
}

impl Plan {
    /// Plans the answer to what was asked.
    pub fn new(target: Target<'_>, asked: &Asked, model: String, script: Script) -> Self {
        let mut count = if target.route.generates() {
            Count::of_text(asked, &script, target)
        } else {
            let tokens = Tokens::of_input(asked, &script, target.dialect);
            Count {
                tokens,
                ..Count::default()
            }
        };
        if let Some(charged) = Tokens::beyond_tokens(asked, &model, target.route) {
            count.tokens = charged;
        }
        let options = asked.stream_options.unwrap_or_default();
        let inputs = asked.prompt.as_ref().map_or(0, |prompt| prompt.inputs);
        Self {
            provider: target.provider,
            dialect: target.dialect,
            route: target.route,
            model,
            count,
            form: Form::of(asked, target.route),
            include_usage: options.include_usage.unwrap_or(false),
            obfuscation: target.provider == Provider::OpenAi
                && options.include_obfuscation.unwrap_or(true),
            embeddings: Embeddings {
                inputs: inputs.max(asked.batch.len() as u64).min(2048),
                dimensions: asked.dimensions,
                base64: asked.base64,
            },
            script,
            echo: None,
            turn: Turn::Talks,
        }
    }

    /// An id for this answer: sixteen hexadecimal digits.
    pub fn id(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// The text of each alternative answer.
    pub fn text(&self) -> String {
        let given = self.echo.as_deref().or_else(|| self.turn.told());
        text::write(self.count.visible_each, &self.script, given).into_owned()
    }

    /// How many chunks of content each alternative answer has in a stream.
    pub fn chunks(&self) -> u32 {
        text::chunk_count(self.count.visible_each, &self.script)
    }

    /// Whether the provider tells the usage.
    pub const fn tells_usage(&self) -> bool {
        !self.script.omit_usage
    }
}
