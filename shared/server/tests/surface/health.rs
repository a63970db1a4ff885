//! What machines ask.

use server::Check;

use crate::world::{ask, get, serve, surface};

#[actix_web::test]
async fn a_live_process_says_so_even_when_it_is_not_ready() {
    let broken = Check::new("postgres", || async { Err("password=hunter2") });
    let app = serve(surface().checks(vec![broken]));
    assert_eq!(ask(&app, get("/health/live")).await.status, 200);
    let ready = ask(&app, get("/health/ready")).await;
    assert_eq!(
        (ready.status, ready.json()["status"].as_str()),
        (503, Some("not_ready"))
    );
    assert_eq!(
        ready.json()["checks"][0],
        serde_json::json!({ "name": "postgres", "ok": false })
    );
    assert!(!ready.body.contains("hunter2"));
}

#[actix_web::test]
async fn it_is_ready_when_everything_it_needs_answers() {
    let good = |name| Check::new(name, || async { Ok::<_, String>(()) });
    let app = serve(surface().checks(vec![good("postgres"), good("redis")]));
    let ready = ask(&app, get("/health/ready")).await;
    assert_eq!(
        (ready.status, ready.json()["status"].as_str()),
        (200, Some("ready"))
    );
    assert_eq!(ready.json()["checks"][1]["name"], "redis");
}

#[actix_web::test]
async fn a_check_that_never_answers_has_failed() {
    let hangs = Check::new("rabbitmq", std::future::pending::<Result<(), String>>);
    let app = serve(surface().checks(vec![hangs]));
    assert_eq!(ask(&app, get("/health/ready")).await.status, 503);
}

#[actix_web::test]
async fn metrics_count_requests_by_route() {
    server::telemetry::start_metrics().unwrap();
    let app = serve(surface());
    for id in [
        "grant_0198c0de111172228333444455556666",
        "grant_0198c0de111172228333444455550000",
    ] {
        ask(&app, get(&format!("/api/v1/grants/{id}"))).await;
    }
    let metrics = ask(&app, get("/metrics")).await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let route = r#"route="/api/v1/grants/{id}""#;
    let counted = metrics
        .body
        .lines()
        .any(|line| line.starts_with("latchkey_http_requests_total") && line.contains(route));
    assert!(counted, "{}", metrics.body);
    assert!(
        metrics
            .body
            .contains("latchkey_http_request_seconds_bucket"),
        "{}",
        metrics.body
    );
    assert!(!metrics.body.contains("0198c0de"), "{}", metrics.body);
}
