//! The table of routes as people read it: `ROUTES.md`, written by this test and held against it.

use std::fmt::Write;

use super::*;

const WRITTEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ROUTES.md");
const HEAD: &str = "# Routes

Every route of every provider, and the capability that a grant must hold for it; `any`: one is enough, whichever. A path that is not here is 404
and reaches no provider. Written by `LATCHKEY_WRITE_ROUTES=1 cargo test -p proxy routes_are_those_written_down`.

| provider | route below `/v1/PROVIDER` | asked at | capability | charged |
|---|---|---|---|---|
";

fn table() -> String {
    let mut text = HEAD.to_owned();
    for row in &ROWS {
        let providers = Providers::built_in(&[]).unwrap();
        let upstream = providers.find(row.name).unwrap();
        for endpoint in row.endpoints {
            let method = if endpoint.has_body() { "POST" } else { "GET" };
            let capability = endpoint.capability().map_or_else(
                || "any".to_owned(),
                |capability| format!("`{}`", capability.name()),
            );
            let charged = if endpoint.is_charged() { "yes" } else { "no" };
            let path = endpoint.template();
            let version = if row.dialect == Dialect::Google {
                "/{version}"
            } else {
                ""
            };
            writeln!(
                text,
                "| `{}` | `{method} {version}{path}` | `{}{version}{path}` | {capability} | {charged} |",
                row.name, upstream.base
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn routes_are_those_written_down() {
    if std::env::var_os("LATCHKEY_WRITE_ROUTES").is_some() {
        std::fs::write(WRITTEN, table()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(WRITTEN).unwrap(), table());
}
