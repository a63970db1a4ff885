//! A whole stream, written beforehand: the bytes, and where each event in them ends.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::script::Script;

/// Stands in a [`Template`]'s value where the text goes.
pub const HOLE: &str = "\u{1}";
const HOLE_AS_JSON: &str = "\"\\u0001\"";

/// What an event of a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Before any content.
    Opening,
    /// A chunk of content; these are paced and counted.
    Content,
    /// After all content.
    Closing,
}

/// An event of a stream.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    pub end: usize,
    pub kind: Kind,
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Whole,
    /// With the provider's error event.
    Failed,
    /// The connection drops.
    Cut,
}

/// A whole stream. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Frames {
    pub bytes: Bytes,
    pub marks: Arc<[Mark]>,
    /// Chunks of content that the stream would have if nothing ended it early.
    pub content: u32,
    pub ending: Ending,
}

/// Writes a stream event by event.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
    marks: Vec<Mark>,
    content: u32,
}

impl Writer {
    /// Writes one event from its parts.
    pub fn event(&mut self, kind: Kind, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
        self.content += u32::from(kind == Kind::Content);
        self.marks.push(Mark {
            end: self.text.len(),
            kind,
        });
    }

    /// Writes one event from a template.
    pub fn fill(&mut self, kind: Kind, template: &Template, piece: &str) {
        self.text.push_str(&template.head);
        push_json_string(&mut self.text, piece);
        self.event(kind, &[&template.tail]);
    }

    /// Ends the stream as the script wants it; `error` writes the provider's error event.
    pub fn finish(mut self, script: &Script, error: impl FnOnce() -> String) -> Frames {
        let mut ending = Ending::Whole;
        if let Some(chunks) = script.cut_after_chunks {
            self.keep(chunks);
            ending = Ending::Cut;
        } else if let Some(chunks) = script.error_after_chunks {
            self.keep(chunks);
            self.event(Kind::Closing, &[&error()]);
            ending = Ending::Failed;
        }
        Frames {
            bytes: Bytes::from(self.text),
            marks: self.marks.into(),
            content: self.content,
            ending,
        }
    }

    /// Drops everything behind the given chunk of content.
    fn keep(&mut self, chunks: u32) {
        let mut seen = 0;
        let kept = self.marks.iter().take_while(|mark| {
            seen += u32::from(mark.kind == Kind::Content);
            seen <= chunks && (mark.kind != Kind::Closing)
        });
        let kept = kept.count();
        self.marks.truncate(kept);
        self.text
            .truncate(self.marks.last().map_or(0, |mark| mark.end));
    }
}

/// An event that recurs with another text each time.
#[derive(Debug)]
pub struct Template {
    head: String,
    tail: String,
}

impl Template {
    /// Makes a template of an event's data, where [`HOLE`] stands for the text.
    pub fn new(before: &str, data: &Value, after: &str) -> Self {
        let json = data.to_string();
        let (head, tail) = json.split_once(HOLE_AS_JSON).unwrap_or((&json, ""));
        Self {
            head: format!("{before}{head}"),
            tail: format!("{tail}{after}"),
        }
    }
}

/// Appends a text as a JSON string.
pub fn push_json_string(out: &mut String, text: &str) {
    let is_plain = text
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if is_plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frames(script: &str) -> Frames {
        let mut writer = Writer::default();
        writer.event(Kind::Opening, &["open "]);
        let template = Template::new("<", &json!({ "text": HOLE }), "> ");
        for piece in ["a", "\"b\"", "c"] {
            writer.fill(Kind::Content, &template, piece);
        }
        writer.event(Kind::Closing, &["close"]);
        writer.finish(&serde_json::from_str(script).unwrap(), || {
            "error".to_owned()
        })
    }

    #[test]
    fn a_template_is_filled_with_escaped_text() {
        let whole = frames("{}");
        assert_eq!(
            whole.bytes,
            r#"open <{"text":"a"}> <{"text":"\"b\""}> <{"text":"c"}> close"#
        );
        assert_eq!((whole.content, whole.ending), (3, Ending::Whole));
    }

    #[test]
    fn a_stream_ends_early_where_the_script_says() {
        assert_eq!(
            frames(r#"{"cut_after_chunks":1}"#).bytes,
            r#"open <{"text":"a"}> "#
        );
        assert_eq!(frames(r#"{"cut_after_chunks":0}"#).bytes, "open ");
        assert!(
            !frames(r#"{"cut_after_chunks":9}"#)
                .bytes
                .ends_with(b"close")
        );
        let failed = frames(r#"{"error_after_chunks":1}"#);
        assert_eq!(failed.bytes, r#"open <{"text":"a"}> error"#);
        assert_eq!((failed.content, failed.ending), (3, Ending::Failed));
    }
}
