//! Bad input: each is refused by name, and nothing is a 500.

use sessions::Role;

use crate::stage::Stage;

const BAD: &[(&str, &str, &str)] = &[
    ("/api/v1/usage?from=yesterday", "bad-day", "from"),
    ("/api/v1/usage?from=2026-11-31", "bad-day", "from"),
    ("/api/v1/usage?from=20261101", "bad-day", "from"),
    ("/api/v1/usage?from=-2026-11-1", "bad-day", "from"),
    ("/api/v1/usage?to=2026-11-01T00:00:00Z", "bad-day", "to"),
    (
        "/api/v1/usage?from=2026-11-02&to=2026-11-01",
        "backward-span",
        "to",
    ),
    (
        "/api/v1/usage?from=2025-01-01&to=2026-11-01",
        "span-too-long",
        "from",
    ),
    (
        "/api/v1/usage?from=0000-01-01&to=9999-12-31",
        "span-too-long",
        "from",
    ),
    ("/api/v1/usage?group_by=key", "bad-group", "group_by"),
    ("/api/v1/usage?group_by=app,,day", "bad-group", "group_by"),
    ("/api/v1/usage?group_by=app,app", "bad-group", "group_by"),
    (
        "/api/v1/usage?group_by=app&group_by=day",
        "bad-request",
        "group_by",
    ),
    ("/api/v1/usage?colour=red", "bad-request", "colour"),
    ("/api/v1/usage?from=%ff", "bad-request", ""),
    ("/api/v1/usage/calls?limit=0", "bad-request", "limit"),
    ("/api/v1/usage/calls?limit=201", "bad-request", "limit"),
    ("/api/v1/usage/calls?limit=ten", "bad-request", "limit"),
    ("/api/v1/usage/calls?cursor=x", "bad-request", "cursor"),
    ("/api/v1/usage/calls?cursor=1.%00", "bad-request", "cursor"),
    (
        "/api/v1/usage/calls?grant=user_0198a5b0c0de70008000000000000000",
        "bad-request",
        "grant",
    ),
    ("/api/v1/usage/calls?grant=1", "bad-request", "grant"),
    ("/api/v1/usage/calls?from=2026-13-01", "bad-day", "from"),
    ("/api/v1/exports/usage", "bad-period", "period"),
    ("/api/v1/exports/usage?period=", "bad-period", "period"),
    ("/api/v1/exports/usage?period=2026", "bad-period", "period"),
    (
        "/api/v1/exports/usage?period=2026-13",
        "bad-period",
        "period",
    ),
    (
        "/api/v1/exports/usage?period=2026-11-01",
        "bad-period",
        "period",
    ),
    (
        "/api/v1/exports/usage?period=2026-11&format=parquet",
        "bad-format",
        "format",
    ),
    (
        "/api/v1/exports/usage?period=2026-11&format=focus",
        "bad-format",
        "format",
    ),
    (
        "/api/v1/exports/usage?period=2026-11&format=CSV",
        "bad-format",
        "format",
    ),
    (
        "/api/v1/exports/usage?period=2026-11&period=2026-10",
        "bad-request",
        "period",
    ),
    (
        "/api/v1/exports/usage?period=2026-11&from=2026-11-01",
        "bad-request",
        "from",
    ),
    (
        "/api/v1/exports/usage/manifest?period=11-2026",
        "bad-period",
        "period",
    ),
    (
        "/api/v1/exports/usage/manifest?period=2026-11&format=xml",
        "bad-format",
        "format",
    ),
    ("/usage?month=2026-1", "bad-request", "month"),
    ("/usage?month=November", "bad-request", "month"),
    ("/usage?year=2026", "bad-request", "year"),
];

#[tokio::test]
async fn each_bad_parameter_is_a_400_that_names_it() {
    let stage = Stage::new().await;
    let owner = stage.person(stage.tenant(), Role::Owner).await;
    for (path, kind, pointer) in BAD {
        let refused = stage.get(&owner, path).await;
        assert_eq!(refused.status, 400, "{path}: {}", refused.body);
        assert_eq!(
            refused.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        let problem = refused.json();
        assert_eq!(
            problem["type"],
            format!("https://latchkey.dev/problems/{kind}"),
            "{path}"
        );
        let named = problem["errors"][0]["pointer"].as_str().unwrap_or_default();
        assert_eq!(&named, pointer, "{path}: {problem}");
    }
    let refused = stage
        .get(
            &owner,
            "/api/v1/exports/usage?period=2026-11&format=parquet",
        )
        .await
        .json();
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("csv and jsonl"),
        "{refused}"
    );
}

#[tokio::test]
async fn the_ends_of_the_calendar_are_answered() {
    let stage = Stage::new().await;
    let owner = stage.person(stage.tenant(), Role::Owner).await;
    for path in [
        "/api/v1/usage?from=0000-01-01&to=0000-12-31",
        "/api/v1/usage/calls?from=0000-01-01&to=0000-12-31",
        "/api/v1/usage?from=9999-01-01&to=9999-12-31",
        "/api/v1/usage/calls?from=9999-01-01&to=9999-12-31",
        "/api/v1/exports/usage?period=9999-12",
        "/api/v1/exports/usage/manifest?period=0000-01",
        "/usage?month=0000-01",
        "/usage?month=9999-12",
    ] {
        let answer = stage.get(&owner, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn an_unknown_route_and_another_method_change_nothing() {
    use actix_web::test::TestRequest;
    let stage = Stage::new().await;
    assert_eq!(
        stage
            .send(TestRequest::get().uri("/api/v1/usage/"))
            .await
            .status,
        404
    );
    assert_eq!(
        stage
            .send(TestRequest::get().uri("/api/v1/exports/usage/../usage"))
            .await
            .status,
        404
    );
    assert_eq!(
        stage
            .send(TestRequest::post().uri("/api/v1/usage"))
            .await
            .status,
        405
    );
    assert_eq!(
        stage
            .send(TestRequest::delete().uri("/api/v1/exports/usage"))
            .await
            .status,
        405
    );
}
