//! Bad bodies, queries and forms: each a specific 4xx that says what is wrong.

use crate::world::{ask, get, post, post_form, post_json, serve, surface};

#[actix_web::test]
async fn a_good_body_is_taken() {
    let app = serve(surface());
    let good = r#"{"name":"x","limit":3,"models":["a"]}"#;
    assert_eq!(ask(&app, post_json("/api/v1/json", good)).await.status, 200);
    let charset = post("/api/v1/json")
        .insert_header(("content-type", "Application/JSON; charset=\"UTF-8\""))
        .set_payload(good);
    assert_eq!(ask(&app, charset).await.status, 200);
    let form = ask(&app, post_form("/oauth/form", "name=x&models=a&models=b")).await;
    assert_eq!(form.json()["models"], serde_json::json!(["a", "b"]));
}

#[actix_web::test]
async fn each_bad_json_body_is_refused_for_what_is_wrong() {
    let app = serve(surface());
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let cases: [(&[u8], &str); 16] = [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not JSON"),
        (b"null", "object"),
        (b"[]", "object"),
        (br#"{"name":"x"} {}"#, "trailing"),
        (br#"{"name":1}"#, "line 1, column"),
        (br#"{"limit":1}"#, "name"),
        (br#"{"name":"x","limit":-1}"#, "does not fit"),
        (br#"{"name":"x","limit":1.5}"#, "does not fit"),
        (br#"{"name":"x","limit":99999999999}"#, "does not fit"),
        (br#"{"name":"x","colour":"red"}"#, "colour"),
        (br#"{"name":"x","n\u0061me":"y"}"#, "twice"),
        (b"{\"name\":\"\xff\"}", "UTF-8"),
        (deep.as_bytes(), "does not fit"),
        (br#"["x",1,["a"]]"#, "object"),
    ];
    for (body, expected) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = ask(&app, post_json("/api/v1/json", body.to_vec())).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "bad-request"),
            "{shown}"
        );
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains(expected), "{shown}: {detail}");
    }
}

#[actix_web::test]
async fn a_name_that_stands_twice_is_pointed_at() {
    let app = serve(surface());
    let answer = ask(
        &app,
        post_json("/api/v1/json", r#"{"name":"x","models":[{"a":1,"a":2}]}"#),
    )
    .await;
    assert_eq!(answer.json()["errors"][0]["pointer"], "/models/0/a");
}

#[actix_web::test]
async fn another_media_type_is_refused() {
    let app = serve(surface());
    let json = r#"{"name":"x"}"#;
    for sent in [
        "text/plain",
        "application/jsonp",
        "application/json; charset=utf-16",
        "",
        "multipart/form-data",
    ] {
        let request = post("/api/v1/json")
            .insert_header(("content-type", sent))
            .set_payload(json);
        let answer = ask(&app, request).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (415, "unsupported-media-type"),
            "{sent}"
        );
    }
    assert_eq!(
        ask(&app, post("/api/v1/json").set_payload(json))
            .await
            .status,
        415
    );
    let packed = post_json("/api/v1/json", json).insert_header(("content-encoding", "gzip"));
    assert_eq!(ask(&app, packed).await.status, 415);
    assert_eq!(
        ask(&app, post_json("/oauth/form", "name=x")).await.status,
        415
    );
}

#[actix_web::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_kept() {
    let app = serve(surface());
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(300_000));
    let answer = ask(&app, post_json("/api/v1/json", large.clone())).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (413, "too-large")
    );
    let declared =
        post_json("/api/v1/json", "{}").insert_header(("content-length", "999999999999"));
    assert_eq!(ask(&app, declared).await.status, 413);
    assert_eq!(ask(&app, post_form("/oauth/form", large)).await.status, 413);
}

#[actix_web::test]
async fn a_bad_query_names_the_parameter() {
    let app = serve(surface());
    for (query, parameter) in [
        ("name=a&name=b", "name"),
        ("name=a&limit=x", "limit"),
        ("name=a&limit=1&limit=2", "limit"),
        ("name=a&colour=red", "colour"),
    ] {
        let answer = ask(&app, get(&format!("/api/v1/query?{query}"))).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "bad-request"),
            "{query}"
        );
        assert_eq!(answer.json()["errors"][0]["pointer"], parameter, "{query}");
    }
    assert_eq!(ask(&app, get("/api/v1/query?name=%ff")).await.status, 400);
    assert_eq!(ask(&app, get("/api/v1/query")).await.status, 400);
}
