//! Small parts that pages are made of. In a template a component is written `{{ badge }}`: its own
//! template escapes what it is given.

use askama::{Template, filters::HtmlSafe};

/// What a colour and a word mean together. The word always says it; the colour only helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to do.
    Neutral,
    /// Worth knowing.
    Info,
    /// As it should be.
    Good,
    /// To look at soon.
    Caution,
    /// Wrong, or ended.
    Bad,
}

impl Tone {
    /// The name of the style.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Info => "info",
            Self::Good => "good",
            Self::Caution => "caution",
            Self::Bad => "bad",
        }
    }
}

/// A word or two about the state of a thing: `Active`, `Unverified`, `Expires in 2 days`.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    source = r#"<span class="badge {{ tone.as_str() }}">{{ text }}</span>"#,
    ext = "html"
)]
pub struct Badge {
    tone: Tone,
    text: String,
}

/// The hidden field that ties a form to the session it is shown in.
#[derive(Clone, Template)]
#[template(
    source = r#"<input type="hidden" name="csrf" value="{{ token }}">"#,
    ext = "html"
)]
pub struct CsrfField {
    pub(crate) token: String,
}

/// A value to take elsewhere, with a button that copies it.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "components/copyable.html")]
pub struct Copyable {
    id: &'static str,
    label: String,
    value: String,
}

/// What a list shows while it is empty: what would be here, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "components/empty.html")]
pub struct Empty {
    title: String,
    text: String,
    action: Option<(String, String)>,
}

/// A button that asks before it does what cannot be undone. Works without scripts, too: then it
/// does it at once.
#[derive(Clone, Template)]
#[template(path = "components/confirm.html")]
pub struct Confirm {
    action: String,
    csrf: CsrfField,
    button: String,
    question: String,
    consequence: String,
}

impl Badge {
    /// A badge.
    #[must_use]
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            tone,
            text: text.into(),
        }
    }
}

impl Copyable {
    /// A value under a label. `id` is unique on the page.
    #[must_use]
    pub fn new(id: &'static str, label: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            id,
            label: label.into(),
            value: value.into(),
        }
    }
}

impl Empty {
    /// What would be here.
    #[must_use]
    pub fn new(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            text: text.into(),
            action: None,
        }
    }

    /// The link to what to do next.
    #[must_use]
    pub fn action(mut self, label: impl Into<String>, path: impl Into<String>) -> Self {
        self.action = Some((label.into(), path.into()));
        self
    }
}

impl Confirm {
    /// A form of one button that posts to `action`.
    #[must_use]
    pub fn new(csrf: CsrfField, action: impl Into<String>, button: impl Into<String>) -> Self {
        let button = button.into();
        let question = format!("{button}?");
        Self {
            action: action.into(),
            csrf,
            button,
            question,
            consequence: String::new(),
        }
    }

    /// What is asked, and what follows from yes.
    #[must_use]
    pub fn asking(mut self, question: impl Into<String>, consequence: impl Into<String>) -> Self {
        self.question = question.into();
        self.consequence = consequence.into();
        self
    }
}

// Each escapes what it is given in its own template.
impl HtmlSafe for Badge {}
impl HtmlSafe for CsrfField {}
impl HtmlSafe for Copyable {}
impl HtmlSafe for Empty {}
impl HtmlSafe for Confirm {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_escape_what_they_are_given() {
        let evil = "<script>alert(1)</script>\" onclick=\"x";
        let rendered = [
            Badge::new(Tone::Good, evil).to_string(),
            Copyable::new("c", evil, evil).to_string(),
            Empty::new(evil, evil).action(evil, evil).to_string(),
            Confirm::new(
                CsrfField {
                    token: evil.to_owned(),
                },
                evil,
                evil,
            )
            .asking(evil, evil)
            .to_string(),
            crate::Notice::bad(evil).to_string(),
            crate::Field::text("n", evil)
                .value(evil)
                .hint(evil)
                .error(evil)
                .to_string(),
        ];
        for html in rendered {
            assert!(!html.contains("<script"), "{html}");
            assert!(!html.contains("\" onclick"), "{html}");
        }
    }
}
