//! One field of a form: label, control, hint and, where it was wrong, the error beside it.

use askama::{Template, filters::HtmlSafe};

/// A field of a form, written `{{ field }}` in a template.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "components/field.html")]
pub struct Field {
    name: &'static str,
    label: String,
    control: Control,
    value: String,
    hint: Option<String>,
    error: Option<String>,
    required: bool,
    autocomplete: &'static str,
    placeholder: String,
    prefix: &'static str,
    suffix: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Control {
    Input {
        kind: &'static str,
        inputmode: &'static str,
    },
    Area,
    Select(Vec<Choice>),
    Checks(Vec<Choice>),
}

/// One of several values to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    value: String,
    label: String,
    note: String,
    chosen: bool,
}

impl Choice {
    /// A value, and what people read for it.
    #[must_use]
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            note: String::new(),
            chosen: false,
        }
    }

    /// A few words beside the label.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Chosen from the start.
    #[must_use]
    pub const fn chosen(mut self, chosen: bool) -> Self {
        self.chosen = chosen;
        self
    }
}

impl Field {
    /// One line of text.
    #[must_use]
    pub fn text(name: &'static str, label: impl Into<String>) -> Self {
        Self::of(
            name,
            label,
            Control::Input {
                kind: "text",
                inputmode: "text",
            },
        )
    }

    /// An e-mail address.
    #[must_use]
    pub fn email(name: &'static str, label: impl Into<String>) -> Self {
        let field = Self::of(
            name,
            label,
            Control::Input {
                kind: "email",
                inputmode: "email",
            },
        );
        Self {
            autocomplete: "username",
            ..field
        }
    }

    /// A URL.
    #[must_use]
    pub fn url(name: &'static str, label: impl Into<String>) -> Self {
        Self::of(
            name,
            label,
            Control::Input {
                kind: "url",
                inputmode: "url",
            },
        )
    }

    /// A secret: not shown while typed, never filled in again, not kept by the browser.
    #[must_use]
    pub fn secret(name: &'static str, label: impl Into<String>) -> Self {
        let control = Control::Input {
            kind: "password",
            inputmode: "text",
        };
        Self {
            autocomplete: "off",
            ..Self::of(name, label, control)
        }
    }

    /// An amount in US dollars.
    #[must_use]
    pub fn money(name: &'static str, label: impl Into<String>) -> Self {
        let control = Control::Input {
            kind: "text",
            inputmode: "decimal",
        };
        Self {
            prefix: "$",
            suffix: "USD",
            ..Self::of(name, label, control)
        }
    }

    /// A whole number, with the word for what is counted.
    #[must_use]
    pub fn count(name: &'static str, label: impl Into<String>, of: &'static str) -> Self {
        let control = Control::Input {
            kind: "text",
            inputmode: "numeric",
        };
        Self {
            suffix: of,
            ..Self::of(name, label, control)
        }
    }

    /// A calendar day.
    #[must_use]
    pub fn date(name: &'static str, label: impl Into<String>) -> Self {
        Self::of(
            name,
            label,
            Control::Input {
                kind: "date",
                inputmode: "text",
            },
        )
    }

    /// Several lines of text.
    #[must_use]
    pub fn area(name: &'static str, label: impl Into<String>) -> Self {
        Self::of(name, label, Control::Area)
    }

    /// One of several values.
    #[must_use]
    pub fn select(name: &'static str, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::of(name, label, Control::Select(choices))
    }

    /// Any of several values; a `Vec` on the receiving side.
    #[must_use]
    pub fn checks(name: &'static str, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::of(name, label, Control::Checks(choices))
    }

    fn of(name: &'static str, label: impl Into<String>, control: Control) -> Self {
        Self {
            name,
            label: label.into(),
            control,
            value: String::new(),
            hint: None,
            error: None,
            required: false,
            autocomplete: "off",
            placeholder: String::new(),
            prefix: "",
            suffix: "",
        }
    }

    /// What stands in it. A secret stays empty.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        let secret = matches!(
            self.control,
            Control::Input {
                kind: "password",
                ..
            }
        );
        self.value = if secret { String::new() } else { value.into() };
        self
    }

    /// What helps to fill it in.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What is wrong with what stands in it.
    #[must_use]
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }

    /// What is wrong with it, if anything.
    #[must_use]
    pub fn maybe_error(mut self, error: Option<String>) -> Self {
        self.error = error;
        self
    }

    /// Must be filled in.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// An example, shown while it is empty.
    #[must_use]
    pub fn placeholder(mut self, placeholder: impl Into<String>) -> Self {
        self.placeholder = placeholder.into();
        self
    }

    /// What the browser may fill in (HTML standard, autofill detail tokens).
    #[must_use]
    pub const fn autocomplete(mut self, token: &'static str) -> Self {
        self.autocomplete = token;
        self
    }

    /// The ids of the texts that describe the control, for `aria-describedby`.
    fn described_by(&self) -> String {
        let hint = self.hint.as_ref().map(|_| format!("{}-hint", self.name));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.name));
        [hint, error]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

// Its template escapes what it is given.
impl HtmlSafe for Field {}
