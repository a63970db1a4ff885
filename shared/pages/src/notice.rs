//! A message about what just happened.

use askama::{Template, filters::HtmlSafe};

use crate::component::Tone;

/// A message above the content of a page.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "components/notice.html")]
pub struct Notice {
    tone: Tone,
    text: String,
}

impl Notice {
    /// Something was done.
    #[must_use]
    pub fn good(text: impl Into<String>) -> Self {
        Self {
            tone: Tone::Good,
            text: text.into(),
        }
    }

    /// Something worth knowing.
    #[must_use]
    pub fn info(text: impl Into<String>) -> Self {
        Self {
            tone: Tone::Info,
            text: text.into(),
        }
    }

    /// Something to look at soon.
    #[must_use]
    pub fn caution(text: impl Into<String>) -> Self {
        Self {
            tone: Tone::Caution,
            text: text.into(),
        }
    }

    /// Something did not work.
    #[must_use]
    pub fn bad(text: impl Into<String>) -> Self {
        Self {
            tone: Tone::Bad,
            text: text.into(),
        }
    }

    /// Whether assistive technology should interrupt to read it.
    fn role(&self) -> &'static str {
        if self.tone == Tone::Bad {
            "alert"
        } else {
            "status"
        }
    }
}

// Its text is escaped by its own template.
impl HtmlSafe for Notice {}
