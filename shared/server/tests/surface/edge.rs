//! What every answer has, and what a refusal looks like.

use actix_web::http::Method;
use utoipa::OpenApi;

use crate::world::{Answer, ask, get, post, serve, surface};

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

async fn answer(path: &str) -> Answer {
    ask(&serve(surface()), get(path)).await
}

#[actix_web::test]
async fn a_well_formed_request_id_is_kept() {
    let app = serve(surface());
    let id = "0198c0de-1111-7222-8333-444455556666";
    let kept = ask(
        &app,
        get("/api/v1/request-id").insert_header(("x-request-id", id)),
    )
    .await;
    assert_eq!((kept.body.as_str(), kept.header("x-request-id")), (id, id));
}

#[actix_web::test]
async fn any_other_request_id_is_replaced() {
    let app = serve(surface());
    let long = "a".repeat(4_000);
    for bad in [
        "",
        "1",
        "{0198c0de-1111-7222-8333-444455556666}",
        "0198c0de111172228333444455556666",
        &long,
    ] {
        let made = ask(
            &app,
            get("/api/v1/request-id").insert_header(("x-request-id", bad)),
        )
        .await;
        assert_eq!(made.body.len(), 36, "{bad}");
        assert_eq!(made.body, made.header("x-request-id"));
        assert_ne!(made.body, bad);
    }
}

#[actix_web::test]
async fn a_page_has_every_header_that_protects_it() {
    let page = answer("/page").await;
    assert_eq!(
        page.header("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    );
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", "no-store"),
        (
            "strict-transport-security",
            "max-age=63072000; includeSubDomains",
        ),
    ] {
        assert_eq!(page.header(name), value, "{name}");
    }
}

#[actix_web::test]
async fn only_the_page_that_asked_may_lead_to_an_app() {
    let app = serve(surface());
    let consent = ask(&app, get("/page/consent")).await;
    let policy = consent.header("content-security-policy");
    assert!(
        policy.ends_with("form-action 'self' https://app.example"),
        "{policy}"
    );
    let other = ask(&app, get("/page")).await;
    assert!(
        !other
            .header("content-security-policy")
            .contains("app.example")
    );
}

#[actix_web::test]
async fn an_unknown_address_is_a_problem_for_programs_and_a_page_for_people() {
    let app = serve(surface());
    assert_eq!(ask(&app, get("/nowhere")).await.problem(), "not-found");
    let api = ask(&app, get("/api/v1/nowhere").insert_header(HTML)).await;
    assert_eq!((api.status, api.problem().as_str()), (404, "not-found"));
    let page = ask(&app, get("/nowhere").insert_header(HTML)).await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (404, "text/html; charset=utf-8")
    );
    assert!(
        page.body.contains(page.header("x-request-id")),
        "{}",
        page.body
    );
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
}

#[actix_web::test]
async fn tricks_with_paths_lead_nowhere() {
    let app = serve(surface());
    for path in [
        "//page",
        "/page/",
        "/./page",
        "/x/../page",
        "/page%00",
        "/%2e%2e/page",
        "/page;a=b",
        "/PAGE",
    ] {
        let answer = ask(&app, get(path)).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (404, "not-found"),
            "{path}"
        );
    }
}

#[actix_web::test]
async fn a_malformed_id_names_nothing() {
    for id in [
        "1",
        "app_0198c0de111172228333444455556666",
        "grant_xyz",
        "grant_",
        "%ff",
    ] {
        let answer = answer(&format!("/api/v1/grants/{id}")).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (404, "not-found"),
            "{id}"
        );
    }
    assert_eq!(
        answer("/api/v1/grants/grant_0198c0de111172228333444455556666")
            .await
            .status,
        200
    );
}

#[actix_web::test]
async fn a_known_address_with_another_method_says_which_it_takes() {
    #[utoipa::path(get, path = "/api/v1/grants/{id}")]
    #[expect(dead_code, reason = "only its description is used")]
    fn read() {}
    #[utoipa::path(put, path = "/api/v1/grants/{id}")]
    #[expect(dead_code, reason = "only its description is used")]
    fn write() {}
    #[derive(OpenApi)]
    #[openapi(paths(read, write))]
    struct Api;

    let app = serve(surface().described_by(&[Api::openapi()]));
    let path = "/api/v1/grants/grant_0198c0de111172228333444455556666";
    let refused = ask(&app, post(path)).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (405, "method-not-allowed")
    );
    assert_eq!(refused.header("allow"), "GET, HEAD, PUT");
    assert_eq!(ask(&app, post("/page")).await.status, 405);
    let odd = get("/page").method(Method::from_bytes(b"BREW").unwrap());
    assert_eq!(ask(&app, odd).await.status, 405);
}

#[actix_web::test]
async fn head_is_answered_like_get_without_a_body() {
    let app = serve(surface());
    let head = ask(&app, get("/page").method(Method::HEAD)).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(
        ask(&app, get("/nowhere").method(Method::HEAD)).await.status,
        404
    );
}

#[actix_web::test]
async fn an_answer_that_goes_out_once_does_not_go_without_its_body() {
    let app = serve(surface());
    let head = ask(&app, get("/okap/answered-once").method(Method::HEAD)).await;
    assert_ne!(head.status, 200);
    assert_eq!(ask(&app, get("/okap/answered-once")).await.status, 200);
}

#[actix_web::test]
async fn a_refusal_in_a_form_of_its_own_stays_as_it_is() {
    let app = serve(surface());
    let answer = ask(&app, get("/oauth/own-shape").insert_header(HTML)).await;
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (400, Some("invalid_request"))
    );
}

#[actix_web::test]
async fn an_error_of_the_framework_tells_nothing_of_itself() {
    let answer = answer("/api/v1/plain-failure").await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (500, "internal")
    );
    assert!(!answer.body.contains("10.0.0.7"), "{}", answer.body);
}
