//! What only OpenRouter takes: it sells the models of others, and a body may say which others, from
//! whom, at what price and with what billed besides.

use money::Nanodollars;

use super::{Ask, AskError, Name, Writes};
use crate::body::{Edits, Members, Place, elements};

/// Members that are read or written here. Another reader must not take others for them.
const MEMBERS: &[Name] = &[&["model"], &["provider"], &["usage"], &["transforms"]];
const MAX_PRICE: &[Name] = &[&["max_price"]];

/// What of `provider` chooses among sellers of the model that was asked. The price is the vault's to
/// cap, and what is not known here is not sent.
const PREFERENCES: [&str; 12] = [
    "order",
    "only",
    "ignore",
    "allow_fallbacks",
    "require_parameters",
    "data_collection",
    "zdr",
    "enforce_distillable_text",
    "quantizations",
    "sort",
    "preferred_min_throughput",
    "preferred_max_latency",
];

/// In the names of models that write images, sounds or videos.
const NOT_TEXT: [&str; 6] = ["image", "audio", "banana", "tts", "video", "omni"];

/// Where the highest price is written that a seller may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceCap {
    place: Place,
    /// `provider` is not there and must be made around it.
    alone: bool,
}

impl PriceCap {
    /// Writes the cap: USD for a million tokens of input and of output, and nothing for a request.
    pub fn write(&self, (input, output): (Nanodollars, Nanodollars), edits: &mut Edits) {
        let cap = format!("{{\"prompt\":{input},\"completion\":{output},\"request\":0}}");
        if self.alone {
            let provider = format!("{{\"max_price\":{cap}}}");
            edits.set(&self.place, "provider", &provider);
        } else {
            edits.set(&self.place, "max_price", &cap);
        }
    }
}

/// Refuses what would reach another model or another bill, caps the price, and has the cost told.
pub(super) fn bind(ask: &mut Ask, body: &[u8]) -> Result<(), AskError> {
    let members = Members::of_body(body, MEMBERS)?;
    let model = ask.model.to_ascii_lowercase();
    if model.ends_with(":online") {
        return Err(AskError::Unbounded(format!("the model `{}`", ask.model)));
    }
    // The book has no rates for what is not text there.
    let (_, of_maker) = model.rsplit_once('/').unwrap_or(("", &model));
    if NOT_TEXT.iter().any(|mark| of_maker.contains(mark)) {
        return Err(AskError::Unbounded(format!("the model `{}`", ask.model)));
    }
    if ask.writes != Writes::default() {
        return Err(AskError::Unbounded("writing images or sounds".to_owned()));
    }
    if ask.input.whole_window {
        // Documents are read by a further service, billed by the page.
        return Err(AskError::Unbounded(
            "reading a file or a recording".to_owned(),
        ));
    }
    expect_plain_transforms(&members)?;
    ask.price_cap = Some(price_cap(&members)?);
    let place = members.place("usage");
    ask.edits.set(&place, "usage", r#"{"include":true}"#);
    Ok(())
}

fn price_cap(members: &Members<'_>) -> Result<PriceCap, AskError> {
    let Some(preferences) = members.object("provider", MAX_PRICE)? else {
        return Ok(PriceCap {
            place: members.place("provider"),
            alone: true,
        });
    };
    let reason = if preferences.has("max_price") {
        "may not hold `max_price`: the vault sets it to the price that limits are counted at"
    } else {
        "holds a preference that is not known here"
    };
    if preferences.names().any(|name| !PREFERENCES.contains(&name)) {
        return Err(AskError::Value {
            member: "provider",
            reason,
        });
    }
    Ok(PriceCap {
        place: preferences.place("max_price"),
        alone: false,
    })
}

/// Only the one that shortens a prompt costs nothing for certain.
fn expect_plain_transforms(members: &Members<'_>) -> Result<(), AskError> {
    let Some((json, at)) = members.raw("transforms") else {
        return Ok(());
    };
    let plain = elements(json, at)
        .is_some_and(|all| all.iter().all(|(element, _)| *element == "\"middle-out\""));
    if plain {
        return Ok(());
    }
    Err(AskError::Value {
        member: "transforms",
        reason: "may hold `middle-out` alone",
    })
}

#[cfg(test)]
#[path = "openrouter_tests.rs"]
mod tests;
