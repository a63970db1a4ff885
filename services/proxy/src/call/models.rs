//! The list of models, without those that the grant does not cover.

use bytes::Bytes;
use events::Models;
use serde_json::Value;

/// The provider's list with the granted models only; `None` if it is not a list of models.
pub(crate) fn granted(list: &[u8], models: &Models) -> Option<Bytes> {
    let mut list: Value = serde_json::from_slice(list).ok()?;
    // Together sends the bare list.
    if let Some(all) = list.as_array_mut() {
        all.retain(|model| id_of(model).is_some_and(|id| models.covers(id)));
        return serde_json::to_vec(&list).ok().map(Bytes::from);
    }
    // OpenAI and Anthropic call it `data`, Google `models`.
    let name = ["data", "models"]
        .into_iter()
        .find(|name| list[name].is_array())?;
    let all = list.get_mut(name)?.as_array_mut()?;
    all.retain(|model| id_of(model).is_some_and(|id| models.covers(id)));
    let ends = [
        all.first().and_then(id_of).map(str::to_owned),
        all.last().and_then(id_of).map(str::to_owned),
    ];
    // Anthropic names the ends of the page, which must not tell of others.
    for (member, id) in ["first_id", "last_id"].into_iter().zip(ends) {
        if let Some(place) = list.get_mut(member) {
            *place = id.into();
        }
    }
    serde_json::to_vec(&list).ok().map(Bytes::from)
}

fn id_of(model: &Value) -> Option<&str> {
    let id = model.get("id").or_else(|| model.get("name"))?.as_str()?;
    Some(id.strip_prefix("models/").unwrap_or(id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn only(list: &Value, pattern: &str) -> Value {
        let models = Models::new(vec![pattern.parse().unwrap()]);
        let granted = granted(list.to_string().as_bytes(), &models).unwrap();
        serde_json::from_slice(&granted).unwrap()
    }

    #[test]
    fn a_list_holds_the_granted_models_only() {
        let openai = json!({"object": "list", "data": [{"id": "gpt-4o", "x": 1}, {"id": "o1"}]});
        assert_eq!(
            only(&openai, "gpt-*"),
            json!({"object": "list", "data": [{"id": "gpt-4o", "x": 1}]})
        );
        let google =
            json!({"models": [{"name": "models/gemini-2.5-pro"}, {"name": "models/other"}]});
        assert_eq!(
            only(&google, "gemini-*"),
            json!({"models": [{"name": "models/gemini-2.5-pro"}]})
        );
        let together = json!([{"id": "meta/llama-3", "x": 1}, {"id": "other"}]);
        assert_eq!(
            only(&together, "meta/*"),
            json!([{"id": "meta/llama-3", "x": 1}])
        );
        let anthropic = json!({"data": [{"id": "a-1"}, {"id": "b-1"}], "first_id": "a-1", "last_id": "b-1", "has_more": false});
        let left = only(&anthropic, "b-1");
        assert_eq!(
            (&left["first_id"], &left["last_id"]),
            (&json!("b-1"), &json!("b-1"))
        );
    }

    #[test]
    fn what_is_no_list_of_models_is_not_given_on() {
        for other in ["", "{}", "7", r#"{"data":{}}"#] {
            assert!(
                granted(other.as_bytes(), &Models::default()).is_none(),
                "{other}"
            );
        }
    }
}
