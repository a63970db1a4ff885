use serde_json::json;

use super::{
    tests::{ask, chat},
    *,
};

#[test]
fn what_is_to_be_written_beside_text_needs_its_capability() {
    for (modalities, needs) in [
        (json!(["TEXT"]), vec![]),
        (json!(["Text", "IMAGE"]), vec![Capability::Images]),
        (json!(["AUDIO"]), vec![Capability::Audio]),
    ] {
        let google = json!({"generationConfig": {"responseModalities": modalities}});
        let asked = ask("google", Endpoint::GenerateContent, &google).unwrap();
        assert_eq!(asked.needs, needs);
        let openai = json!({"model": "m", "modalities": modalities});
        assert_eq!(chat(&openai).unwrap().needs, needs);
    }
    assert!(chat(&json!({"model": "m", "modalities": "image"})).is_err());
    // What was spoken earlier, by its id.
    let earlier = json!({"model": "m", "messages": [{"role": "assistant", "audio": {"id": "a"}}]});
    let asked = chat(&earlier).unwrap();
    assert!(asked.input.whole_window && asked.needs == [Capability::Audio]);
}
