//! A migration that has landed never changes.

use aws_lc_rs::digest;

const FROZEN: &str = include_str!("golden/migrations.sha256");

#[test]
fn migrations_are_frozen() {
    let today: Vec<String> = migrations::all()
        .iter()
        .map(|(name, sql)| {
            let digest = digest::digest(&digest::SHA256, sql.as_bytes());
            let hex: String = digest
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("{hex}  {name}")
        })
        .collect();
    let frozen: Vec<&str> = FROZEN.lines().collect();
    let kept = today
        .iter()
        .zip(&frozen)
        .filter(|(today, frozen)| today == frozen)
        .count();
    assert_eq!(
        kept,
        frozen.len(),
        "a landed migration has changed or is gone; write a new one instead"
    );
    assert_eq!(
        today.len(),
        frozen.len(),
        "a new migration is not frozen yet; add to golden/migrations.sha256:\n{}",
        today[frozen.len()..].join("\n")
    );
}

#[test]
fn migrations_are_numbered_without_gaps() {
    for (index, (name, _)) in migrations::all().iter().enumerate() {
        assert!(
            name.starts_with(&format!("V{}__", index + 1)),
            "{name} is not number {}",
            index + 1
        );
    }
}
