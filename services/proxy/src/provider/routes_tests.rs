//! The table of routes as people read it: `ROUTES.md`, written by this test and held against it.

use std::fmt::Write;

use super::*;
use crate::provider::added;

const WRITTEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ROUTES.md");
const HEAD: &str = "# Routes

Every route of every provider, and the capability that a grant must hold for it; `any`: one is enough, whichever. A path that is not here is 404
and reaches no provider. Written by `LATCHKEY_WRITE_ROUTES=1 cargo test -p proxy routes_are_those_written_down`.

| provider | route below `/v1/PROVIDER` | asked at | capability | charged |
|---|---|---|---|---|
";

fn table() -> String {
    let mut text = HEAD.to_owned();
    let providers = Providers::built_in(&[]).unwrap();
    for row in &ROWS {
        let upstream = providers.find(row.name).unwrap();
        let version = if row.dialect == Dialect::Google {
            "/{version}"
        } else {
            ""
        };
        let base = format!("{}{version}", upstream.base);
        write_rows(&mut text, row.name, version, &base, row.endpoints);
    }
    let (azure, resource) = ("added: azure", "https://RESOURCE.openai.azure.com");
    let compatible = "added: openai_compatible";
    write_rows(&mut text, compatible, "", "BASE_URL", added::ENDPOINTS);
    write_rows(&mut text, compatible, "/v1", "BASE_URL", added::ENDPOINTS);
    for below in ["", "/openai/v1"] {
        let base = format!("{resource}/openai/v1");
        write_rows(&mut text, azure, below, &base, added::ENDPOINTS);
    }
    let below = "/openai/deployments/{deployment}";
    let base = format!("{resource}{below}");
    write_rows(&mut text, azure, below, &base, added::OF_DEPLOYMENTS);
    text
}

fn write_rows(text: &mut String, provider: &str, below: &str, base: &str, all: &[Endpoint]) {
    for endpoint in all {
        let method = if endpoint.has_body() { "POST" } else { "GET" };
        let capability = endpoint.capability().map_or_else(
            || "any".to_owned(),
            |capability| format!("`{}`", capability.name()),
        );
        let charged = if endpoint.is_charged() { "yes" } else { "no" };
        let path = endpoint.template();
        writeln!(
            text,
            "| `{provider}` | `{method} {below}{path}` | `{base}{path}` | {capability} | {charged} |"
        )
        .unwrap();
    }
}

#[test]
fn routes_are_those_written_down() {
    if std::env::var_os("LATCHKEY_WRITE_ROUTES").is_some() {
        std::fs::write(WRITTEN, table()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(WRITTEN).unwrap(), table());
}
