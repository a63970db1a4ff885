//! The committed OpenAPI documents are what the services answer to.

use std::{fs, path::PathBuf};

/// Every service's document, as it would be generated now.
pub fn all() -> [(&'static str, String); 4] {
    let text = |document: Result<String, serde_json::Error>| document.expect("a document") + "\n";
    [
        ("auth", text(auth::openapi().to_pretty_json())),
        ("consent", text(consent::openapi().to_pretty_json())),
        ("proxy", text(proxy::openapi().to_pretty_json())),
        ("billing", text(billing::openapi().to_pretty_json())),
    ]
}

/// Whether the person who runs this wants the documents written anew instead of compared.
#[expect(clippy::disallowed_methods, reason = "tests are told by their runner")]
fn write_anew() -> bool {
    std::env::var("LATCHKEY_WRITE_OPENAPI").is_ok()
}

#[test]
fn the_openapi_documents_are_current() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../openapi");
    for (service, generated) in all() {
        let path = folder.join(format!("{service}.json"));
        if write_anew() {
            fs::write(&path, &generated).expect("the document can be written");
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == generated,
            "openapi/{service}.json is not current; write it anew with: \
             LATCHKEY_WRITE_OPENAPI=1 cargo test -p tests --test contracts openapi"
        );
    }
}
