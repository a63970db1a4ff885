//! The shelf explains itself, and every crate follows the workspace.

use std::{fs, path::Path};

fn folders(of: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(of)
        .expect("a folder")
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn every_crate_on_the_shelf_has_a_readme_and_a_row() {
    let shelf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let table = fs::read_to_string(shelf.join("README.md")).expect("shared/README.md");
    for name in folders(&shelf) {
        assert!(
            shelf.join(&name).join("README.md").exists(),
            "shared/{name} has no README"
        );
        assert!(
            table.contains(&format!("| `{name}` |")),
            "shared/README.md has no row for {name}"
        );
    }
}

#[test]
fn every_crate_takes_lints_and_versions_from_the_workspace() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let crates = folders(&top.join("services"))
        .into_iter()
        .map(|name| format!("services/{name}"));
    let crates = crates.chain(
        folders(&top.join("shared"))
            .into_iter()
            .map(|name| format!("shared/{name}")),
    );
    let others = ["migrations", "tests", "tests/simulator"].map(str::to_owned);
    for name in crates.chain(others) {
        let manifest = fs::read_to_string(top.join(&name).join("Cargo.toml")).expect("a manifest");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{name} does not take the workspace's lints"
        );
        let own_version = manifest.lines().find(|line| {
            line.contains(" = \"") && line.contains("version =") && !line.starts_with("version")
        });
        assert_eq!(own_version, None, "{name} names a version of its own");
    }
}
