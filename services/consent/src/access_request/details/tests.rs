use super::*;

fn refused_at(members: &str) -> String {
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    let json = format!(r#"[{{"type":"ai_model_access","provider":"openai"{members}}}]"#);
    parse(&json, now).map_or_else(|invalid| invalid.place, |_| String::new())
}

#[test]
fn an_instant_is_written_as_rfc_3339_has_it() {
    for good in [
        "2026-12-01",
        "2026-12-01T00:00:00Z",
        "2026-12-01t00:00:00.5z",
        "2026-12-01T00:00:00+01:00",
    ] {
        assert_eq!(refused_at(&format!(r#","expires":"{good}""#)), "", "{good}");
    }
    for bad in [
        "2026-12-01T00Z",
        "20261201T000000Z",
        "2026-12-01T00:00:00",
        "2026-12-01T00:00:00Z[UTC]",
        "2026-W48-2",
        "2026-12-01T00:00:00+01",
        "2026-13-01T00:00:00Z",
        "2026-12-01T00:00:00+99:00",
        "soon",
        "",
    ] {
        assert_eq!(
            refused_at(&format!(r#","expires":"{bad}""#)),
            "authorization_details[0].expires",
            "{bad}"
        );
    }
}

#[test]
fn a_list_of_values_is_not_an_object() {
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    let list = r#"[["ai_model_access","openai",null,null,null,null,null]]"#;
    assert_eq!(
        parse(list, now).unwrap_err().place,
        "authorization_details[0]"
    );
    assert_eq!(
        refused_at(r#","limits":[10,null,null,null,null]"#),
        "authorization_details[0].limits"
    );
}

#[test]
fn a_member_that_stands_twice_is_refused_wherever_it_stands() {
    assert_eq!(
        refused_at(r#","provider":"google""#),
        "authorization_details[0]"
    );
    assert_eq!(
        refused_at(r#","models":["a"],"m\u006fdels":["b"]"#),
        "authorization_details[0]"
    );
    let twice = r#","limits":{"monthly_spend":1,"monthly_spend":2}"#;
    assert_eq!(refused_at(twice), "authorization_details[0].limits");
}
