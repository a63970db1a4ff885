//! The page of registered apps, with made-up rows.

use events::{ClientAuthentication, GrantType, SelfRegistration};
use guarded_fetch::Reach;
use ids::{RegistrationTokenId, TenantId};
use pages::Layout;
use serde_json::json;

use super::*;
use crate::{
    consent_page::look,
    registered_app::{AppRow, Registration},
    registration_token::TokenRow,
};

fn page(rows: (Vec<AppRow>, Vec<TokenRow>), app: NewApp) -> AppsPage {
    let layout = Layout::new("Registered apps", &look::owner()).at(Section::Connect);
    let forms = Forms {
        app,
        ..Forms::default()
    };
    AppsPage::new(layout, rows, forms, look::now())
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

fn checked(form: NewApp) -> Result<Registration, Box<NewApp>> {
    form.checked(Reach::Internet)
}

fn row(name: &str, authentication: ClientAuthentication) -> AppRow {
    let id = AppId::from_uuid(uuid::Uuid::from_u128(7 + name.len() as u128));
    AppRow {
        id,
        tenant: TenantId::from_uuid(uuid::Uuid::from_u128(1)),
        client_id: id.to_string(),
        name: name.to_owned(),
        url: Some("https://paperdigest.example/".to_owned()),
        redirect_uris: vec![
            "https://paperdigest.example/cb".to_owned(),
            "http://127.0.0.1:8000/cb".to_owned(),
        ],
        grant_types: GrantType::code_alone(),
        authentication,
        dpop_bound: false,
        registration: None,
        registered_at: look::at("2026-11-10T08:00:00Z"),
    }
}

#[test]
fn apps_are_listed_with_their_client_id() {
    let public = row("Paper <Digest>", ClientAuthentication::None);
    let itself = AppRow {
        registration: Some(SelfRegistration::Token {}),
        ..row("Nightly build", ClientAuthentication::ClientSecretBasic)
    };
    let token = TokenRow {
        id: RegistrationTokenId::from_uuid(uuid::Uuid::from_u128(9)),
        label: "Build server".to_owned(),
        made_at: look::at("2026-11-20T08:00:00Z"),
        expires_at: look::at("2026-11-27T08:00:00Z"),
        registrations_left: 2,
        ended_at: None,
    };
    let ended = TokenRow {
        id: RegistrationTokenId::from_uuid(uuid::Uuid::from_u128(10)),
        label: "Old server".to_owned(),
        ended_at: Some(look::at("2026-11-21T08:00:00Z")),
        ..token.clone()
    };
    let rows = (vec![public.clone(), itself], vec![token, ended]);
    let html = look::keep("apps", &page(rows, NewApp::default()));
    assert!(html.contains(&public.id.to_string()) && html.contains("Paper &#60;Digest&#62;"));
    assert!(html.contains("registered itself") && html.contains("New secret"));
    assert!(html.contains("Build server") && !html.contains("Old server"));
    let empty = look::keep("apps-empty", &page((vec![], vec![]), NewApp::default()));
    assert!(empty.contains("No app is registered"));
}

#[test]
fn what_is_wrong_stands_beside_its_field() {
    let uris = "https://a.test/cb\r\n\r\n  http://127.0.0.1:9/cb  ";
    let good = checked(form("App", "", uris)).ok().unwrap();
    let expected = ["https://a.test/cb", "http://127.0.0.1:9/cb"];
    assert_eq!(good.redirect_uris, expected);
    let with = |change: fn(&mut NewApp)| {
        let mut form = form("App", "", "https://a.test/cb");
        change(&mut form);
        form
    };
    for (field, bad) in [
        ("client_name", form(" ", "", "https://a.test/cb")),
        (
            "client_uri",
            form("App", "javascript:alert(1)", "https://a.test/cb"),
        ),
        ("redirect_uris", form("App", "", "")),
        (
            "redirect_uris/1",
            form("App", "", "https://a.test/cb\nhttp://a.test/cb"),
        ),
        ("grant_types", with(|form| form.grant_types.clear())),
        (
            "jwks",
            with(|form| form.method = "private_key_jwt".to_owned()),
        ),
        ("jwks", with(|form| form.jwks = "{".to_owned())),
        (
            "token_endpoint_auth_method",
            with(|form| form.method = "mtls".to_owned()),
        ),
    ] {
        let faulty = checked(bad).err().unwrap();
        let wrong: Vec<&str> = faulty.faults.iter().map(|f| f.member.as_str()).collect();
        assert_eq!(wrong, [field]);
    }
    let faulty = checked(form("", "", "https://a.test/cb\nhttp://a.test/cb"));
    let html = look::keep(
        "apps-faults",
        &page((vec![], vec![]), *faulty.err().unwrap()),
    );
    assert!(
        html.contains("Line 2: ")
            && html.contains("A name has 1 to 80 characters.")
            && html.contains("https://a.test/cb\nhttp://a.test/cb</textarea>")
    );
}

#[test]
fn an_app_may_be_a_device_that_signs() {
    let mut device = form("TV", "", "");
    device.grant_types = vec!["urn:ietf:params:oauth:grant-type:device_code".to_owned()];
    device.method = "private_key_jwt".to_owned();
    device.jwks_uri = "https://tv.test/keys".to_owned();
    let registered = checked(device).ok().unwrap();
    assert_eq!(registered.authentication.name(), "private_key_jwt");
    assert!(registered.grant_types.contains(&GrantType::DeviceCode));
    let keys = json!(registered.authentication);
    assert_eq!(keys["jwks_uri"], "https://tv.test/keys");
}

#[test]
fn a_secret_is_shown_with_what_it_belongs_to() {
    let layout = Layout::new("Client secret", &look::owner()).at(Section::Connect);
    let page = SecretPage::of_client(layout, "Nightly <b>".to_owned(), "app_1", "cs_shown");
    let html = look::keep("app-secret", &page);
    assert!(html.contains("cs_shown") && html.contains("app_1") && html.contains("&#60;b&#62;"));
}
