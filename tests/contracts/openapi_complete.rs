//! Every route is described, with its method, or stands here with the reason why not.
//!
//! The routes are read from the sources, so that one that was added without a description is found
//! however it was registered.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::openapi_current;

/// What answers with a page, or with the way to one; no program is to read it. Checked: none of these
/// reads or writes JSON.
const PAGES: &[&str] = &[
    // auth
    "GET /sign-in",
    "GET /sign-in/link/{token}",
    "GET /sso/{connection}/callback",
    "GET /account",
    // billing
    "GET /usage",
    "GET /usage/shadow-limits",
    // consent
    "GET /",
    "GET /inbox",
    "GET /requests/{id}",
    "GET /connected-apps",
    "GET /connected-apps/{id}/edit",
    "GET /connected-apps/{id}/allow",
    "GET /decisions",
    "GET /blocked-apps",
    "GET /blocked-apps/new",
    "GET /approval-rules",
    "GET /provider-keys",
    "GET /connect",
    "GET /apps",
    "GET /policy",
    "GET /custom-providers",
    "GET /model-aliases",
    "GET /budgets",
    "GET /device",
    "GET /developers",
    "GET /okap/native",
    "GET /okap/popup",
    "GET /okap/popup/requests/{id}",
];

/// What only the form of such a page sends: it needs the page's own token, and answers with a page.
/// Checked like the pages. Whatever a form can do a program can do at `/api/v1`.
const FORMS: &[&str] = &[
    // auth
    "POST /sign-in/link/{token}",
    "POST /sign-in/sso",
    "POST /sign-out",
    "POST /account/api-tokens",
    "POST /account/api-tokens/{id}/revoke",
    // consent
    "POST /inbox/deny",
    "POST /requests/{id}/preview",
    "POST /requests/{id}/approve",
    "POST /requests/{id}/deny",
    "POST /connected-apps/{id}/edit",
    "POST /connected-apps/{id}/shadow-limits/{provider}",
    "POST /connected-apps/{id}/shadow-limits/{provider}/adopt",
    "POST /connected-apps/{id}/shadow-limits/{provider}/stop",
    "POST /connected-apps/{id}/allow",
    "POST /connected-apps/{id}/revoke",
    "POST /connected-apps/revoke-all",
    "POST /blocked-apps",
    "POST /blocked-apps/{id}/unblock",
    "POST /approval-rules",
    "POST /approval-rules/{id}/remove",
    "POST /provider-keys",
    "POST /provider-keys/{id}/rotate",
    "POST /provider-keys/{id}/check",
    "POST /provider-keys/{id}/delete",
    "POST /connect/tickets",
    "POST /connect/handles",
    "POST /connect/handles/{id}/end",
    "POST /apps",
    "POST /apps/{id}/secret",
    "POST /apps/{id}/remove",
    "POST /apps/registration-tokens",
    "POST /apps/registration-tokens/{id}/end",
    "POST /policy",
    "POST /custom-providers",
    "POST /custom-providers/{id}/remove",
    "POST /model-aliases",
    "POST /model-aliases/{id}/remove",
    "POST /budgets",
    "POST /budgets/{id}/change",
    "POST /budgets/{id}/remove",
    "POST /device",
];

/// What is neither, and why it is not described.
const OTHERS: &[(&str, &str)] = &[
    (
        "GET /inbox/live",
        "an event stream that tells an open page to load itself anew; it carries no data",
    ),
    ("GET /assets/{name}", "what pages are made of"),
    ("GET /favicon.ico", "what pages are made of"),
    (
        "GET /health/live",
        "for the machines that run a service; in deploy/README.md",
    ),
    (
        "GET /health/ready",
        "for the machines that run a service; in deploy/README.md",
    ),
    (
        "GET /metrics",
        "for the machines that run a service, in the format of Prometheus",
    ),
    (
        "ANY /v1",
        "the providers' own routes, which their own documents describe; listed in the proxy's description",
    ),
];

/// A route as its source registers it, and the source text that goes with it.
struct Route {
    name: String,
    text: String,
}

const ATTRIBUTES: [(&str, &str); 5] = [
    ("#[get(\"", "GET"),
    ("#[post(\"", "POST"),
    ("#[put(\"", "PUT"),
    ("#[patch(\"", "PATCH"),
    ("#[delete(\"", "DELETE"),
];
const METHODS: [(&str, &str); 5] = [
    ("web::get()", "GET"),
    ("web::post()", "POST"),
    ("web::put()", "PUT"),
    ("web::patch()", "PATCH"),
    ("web::delete()", "DELETE"),
];
/// Ways to register a route that this test does not read, and that nobody uses.
const UNREAD: [&str; 6] = [
    "#[route(\"",
    "#[routes]",
    "#[head(\"",
    "#[options(\"",
    "#[scope(\"",
    "web::method(",
];

/// The routes of one source file, as it is without its tests and without white space.
fn routes_in(source: &str) -> Vec<Route> {
    let source = source
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or("");
    let lines = source.lines().map(str::trim);
    let code: String = lines.filter(|line| !line.starts_with("//")).collect();
    let code = code.replace(", ", ",").replace("( ", "(");
    for way in UNREAD {
        assert!(!code.contains(way), "{way} is not read here: {code}");
    }
    let mut found = Vec::new();
    let mut starts: Vec<(usize, &str, &str)> = ATTRIBUTES
        .iter()
        .flat_map(|(mark, method)| {
            code.match_indices(mark)
                .map(|(at, mark)| (at, mark, *method))
        })
        .collect();
    starts.sort_unstable();
    for (number, (at, mark, method)) in starts.iter().enumerate() {
        let end = starts.get(number + 1).map_or(code.len(), |next| next.0);
        found.push(Route {
            name: format!("{method} {}", quoted(&code[at + mark.len()..])),
            text: code[*at..end].to_owned(),
        });
    }
    for part in code.split("web::resource(\"").skip(1) {
        // Up to the next call that registers something else.
        let own = part.split(".service(").next().unwrap_or(part);
        for (mark, method) in METHODS {
            let times = own.matches(&format!(".route({mark}")).count();
            found.extend((0..times).map(|_| Route::plain(method, quoted(part))));
        }
    }
    for part in code.split(".route(\"").skip(1) {
        let call = &part[quoted(part).len() + 2..];
        let method = METHODS.iter().find(|(mark, _)| call.starts_with(mark));
        let method = method.map_or_else(|| panic!("a route that is not read: {call}"), |one| one.1);
        found.push(Route::plain(method, quoted(part)));
    }
    for part in code.split("web::scope(\"").skip(1) {
        found.push(Route::plain("ANY", quoted(part)));
    }
    found
}

impl Route {
    fn plain(method: &str, path: &str) -> Self {
        Self {
            name: format!("{method} {path}"),
            text: String::new(),
        }
    }

    fn speaks_json(&self) -> bool {
        [".json(", "StrictJson", "web::Json", "application/json"]
            .iter()
            .any(|mark| self.text.contains(mark))
    }
}

fn quoted(text: &str) -> &str {
    text.split('"').next().unwrap_or(text)
}

/// Every route in the sources of the services and of what they share.
fn registered() -> Vec<Route> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in ["services", "shared"] {
        for source in sources_below(&root.join(folder)) {
            found.extend(routes_in(&fs::read_to_string(&source).expect("a source")));
        }
    }
    found
}

/// The source files in the `src` folders below this one.
fn sources_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            found.extend(sources_below(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs")
            && path.components().any(|part| part.as_os_str() == "src")
        {
            found.push(path);
        }
    }
    found
}

/// Every route that a document describes.
fn described() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, document) in openapi_current::all() {
        let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        for (path, methods) in paths {
            let methods = methods.as_object().expect("methods");
            let names = methods.keys().map(|method| method.to_uppercase());
            found.extend(names.map(|method| format!("{method} {path}")));
        }
    }
    found
}

#[test]
fn every_route_is_described_or_has_a_reason_not_to_be() {
    let (registered, described) = (registered(), described());
    let others = OTHERS.iter().map(|(route, _)| *route);
    let unlisted: BTreeSet<&str> = PAGES.iter().chain(FORMS).copied().chain(others).collect();
    let names: BTreeSet<&str> = registered.iter().map(|route| route.name.as_str()).collect();
    assert!(names.len() > 100, "the routes are not found any more");

    let forgotten: Vec<_> = names
        .iter()
        .filter(|name| !described.contains(**name) && !unlisted.contains(**name))
        .collect();
    assert!(
        forgotten.is_empty(),
        "neither described nor listed here with a reason: {forgotten:?}"
    );
    let gone: Vec<_> = unlisted
        .iter()
        .filter(|name| !names.contains(*name))
        .collect();
    assert!(gone.is_empty(), "listed here, and no route: {gone:?}");
    let twice: Vec<_> = unlisted
        .iter()
        .filter(|name| described.contains(**name))
        .collect();
    assert!(twice.is_empty(), "described and listed here: {twice:?}");
    let unknown: Vec<_> = described
        .iter()
        .filter(|name| !names.contains(name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "described, and no route: {unknown:?}");
}

/// Programs that are generated from a document name their functions so.
#[test]
fn every_operation_has_an_id_of_its_own() {
    for (service, document) in openapi_current::all() {
        let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").values();
        let operations = paths.flat_map(|methods| methods.as_object().expect("methods").values());
        let mut known = BTreeSet::new();
        for operation in operations {
            let id = operation["operationId"].as_str().expect("an id");
            assert!(known.insert(id.to_owned()), "{service} has two of {id}");
        }
    }
}

#[test]
fn what_is_not_described_for_being_a_page_speaks_no_json() {
    let is_page = |name: &str| PAGES.contains(&name) || FORMS.contains(&name);
    let mistaken: Vec<String> = registered()
        .into_iter()
        .filter(|route| is_page(&route.name) && route.speaks_json())
        .map(|route| route.name)
        .collect();
    assert!(mistaken.is_empty(), "describe these: {mistaken:?}");
}

#[test]
fn routes_are_read_however_they_are_registered() {
    let source = r#"
        //! `#[get("/in/words")]`
        #[get("/one/{id}")]
        async fn one() {}
        #[post("/two")]
        async fn two(body: StrictJson<Two>) {}
        fn all(config: &mut ServiceConfig) {
            config.service(
                web::resource("/three")
                    .wrap(limit)
                    .route(web::get().to(three))
                    .route(web::post().to(four)),
            )
            .route(
                "/five",
                web::delete().to(five),
            )
            .service(web::scope("/six").default_service(web::to(six)));
        }
        #[cfg(test)]
mod tests { #[get("/not")] fn x() {} }
    "#;
    let found = routes_in(source);
    let names: Vec<_> = found.iter().map(|route| route.name.as_str()).collect();
    let expected = [
        "GET /one/{id}",
        "POST /two",
        "GET /three",
        "POST /three",
        "DELETE /five",
        "ANY /six",
    ];
    assert_eq!(names, expected);
    assert!(found[1].speaks_json() && !found[0].speaks_json());
}
