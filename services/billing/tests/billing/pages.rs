//! The usage page.

use sessions::Role;

use crate::{calls::Granted, stage::Stage};

#[tokio::test]
async fn before_the_first_call_the_page_says_what_to_do_next() {
    let stage = Stage::new().await;
    let owner = stage.person(stage.tenant(), Role::Owner).await;
    let page = stage.get(&owner, "/usage").await.ok();
    assert!(
        page.body.contains("Nothing has been spent yet"),
        "{}",
        page.body
    );
    assert!(page.body.contains("href=\"/connect\""), "{}", page.body);
    assert!(
        !page.body.contains("<svg viewBox=\"0 0 880"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("/api/v1/exports/"), "{}", page.body);
}

#[tokio::test]
async fn the_page_shows_total_chart_table_and_files() {
    let stage = Stage::new().await;
    let owner = stage.person(stage.tenant(), Role::Owner).await;
    let granted = Granted::by(owner.tenant, owner.user);
    let mut odd = granted.call("2026-11-05T10:00:00Z");
    odd.app_name = "<script>alert(1)</script>".to_owned();
    odd.model = "\"onclick=\"x".to_owned();
    stage
        .booked(&[granted.call("2026-11-02T10:00:00Z"), odd])
        .await;

    let page = stage.get(&owner, "/usage").await.ok();
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self'")
    );
    for expected in [
        "exactly 0.020000002 USD",
        "<data value=\"0.020000002\">$0.02</data>",
        "Cost a day, November 2026",
        "2 November: $0.01, 1 call",
        "30 November: $0.00, 0 calls",
        "<th scope=\"row\">Recipe</th>",
        "/api/v1/exports/usage?period=2026-11&amp;format=csv",
        "<option value=\"2026-11\" selected>November 2026</option>",
        "<option value=\"2025-11\">November 2025</option>",
    ] {
        assert!(page.body.contains(expected), "{expected}: {}", page.body);
    }
    assert!(
        !page.body.contains("<script>") && !page.body.contains("\"onclick"),
        "{}",
        page.body
    );

    let before = stage.get(&owner, "/usage?month=2026-10").await.ok().body;
    assert!(
        before.contains("Nothing was spent in October 2026"),
        "{before}"
    );
    let long_ago = stage.get(&owner, "/usage?month=2020-02").await.ok().body;
    assert!(
        long_ago.contains("<option value=\"2020-02\" selected>February 2020</option>"),
        "{long_ago}"
    );
}

#[test]
fn the_api_is_described() {
    let document = billing::openapi();
    let paths: Vec<_> = document.paths.paths.keys().map(String::as_str).collect();
    let expected = [
        "/api/v1/usage",
        "/api/v1/usage/calls",
        "/api/v1/usage/shadow-limits",
        "/api/v1/exports/usage",
        "/api/v1/exports/usage/manifest",
    ];
    assert_eq!(paths.len(), expected.len());
    assert!(
        expected.iter().all(|path| paths.contains(path)),
        "{paths:?}"
    );
}
