//! What every page promises: nothing a strict content security policy refuses, text that can be
//! read, and assets that are kept only as long as they stay the same.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::HashMap;

use actix_web::{
    App,
    body::to_bytes,
    dev::ServiceResponse,
    test::{TestRequest, call_service, init_service},
};
use askama::Template;
use ids::{SessionId, TenantId, UserId};
use jiff::Timestamp;
use money::Nanodollars;
use pages::{Choice, Confirm, Copyable, Empty, Field, Layout, Notice, Section, SpendBar, filters};
use sessions::{CsrfToken, Role, SignedIn, Via};

const STYLE: &str = include_str!("../assets/latchkey.css");

#[derive(Template)]
#[template(
    source = r#"{% extends "base.html" %}{% block content %}<h1>{{ name|foreign }}</h1>
        <form method="post" action="/x">{{ layout.csrf_field() }}{{ field }}</form>
        {{ spend }}{{ confirm }}{{ copyable }}{{ empty }}{{ chart }}
        <p>{{ amount|money }}, {{ at|instant }}, {{ at|day }}, {{ at|ago(at) }}</p>{% endblock %}"#,
    ext = "html"
)]
struct Everything {
    layout: Layout,
    name: String,
    field: Field,
    spend: SpendBar,
    confirm: Confirm,
    copyable: Copyable,
    empty: Empty,
    chart: pages::chart::Chart,
    amount: Nanodollars,
    at: Timestamp,
}

fn ada() -> SignedIn {
    let at = Timestamp::UNIX_EPOCH;
    SignedIn {
        tenant: TenantId::new(at),
        user: UserId::new(at),
        role: Role::Owner,
        name: "Ada <b>Lindqvist</b>".to_owned(),
        via: Via::Session {
            id: SessionId::new(at),
            csrf: CsrfToken::stored("tok\"en".to_owned()),
        },
    }
}

fn everything(layout: Layout) -> String {
    let choices = vec![
        Choice::new("a", "A").chosen(true),
        Choice::new("b", "B").note("dear"),
    ];
    let bar = pages::chart::Bar {
        label: "1 Nov".into(),
        value: 5,
        title: "1 Nov: 5".into(),
    };
    let page = Everything {
        name: "<img src=x onerror=alert(1)>\u{202e}".to_owned(),
        field: Field::checks("models", "Models", choices).error("Choose one."),
        spend: SpendBar::new(
            "Monthly",
            Nanodollars::from_dollars(8),
            Nanodollars::from_dollars(10),
        ),
        confirm: Confirm::new(layout.csrf_field(), "/x", "Revoke"),
        copyable: Copyable::new("handle", "Address", "https://vault.example.com"),
        empty: Empty::new("Nothing", "Yet").action("Do", "/connect"),
        chart: pages::chart::bars("Calls", pages::chart::Unit::Count, &[bar]),
        amount: Nanodollars::from_nanos(1_500_000_000),
        at: "2026-11-22T12:00:00Z".parse().unwrap(),
        layout,
    };
    page.render().unwrap()
}

#[test]
fn no_page_needs_what_the_policy_refuses() {
    let page = everything(
        Layout::new("All", &ada())
            .notice(Notice::good("Done"))
            .live_inbox(),
    );
    let error = pages::error_page(500, "Something went wrong", "<x>", "id");
    for html in [page, error] {
        assert!(
            !html.contains(" style=") && !html.contains("<style"),
            "{html}"
        );
        assert!(!html.contains("javascript:"), "{html}");
        for handler in ["onclick", "onload", "onsubmit", "onerror=\"", "onchange"] {
            assert!(!html.contains(&format!(" {handler}")), "{handler}: {html}");
        }
        for script in html.match_indices("<script").map(|(at, _)| &html[at..]) {
            assert!(script.starts_with("<script src=\"/assets/"), "{html}");
        }
        assert!(!html.contains("<img src=x"), "{html}");
    }
}

#[test]
fn the_frame_shows_where_one_is_and_who() {
    let page = everything(
        Layout::new("Inbox", &ada())
            .at(Section::Inbox)
            .inbox_count(3),
    );
    assert_eq!(page.matches("aria-current=\"page\"").count(), 1);
    let current = page.split("aria-current=\"page\"").next().unwrap();
    assert!(current.ends_with("href=\"/inbox\" "));
    assert!(page.contains(">3</span>"), "{page}");
    assert!(
        page.contains("action=\"/sign-out\"") && !page.contains("<b>Lindqvist"),
        "{page}"
    );
    let out = everything(Layout::signed_out("Sign in"));
    assert!(!out.contains("<nav") && !out.contains("/sign-out"), "{out}");
}

#[test]
fn every_form_that_changes_something_carries_the_token() {
    let page = everything(Layout::new("All", &ada()));
    let forms: Vec<&str> = page.split("<form").skip(1).collect();
    assert_eq!(forms.len(), 3, "sign out, the form, revoke");
    for form in forms {
        let form = form.split("</form>").next().unwrap();
        assert!(
            form.contains("name=\"csrf\" value=\"tok&#34;en\""),
            "{form}"
        );
    }
}

#[test]
fn a_secret_that_was_typed_is_never_sent_back() {
    let field = Field::secret("secret", "Key")
        .value("sk-live-1")
        .error("Too short.");
    assert!(!field.render().unwrap().contains("sk-live-1"));
}

#[test]
fn values_are_written_for_people() {
    let page = everything(Layout::signed_out("x"));
    assert!(
        page.contains("$1.50, 22 Nov 2026, 12:00 UTC, 22 Nov 2026, just now"),
        "{page}"
    );
    assert!(page.contains("<strong>$8.00</strong> of $10.00"), "{page}");
}

/// The colours of one scheme, by variable name.
fn colours(block: &str) -> HashMap<&str, [f64; 3]> {
    let declared = block
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
    let channel =
        |hex: &str, at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
    declared
        .map(|(name, hex)| {
            (
                name,
                [0, 2, 4].map(|at| channel(hex.trim_end_matches(';'), at)),
            )
        })
        .collect()
}

/// WCAG 2.2 relative luminance.
fn luminance(colour: [f64; 3]) -> f64 {
    let [r, g, b] = colour.map(|channel| {
        let c = channel / 255.0;
        if c <= 0.040_45 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_can_be_read_in_light_and_in_dark() {
    let (light, dark) = STYLE
        .split_once("@media (prefers-color-scheme: dark)")
        .unwrap();
    let dark = dark.split_once("/* ---- Ground").unwrap().0;
    for (scheme, block) in [("light", light), ("dark", dark)] {
        let colour = colours(block);
        let mut pairs = vec![("on-accent", "accent"), ("accent-strong", "accent-soft")];
        for text in ["ink", "muted", "accent", "good", "info", "caution", "bad"] {
            pairs.extend(["ground", "surface", "sunken"].map(|ground| (text, ground)));
        }
        for tone in ["good", "info", "caution", "bad"] {
            let soft = ["good-soft", "info-soft", "caution-soft", "bad-soft"];
            let soft = soft
                .into_iter()
                .find(|name| name.starts_with(tone))
                .unwrap();
            pairs.extend([(tone, soft), ("ink", soft)]);
        }
        for (text, ground) in pairs {
            let ratio = contrast(colour[text], colour[ground]);
            assert!(ratio >= 4.5, "{scheme}: {text} on {ground} has {ratio:.2}");
        }
        for line in ["line-strong", "focus"] {
            let ratio = contrast(colour[line], colour["surface"]);
            assert!(ratio >= 3.0, "{scheme}: {line} has {ratio:.2}");
        }
    }
}

async fn fetch(path: &str, known: Option<&str>) -> ServiceResponse {
    let app = init_service(App::new().configure(pages::assets)).await;
    let mut request = TestRequest::get().uri(path);
    if let Some(tag) = known {
        request = request.insert_header(("if-none-match", tag));
    }
    call_service(&app, request.to_request()).await
}

fn header(response: &ServiceResponse, name: &str) -> String {
    response
        .headers()
        .get(name)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

#[actix_web::test]
async fn an_asset_under_its_version_is_kept_for_a_year() {
    for name in [
        "latchkey.css",
        "enhance.js",
        "inbox.js",
        "logo.svg",
        "favicon.svg",
    ] {
        let versioned = pages::asset_url(name);
        assert!(versioned.contains("?v="), "{versioned}");
        let response = fetch(&versioned, None).await;
        assert_eq!(response.status(), 200);
        assert!(header(&response, "cache-control").contains("immutable"));
        assert!(!header(&response, "content-type").contains("octet-stream"));
        assert!(!to_bytes(response.into_body()).await.unwrap().is_empty());
    }
}

#[actix_web::test]
async fn an_asset_under_another_version_is_asked_for_again() {
    for path in [
        "/assets/latchkey.css",
        "/assets/latchkey.css?v=0000000000000000",
        "/favicon.ico",
    ] {
        assert_eq!(
            header(&fetch(path, None).await, "cache-control"),
            "no-cache",
            "{path}"
        );
    }
    for path in ["/assets/", "/assets/nothing.css", "/assets/..%2fCargo.toml"] {
        assert_eq!(fetch(path, None).await.status(), 404, "{path}");
    }
}

#[actix_web::test]
async fn an_asset_that_is_known_is_not_sent_again() {
    let tag = header(&fetch("/assets/latchkey.css", None).await, "etag");
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let response = fetch("/assets/latchkey.css", Some(&known)).await;
        assert_eq!(response.status(), 304, "{known}");
        assert!(to_bytes(response.into_body()).await.unwrap().is_empty());
    }
    assert_eq!(
        fetch("/assets/latchkey.css", Some("\"x\"")).await.status(),
        200
    );
}

#[actix_web::test]
async fn only_what_apps_load_is_there_for_other_origins() {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    for (name, content_type) in [
        ("okap.js", SCRIPT),
        ("okap.mjs", SCRIPT),
        ("okap.d.ts", "text/plain; charset=utf-8"),
    ] {
        let response = fetch(&format!("/assets/{name}"), None).await;
        assert_eq!(header(&response, "content-type"), content_type);
        assert_eq!(header(&response, "access-control-allow-origin"), "*");
        assert_eq!(
            header(&response, "cross-origin-resource-policy"),
            "cross-origin"
        );
        // Its address has no version, so that a mended script reaches every app.
        assert_eq!(header(&response, "cache-control"), "no-cache");
    }
    for name in ["popup.js", "enhance.js", "latchkey.css"] {
        let response = fetch(&format!("/assets/{name}"), None).await;
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-origin")
        );
    }
}

/// RFC 9700 section 4.17: a message that goes to everybody tells everybody.
#[test]
fn no_script_sends_a_message_to_everybody() {
    let scripts = [
        include_str!("../assets/okap.js"),
        include_str!("../assets/popup.js"),
        include_str!("../../../deploy/extension/answer.js"),
    ];
    for script in scripts {
        assert!(script.contains("postMessage("));
        assert!(!script.contains("\"*\"") && !script.contains("'*'"));
    }
    let copy = include_str!("../../../deploy/extension/okap.js");
    assert_eq!(
        copy, scripts[0],
        "deploy/extension/okap.js is a copy of the asset"
    );
}
