//! What a body says of who is to answer, and the body without it.

use bytes::Bytes;

use crate::{
    body::{BodyError, Edits, Members, Name, elements},
    call::one::order::Order,
    error::Refusal,
};

/// Members that are read here. Another reader must not take others for them.
const OURS: &[Name] = &[&["model"], &["models"], &["route"]];
/// Those that are for us alone: no provider gets them.
const ONLY_OURS: [&str; 2] = ["models", "route"];
/// The most models that one request may name, and the most that are tried for it.
pub(super) const MOST: usize = 8;

/// The models that an app would have, and in which order.
#[derive(Debug, PartialEq)]
pub(super) struct Wish {
    /// As they are named, each once; at least one.
    pub(super) models: Vec<String>,
    /// `None` where nothing is said of it.
    pub(super) order: Option<Order>,
}

impl Wish {
    /// Reads `model`, `models` and `route`. With both of the first, `model` comes first.
    ///
    /// # Errors
    /// When one of them is not as it must be, or could be read in two ways.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let members = Members::of_body(body, OURS)?;
        let first = members.text("model")?.map(String::from);
        let mut models: Vec<String> = Vec::new();
        for model in first.into_iter().chain(alternatives(&members)?) {
            if !models.contains(&model) {
                models.push(model);
            }
        }
        if models.is_empty() {
            return Err(Refusal::of_parameter("model", "`model` is missing"));
        }
        if models.len() > MOST {
            let message = format!("`models` may name at most {MOST} models");
            return Err(Refusal::of_parameter("models", message));
        }
        let order = Order::read(&members)?;
        Ok(Self { models, order })
    }
}

fn alternatives(members: &Members<'_>) -> Result<Vec<String>, Refusal> {
    let Some((json, at)) = members.raw("models") else {
        return Ok(Vec::new());
    };
    let named = elements(json, at).map(|all| {
        let names = all.iter().map(|(name, _)| serde_json::from_str(name).ok());
        names.collect::<Option<Vec<String>>>()
    });
    named.flatten().ok_or_else(|| {
        let message = "`models` must be a list of names, such as [\"openai/gpt-4o-mini\"]";
        Refusal::of_parameter("models", message)
    })
}

/// The body as its provider gets it: with the model as it is named there, and without what is for
/// us. Every other byte is as it was.
///
/// # Errors
/// As for [`Wish::read`].
pub(super) fn for_provider(body: &Bytes, model: &str) -> Result<Bytes, BodyError> {
    let members = Members::of_body(body, OURS)?;
    let mut edits = Edits::default();
    for range in members.without(&ONLY_OURS) {
        edits.cut(range);
    }
    if members.text("model")?.as_deref() != Some(model) {
        let text = serde_json::Value::from(model).to_string();
        edits.set(&members.place("model"), "model", &text);
    }
    Ok(edits.apply(body.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(body: &str) -> Result<Vec<String>, Refusal> {
        Wish::read(body.as_bytes()).map(|wish| wish.models)
    }

    #[test]
    fn the_model_comes_first_and_each_is_named_once() {
        for (body, expected) in [
            (r#"{"model":"a"}"#, vec!["a"]),
            (r#"{"models":["b","a","b"]}"#, vec!["b", "a"]),
            (r#"{"model":"a","models":["b","a"]}"#, vec!["a", "b"]),
            (r#"{"model":"a","models":null}"#, vec!["a"]),
            (r#"{"models":["\u0061"]}"#, vec!["a"]),
        ] {
            assert_eq!(named(body).unwrap(), expected, "{body}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for body in [
            "{}",
            r#"{"models":[]}"#,
            r#"{"models":"a"}"#,
            r#"{"models":[1]}"#,
            r#"{"model":["a"]}"#,
            r#"{"model":"a","model":"b"}"#,
            r#"{"model":"a","Model":"b"}"#,
            r#"{"models":["a"],"models":["b"]}"#,
            r#"{"model":"a","MODELS":["b"]}"#,
            r#"{"model":"a","m\u006fdels":["a"],"models":["b"]}"#,
            r#"{"model":"a","Route":"fallback"}"#,
            r#"{"models":["a","b","c","d","e","f","g","h","i"]}"#,
        ] {
            assert!(named(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_provider_gets_its_own_name_and_nothing_of_ours() {
        for (body, expected) in [
            (
                r#"{ "model" : "openai/m", "models":["x"], "é":"\u00e9","route":{"strategy":"fallback"} }"#,
                r#"{ "model" : "m", "é":"\u00e9" }"#,
            ),
            (
                r#"{"models":["x"],"messages":[]}"#,
                r#"{"model":"m","messages":[]}"#,
            ),
            (r#"{"model":"m","a":1}"#, r#"{"model":"m","a":1}"#),
            (r#"{"model":null,"a":1}"#, r#"{"model":"m","a":1}"#),
        ] {
            let sent = for_provider(&Bytes::from(body.to_owned()), "m").unwrap();
            assert_eq!(std::str::from_utf8(&sent).unwrap(), expected);
        }
    }
}
