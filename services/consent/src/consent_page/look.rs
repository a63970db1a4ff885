//! Pages with made-up content, to test and to look at: every page that a test renders is written
//! to `target/pages/consent/` with its style sheet beside it.

use std::{collections::BTreeSet, fs, path::PathBuf};

use askama::Template;
use ids::{SessionId, TenantId, UserId};
use jiff::Timestamp;
use sessions::{CsrfToken, Role, SignedIn, Via};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn now() -> Timestamp {
    at("2026-11-22T12:00:00Z")
}

/// The owner of an organization, signed in by a browser.
pub(crate) fn owner() -> SignedIn {
    let first = at("2026-01-01T00:00:00Z");
    SignedIn {
        tenant: TenantId::from_uuid(uuid::Uuid::from_u128(1)),
        user: UserId::from_uuid(uuid::Uuid::from_u128(2)),
        role: Role::Owner,
        name: "Ada Lindqvist".to_owned(),
        via: Via::Session {
            id: SessionId::new(first),
            csrf: CsrfToken::mint().unwrap(),
        },
    }
}

/// Renders a page, checks what every page has to have, and keeps it to look at.
pub(crate) fn keep<T: Template>(name: &str, page: &T) -> String {
    let html = page.render().unwrap();
    for never in [
        "<style",
        " style=\"",
        " onclick=\"",
        " onload=\"",
        "=\"javascript:",
    ] {
        assert!(!html.contains(never), "{name}: {never}");
    }
    for script in html.split("<script").skip(1) {
        assert!(
            script.starts_with(" src=\"/assets/"),
            "{name}: an inline script"
        );
    }
    for form in html.split("<form").skip(1) {
        let form = form.split("</form>").next().unwrap();
        let guarded = form.contains("name=\"csrf\"") || !form.contains("method=\"post\"");
        assert!(guarded, "{name}: a form without the session's token");
    }
    let ids = values(&html, " id=\"");
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(
        unique.len(),
        ids.len(),
        "{name}: an id stands twice: {ids:?}"
    );
    for (attribute, what) in [
        (" for=\"", "label"),
        (" aria-describedby=\"", "description"),
        (" aria-labelledby=\"", "heading"),
    ] {
        for id in values(&html, attribute)
            .into_iter()
            .flat_map(str::split_whitespace)
        {
            assert!(unique.contains(id), "{name}: a {what} of nothing: {id}");
        }
    }
    write(name, &html);
    html
}

fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    html.split(attribute)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

fn write(name: &str, html: &str) {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let folder = root.join("target/pages/consent");
    fs::create_dir_all(folder.join("assets")).unwrap();
    for asset in ["latchkey.css", "enhance.js", "inbox.js", "favicon.svg"] {
        fs::copy(
            root.join("shared/pages/assets").join(asset),
            folder.join("assets").join(asset),
        )
        .unwrap();
    }
    fs::write(
        folder.join(format!("{name}.html")),
        html.replace("\"/assets/", "\"assets/"),
    )
    .unwrap();
}
