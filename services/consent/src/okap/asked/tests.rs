//! What is understood, and by which rule the rest is refused.

use super::*;

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

#[test]
fn what_the_released_sdk_sends_is_understood() {
    let body = r#"{"okap":"1.0","provider":"openai","models":["gpt-4","gpt-4o-mini"],"capabilities":["chat"],"limits":{"monthly_spend":10.0},"reason":"For AI-powered features","app_name":"My AI App","app_url":"https://app.test"}"#;
    let asked = flat(body, now()).unwrap();
    assert_eq!(asked.app.name, "My AI App");
    assert_eq!(
        asked.details[0].limits.monthly_spend,
        Some(money::Nanodollars::from_dollars(10))
    );
}

#[test]
fn each_odd_request_is_refused_by_the_rule_it_breaks() {
    for (body, place) in [
        (r#"{"#, "body"),
        (r#"{"okap":"2.0","provider":"openai"}"#, "okap"),
        (
            r#"{"okap":"1.0","provider":"openai","provider":"google"}"#,
            "body",
        ),
        (r#"{"okap":"1.0","provider":"nobody"}"#, "request.provider"),
        (r#"{"okap":"1.0","provider":"mistral"}"#, "request.provider"),
        (
            r#"{"okap":"1.0","provider":"openai","expires":"tomorrow"}"#,
            "request.expires",
        ),
        (
            r#"{"okap":"1.0","provider":"openai","expires":"2020-01-01"}"#,
            "request.expires",
        ),
        (
            r#"{"okap":"1.0","provider":"openai","limits":{"monthly_spend":-1}}"#,
            "request.limits.monthly_spend",
        ),
        (
            r#"{"okap":"1.0","provider":"openai","limits":{"monthly_spend":"10"}}"#,
            "request.limits.monthly_spend",
        ),
        (
            r#"{"okap":"1.0","provider":"openai","limits":{"monthly_spend":1e400}}"#,
            "request.limits.monthly_spend",
        ),
        (
            r#"{"okap":"1.0","provider":"openai","limits":{"monthly_spend":0}}"#,
            "request.limits.monthly_spend",
        ),
        (
            r#"{"okap":"1.0","provider":"openai","limits":{"requests_per_minute":1.5}}"#,
            "request.limits.requests_per_minute",
        ),
        (
            r#"{"okap":"1.0","provider":"openai","limits":{"yearly":1}}"#,
            "request.limits",
        ),
        (
            r#"{"okap":"1.0","provider":"openai","capabilities":["fly"]}"#,
            "request.capabilities",
        ),
        (
            r#"{"okap":"1.0","provider":"openai","models":["gpt*4"]}"#,
            "request.models",
        ),
        (
            r#"{"okap":"1.0","provider":"openai","models":"gpt-4"}"#,
            "request.models",
        ),
        (
            r#"{"okap":"1.0","provider":"openai","app_url":"javascript:alert(1)"}"#,
            "request.url",
        ),
        (r#"{"okap":"1.0","provider":"openai","admin":true}"#, "body"),
        (
            r#"["1.0","openai",null,null,null,null,null,null,null,null]"#,
            "body",
        ),
    ] {
        assert_eq!(flat(body, now()).unwrap_err().place, place, "{body}");
    }
}

#[test]
fn unknown_types_and_members_of_details_are_refused() {
    let okap_of = |details: &str| {
        let body = format!(
            r#"{{"okap":"1.0","authorization_details":{details},"client":{{"name":"App"}}}}"#
        );
        okap(&body, now())
            .map(|asked| asked.details.len())
            .map_err(|e| e.place)
    };
    let place = |place: &str| Err(place.to_owned());
    assert_eq!(
        okap_of(r#"[{"type":"ai_model_access","provider":"openai"}]"#),
        Ok(1)
    );
    assert_eq!(okap_of("[]"), place("authorization_details"));
    assert_eq!(okap_of("{}"), place("authorization_details"));
    assert_eq!(
        okap_of(r#"[{"type":"payment","provider":"openai"}]"#),
        place("authorization_details[0].type")
    );
    assert_eq!(
        okap_of(r#"[{"type":"ai_model_access","provider":"openai","base_url":"x"}]"#),
        place("authorization_details[0]")
    );
    assert_eq!(
        okap_of(
            r#"[{"type":"ai_model_access","provider":"openai"},{"type":"ai_model_access","provider":"openai"}]"#
        ),
        place("authorization_details[1].provider")
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(body in ".{0,300}") {
        drop(flat(&body, now()));
        drop(okap(&body, now()));
    }

    #[test]
    fn no_member_makes_it_panic(name in "models|capabilities|limits|expires|reason|app_url", value in "[0-9eE.,:\"a-z*{}\\[\\]-]{0,30}") {
        let body = format!(r#"{{"okap":"1.0","provider":"openai","{name}":{value}}}"#);
        drop(flat(&body, now()));
    }
}
