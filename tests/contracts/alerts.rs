//! Alerts watch metrics that exist: one on a name that nobody counts under would never be heard.

use std::{collections::BTreeSet, fs, path::Path};

const PREFIX: &str = "latchkey_";

/// The text of every source file below a folder.
fn sources(below: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(below).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.push_str(&sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            all.push_str(&fs::read_to_string(&path).expect("a source file"));
        }
    }
    all
}

/// The metrics that the expressions of the rules name.
fn watched(rules: &str) -> BTreeSet<&str> {
    let expressions = rules
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("expr: "));
    let words = expressions
        .flat_map(|expression| expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    words.filter(|word| word.starts_with(PREFIX)).collect()
}

#[test]
fn every_alert_watches_a_metric_that_is_counted() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rules = fs::read_to_string(top.join("deploy/alerts.yml")).expect("the alerts");
    let watched = watched(&rules);
    let alerts = rules.matches("- alert: ").count();
    assert_eq!(
        watched.len(),
        alerts,
        "each alert watches one metric of its own: {watched:?}"
    );
    let source = sources(&top.join("services")) + &sources(&top.join("shared"));
    for metric in watched {
        let kinds = ["counter", "gauge"].map(|kind| format!("metrics::{kind}!(\"{metric}\""));
        assert!(
            kinds.iter().any(|counted| source.contains(counted)),
            "nobody counts {metric}"
        );
    }
}
