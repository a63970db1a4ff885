//! The page of registered apps, with made-up rows.

use ids::TenantId;

use super::*;
use crate::consent_page::look;

fn page(rows: Vec<AppRow>, form: NewApp) -> AppsPage {
    let layout = Layout::new("Registered apps", &look::owner()).at(Section::Connect);
    AppsPage::new(layout, rows, form, look::now())
}

fn form(name: &str, url: &str, redirect_uris: &str) -> NewApp {
    let (name, url) = (name.to_owned(), url.to_owned());
    NewApp {
        name,
        url,
        redirect_uris: redirect_uris.to_owned(),
        ..NewApp::default()
    }
}

#[test]
fn apps_are_listed_with_their_client_id() {
    let row = AppRow {
        id: AppId::from_uuid(uuid::Uuid::from_u128(7)),
        tenant: TenantId::from_uuid(uuid::Uuid::from_u128(1)),
        name: "Paper <Digest>".to_owned(),
        url: Some("https://paperdigest.example/".to_owned()),
        redirect_uris: vec![
            "https://paperdigest.example/cb".to_owned(),
            "http://127.0.0.1:8000/cb".to_owned(),
        ],
        grant_types: GrantType::code_alone(),
        authentication: ClientAuthentication::None,
        dpop_bound: false,
        registered_at: look::at("2026-11-10T08:00:00Z"),
    };
    let html = look::keep("apps", &page(vec![row.clone()], NewApp::default()));
    assert!(html.contains(&row.id.to_string()) && html.contains("Paper &#60;Digest&#62;"));
    let empty = look::keep("apps-empty", &page(vec![], NewApp::default()));
    assert!(empty.contains("No app is registered"));
}

#[test]
fn what_is_wrong_stands_beside_its_field() {
    let good = form(
        "App",
        "",
        "https://a.test/cb\r\n\r\n  http://127.0.0.1:9/cb  ",
    )
    .checked();
    assert_eq!(
        good.ok().unwrap().2,
        ["https://a.test/cb", "http://127.0.0.1:9/cb"]
    );
    for (place, bad) in [
        (0, form(" ", "", "https://a.test/cb")),
        (1, form("App", "javascript:alert(1)", "https://a.test/cb")),
        (2, form("App", "", "")),
        (2, form("App", "", "https://a.test/cb\nhttp://a.test/cb")),
    ] {
        let faulty = bad.checked().err().unwrap();
        let wrong: Vec<usize> = (0..3).filter(|at| faulty.faults[*at].is_some()).collect();
        assert_eq!(wrong, [place]);
    }
    let faulty = form("App", "", "https://a.test/cb\nhttp://a.test/cb")
        .checked()
        .err()
        .unwrap();
    let html = look::keep("apps-faults", &page(vec![], *faulty));
    assert!(
        html.contains("Line 2: ")
            && html.contains("https://a.test/cb\nhttp://a.test/cb</textarea>")
    );
}
