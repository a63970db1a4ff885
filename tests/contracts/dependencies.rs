//! Who may import whom: the house's rules, kept by a machine.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

const WORDS: [&str; 3] = ["ids", "money", "clock"];
const CONTRACTS: [&str; 4] = ["events", "price-book", "dpop", "recording-length"];
const INSTRUMENTS: [&str; 8] = [
    "postgres",
    "event-store",
    "event-bus",
    "key-vault",
    "spend-limits",
    "sessions",
    "grant-access",
    "guarded-fetch",
];
const SURFACE: [&str; 2] = ["server", "pages"];
const SERVICES: [&str; 4] = ["auth", "consent", "proxy", "billing"];

/// Instruments that may use another instrument.
const INSTRUMENT_PAIRS: [(&str, &str); 6] = [
    ("event-store", "postgres"),
    ("event-bus", "event-store"),
    ("event-bus", "postgres"),
    ("grant-access", "postgres"),
    ("key-vault", "postgres"),
    ("sessions", "postgres"),
];

/// One outside system, one instrument: who may import a driver.
const DRIVERS: [(&str, &[&str]); 10] = [
    ("lapin", &["event-bus"]),
    ("redis", &["spend-limits"]),
    ("aws-sdk-kms", &["key-vault"]),
    ("aws-config", &["key-vault"]),
    ("openidconnect", &["auth"]),
    // What others use to speak with us, tried out.
    ("oauth2", &["auth", "tests"]),
    ("governor", &["server"]),
    ("hyper", &["proxy"]),
    ("reqwest", &["guarded-fetch", "tests"]),
    ("actix-governor", &[]),
];

struct Package {
    folder: String,
    dependencies: Vec<String>,
}

/// Every member of the workspace with what it is built from; what only its tests use is left out.
fn packages() -> BTreeMap<String, Package> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies");
            let built = all.iter().filter(|dependency| dependency["kind"].is_null());
            let folder = package["manifest_path"]
                .as_str()
                .expect("a path")
                .trim_end_matches("/Cargo.toml");
            let folder = folder.rsplit('/').nth(1).unwrap_or_default().to_owned();
            (
                name(package),
                Package {
                    folder,
                    dependencies: built.map(name).collect(),
                },
            )
        })
        .collect()
}

fn may_import(importer: &str, imported: &str) -> bool {
    let is = |list: &[&str], name: &str| list.contains(&name);
    if is(&WORDS, importer) {
        return false;
    }
    if is(&CONTRACTS, importer) {
        return is(&WORDS, imported);
    }
    if is(&INSTRUMENTS, importer) {
        let below = is(&WORDS, imported) || is(&CONTRACTS, imported);
        return below || INSTRUMENT_PAIRS.contains(&(importer, imported));
    }
    if is(&SURFACE, importer) {
        return is(&WORDS, imported)
            || imported == "sessions"
            || (importer == "pages" && imported == "server");
    }
    if is(&SERVICES, importer) {
        return !is(&SERVICES, imported) && imported != "migrations";
    }
    if importer == "migrations" {
        return false;
    }
    matches!(importer, "all-in-one" | "tests" | "provider-simulator")
}

#[test]
fn dependencies_point_down() {
    let packages = packages();
    let mut wrong = Vec::new();
    for (importer, package) in &packages {
        for imported in package
            .dependencies
            .iter()
            .filter(|name| packages.contains_key(*name))
        {
            if !may_import(importer, imported) {
                wrong.push(format!(
                    "{importer} ({}) imports {imported}",
                    package.folder
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these imports break the rules of the house:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn one_outside_system_has_one_instrument() {
    let mut wrong = Vec::new();
    for (importer, package) in packages() {
        for (driver, allowed) in DRIVERS {
            let imports = package.dependencies.iter().any(|name| name == driver);
            if imports && !allowed.contains(&importer.as_str()) {
                wrong.push(format!("{importer} imports {driver}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these drivers are imported outside their instrument:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn contracts_know_no_runtime_and_no_driver() {
    let packages = packages();
    for name in WORDS.iter().chain(&CONTRACTS) {
        for driver in [
            "tokio",
            "tokio-postgres",
            "redis",
            "lapin",
            "reqwest",
            "actix-web",
        ] {
            let imports = packages[*name]
                .dependencies
                .iter()
                .any(|dependency| dependency == driver);
            assert!(!imports, "{name} imports {driver}");
        }
    }
}
