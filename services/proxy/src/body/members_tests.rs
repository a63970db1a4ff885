use proptest::prelude::*;
use serde_json::Value;

use super::*;

const MATTER: &[Name] = &[
    &["model"],
    &["stream"],
    &["max_tokens"],
    &["generationConfig", "generation_config"],
];

fn scan(body: &str) -> Result<Members<'_>, BodyError> {
    Members::of_body(body.as_bytes(), MATTER)
}

#[test]
fn members_are_cut_out_as_they_stand() {
    let members =
        scan(r#" {"model" : "gpt-4o", "messages":[ 1, {"model":2} ],"x":null} "#).unwrap();
    assert_eq!(members.text("model").unwrap().as_deref(), Some("gpt-4o"));
    assert_eq!(members.raw("messages").unwrap().0, r#"[ 1, {"model":2} ]"#);
    assert!(!members.has("x"));
    assert!(!members.has("absent"));
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    for body in [
        r#"{"model":"cheap","model":"dear"}"#,
        r#"{"model":"cheap","mod\u0065l":"dear"}"#,
        r#"{"other":1,"other":2}"#,
        r#"{"model":null,"model":"dear"}"#,
        r#"{"generationConfig":{},"generation_config":{}}"#,
    ] {
        assert!(matches!(scan(body), Err(BodyError::Twice(_))), "{body}");
    }
}

#[test]
fn a_name_that_another_reader_takes_for_one_that_matters_is_refused() {
    for body in [
        r#"{"Model":"a"}"#,
        r#"{"model":"a","MODEL":"b"}"#,
        "{\"\u{17f}tream\":true}",
        r#"{"maxTokens":1}"#,
        r#"{"max-tokens":1}"#,
        r#"{"max_tokens ":1}"#,
        r#"{"model\u0000":"a"}"#,
        r#"{"GenerationConfig":{}}"#,
    ] {
        assert!(
            matches!(scan(body), Err(BodyError::Variant { .. })),
            "{body}"
        );
    }
}

#[test]
fn what_is_not_one_json_object_is_refused() {
    for body in [
        "",
        " ",
        "{",
        "{} {}",
        r#"{"a":}"#,
        r#"{'a':1}"#,
        r#"{"a":1,}"#,
        "nul",
        r#"{"a":01}"#,
    ] {
        assert!(
            matches!(scan(body), Err(BodyError::Syntax { .. })),
            "{body}"
        );
    }
    for body in ["[]", "1", "\"{}\"", "null", "true"] {
        assert!(
            matches!(scan(body), Err(BodyError::NotAnObject(_))),
            "{body}"
        );
    }
    assert_eq!(scan("\u{feff}{}").unwrap_err(), BodyError::ByteOrderMark);
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(Members::of_body(&utf16, MATTER).is_err());
    assert_eq!(
        Members::of_body(b"{\"a\":\"\xff\"}", MATTER).unwrap_err(),
        BodyError::Utf8(6)
    );
}

#[test]
fn an_object_has_a_bounded_number_of_members() {
    let body = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("\"m{n}\":{n}")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(scan(&body(256)).is_ok());
    assert_eq!(scan(&body(257)).unwrap_err(), BodyError::TooMany);
}

#[test]
fn a_body_has_a_bounded_depth() {
    let nested = |(open, close): (&str, &str), levels: usize| {
        let (opened, closed) = (open.repeat(levels), close.repeat(levels));
        format!(r#"{{"messages":{opened}1{closed}}}"#)
    };
    for kind in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")] {
        let each = kind.0.matches(['[', '{']).count();
        // The body is a level itself.
        let fits = 127 / each;
        assert!(scan(&nested(kind, fits)).is_ok(), "{kind:?}");
        let error = scan(&nested(kind, fits + 1)).unwrap_err();
        assert_eq!(error, BodyError::TooDeep, "{kind:?}");
    }
}

#[test]
fn brackets_in_strings_are_no_levels() {
    for text in ["[".repeat(1000), r#"\"["#.repeat(1000), r"\\{".repeat(1000)] {
        let body = format!(r#"{{"a":"{text}","{text}":["{text}"]}}"#);
        assert!(scan(&body).is_ok(), "{body}");
    }
    let wide = format!(r#"{{"a":[{}[]]}}"#, "[{}],".repeat(1000));
    assert!(scan(&wide).is_ok());
}

#[test]
fn numbers_and_flags_are_taken_in_plain_form_only() {
    for bad in [
        "0",
        "-1",
        "1.0",
        "1e3",
        "\"5\"",
        "true",
        "4294967296",
        "[1]",
    ] {
        let body = format!(r#"{{"max_tokens":{bad}}}"#);
        assert!(scan(&body).unwrap().count("max_tokens").is_err(), "{bad}");
    }
    let members = scan(r#"{"max_tokens":5,"stream":false,"n":null}"#).unwrap();
    assert_eq!(members.count("max_tokens").unwrap(), Some(5));
    assert_eq!(members.flag("stream").unwrap(), Some(false));
    assert_eq!(members.count("n").unwrap(), None);
    assert!(scan(r#"{"stream":1}"#).unwrap().flag("stream").is_err());
    assert!(scan(r#"{"model":7}"#).unwrap().text("model").is_err());
    assert!(
        scan(r#"{"model":"\ud800"}"#)
            .unwrap()
            .text("model")
            .is_err()
    );
}

#[test]
fn members_of_an_inner_object_have_their_place_in_the_whole_body() {
    let body = r#"{"a":1, "generation_config": {"max_tokens" : 5}}"#;
    let inner = scan(body)
        .unwrap()
        .object("generationConfig", MATTER)
        .unwrap()
        .unwrap();
    let Place::Value(range) = inner.place("max_tokens") else {
        panic!("it is there")
    };
    assert_eq!(&body[range], "5");
    let Place::First { at, more } = inner.place("n") else {
        panic!("it is not there")
    };
    assert_eq!((&body[at..at + 3], more), ("\"ma", true));
}

#[test]
fn elements_have_their_place_in_the_whole_body() {
    let body = r#"{"a":[ 1 , {"b":2}]}"#;
    let members = scan(body).unwrap();
    let (array, at) = members.raw("a").unwrap();
    for (element, at) in elements(array, at).unwrap() {
        assert_eq!(&body[at..at + element.len()], element);
    }
    assert!(elements("{}", 0).is_none());
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_accepted_means_the_same_to_serde(
        members in proptest::collection::btree_map("[a-z_]{1,8}", json(), 0..6)
    ) {
        let whole = Value::Object(members.clone().into_iter().collect());
        let body = serde_json::to_string_pretty(&whole).unwrap();
        // Only the names that could be taken for others are refused.
        if let Ok(scanned) = scan(&body) {
            for (name, value) in &members {
                match scanned.raw(name) {
                    Some((raw, at)) => {
                        prop_assert_eq!(&serde_json::from_str::<Value>(raw).unwrap(), value);
                        prop_assert_eq!(&body[at..at + raw.len()], raw);
                    }
                    None => prop_assert!(value.is_null() || *name == "generation_config"),
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        drop(Members::of_body(&bytes, MATTER));
    }

    #[test]
    fn no_text_is_accepted_that_serde_refuses(text in "[{}\\[\\]:,\"a-c0-9 \\\\u]{0,24}") {
        if scan(&text).is_ok() {
            let serde_accepts = serde_json::from_str::<serde_json::Map<String, Value>>(&text).is_ok();
            prop_assert!(serde_accepts, "{}", text);
        }
    }
}
