//! The page of provider keys, with made-up rows.

use ids::ProviderKeyId;
use pages::{Layout, Section};

use super::view::{Form, KeyView, ProviderKeysPage};
use crate::{
    consent_page::look,
    provider_key::{KeyState, ProviderKeyRow},
};

fn key(name: &str, provider: &str, state: KeyState, version: i32) -> ProviderKeyRow {
    let stored_at = look::at("2026-11-01T08:00:00Z");
    ProviderKeyRow {
        id: ProviderKeyId::new(look::at("2026-11-01T08:00:00Z")),
        owner: look::owner().user,
        provider: provider.parse().unwrap(),
        name: name.to_owned(),
        last_four: "a91f".to_owned(),
        version,
        state,
        stored_at,
        changed_at: look::at("2026-11-20T08:00:00Z"),
        check_requested_at: None,
        checked_at: None,
    }
}

fn page(keys: Vec<(ProviderKeyRow, usize, Option<&str>)>, form: Form) -> ProviderKeysPage {
    let layout = Layout::new("Provider keys", &look::owner()).at(Section::ProviderKeys);
    let views = keys
        .into_iter()
        .map(|(row, users, fault)| KeyView::new(&layout, users, row, fault.map(str::to_owned)))
        .collect();
    ProviderKeysPage::new(layout, views, (form, &[]), look::now(), None)
}

#[test]
fn keys_are_listed_without_the_key() {
    let keys = vec![
        (key("Production", "openai", KeyState::Usable, 1), 2, None),
        (
            key("Trial <b>", "anthropic", KeyState::Invalid, 3),
            0,
            Some("a key has no spaces"),
        ),
    ];
    let html = look::keep("provider-keys", &page(keys, Form::default()));
    assert!(html.contains("••••a91f") && html.contains("pays for 2 connected apps"));
    assert!(html.contains("Refused by Anthropic") && html.contains("a key has no spaces"));
    assert!(html.contains("Trial &#60;b&#62;"));
}

#[test]
fn without_a_key_the_page_says_what_to_do() {
    let html = look::keep("provider-keys-empty", &page(vec![], Form::default()));
    assert!(html.contains("No provider key is stored yet"));
}

#[test]
fn a_refused_form_keeps_what_was_typed_but_never_the_secret() {
    let form = Form {
        provider: "google".to_owned(),
        name: "My \"name\"".to_owned(),
        secret_fault: Some("a key has at least 8 characters".to_owned()),
        ..Form::default()
    };
    let html = look::keep("provider-keys-faults", &page(vec![], form));
    assert!(html.contains("<option value=\"google\" selected>"));
    assert!(html.contains("My &#34;name&#34;"));
    assert!(html.contains("type=\"password\" inputmode=\"text\" value=\"\""));
}
