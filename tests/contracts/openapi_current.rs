//! The committed OpenAPI documents are what the services answer to.

use std::{fs, path::PathBuf};

use utoipa_documents::all;

mod utoipa_documents {
    /// Every service's document, as it would be generated now.
    pub(super) fn all() -> [(&'static str, String); 4] {
        let text = |document: Result<String, serde_json::Error>| document.expect("a document") + "\n";
        [
            ("auth", text(auth::openapi().to_pretty_json())),
            ("consent", text(consent::openapi().to_pretty_json())),
            ("proxy", text(proxy::openapi().to_pretty_json())),
            ("billing", text(billing::openapi().to_pretty_json())),
        ]
    }
}

#[test]
fn the_openapi_documents_are_current() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../openapi");
    for (service, generated) in all() {
        let path = folder.join(format!("{service}.json"));
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == generated,
            "openapi/{service}.json is not current; write it anew with: latchkey-{service} openapi > openapi/{service}.json"
        );
    }
}
