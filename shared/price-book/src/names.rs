//! Which names a model goes by.

use serde::Deserialize;

/// Names of a model beyond those written out. Names are compared without regard to case.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NameRules {
    /// With a full date behind it: `-20250807`, `@20250807` or `-2025-08-07`.
    dated: Vec<String>,
    /// With words behind it that name a version and not another model: see [`names_a_version`].
    snapshots: Vec<String>,
    /// With anything behind it.
    prefixes: Vec<String>,
    /// Endings that a name under `prefixes` must not have.
    except_endings: Vec<String>,
}

impl NameRules {
    /// How many characters of `name` a rule names in full, if one covers it. The higher, the closer.
    pub(crate) fn closeness(&self, name: &str) -> Option<usize> {
        let longest = |bases: &[String], fits: &dyn Fn(&str) -> bool| {
            let fitting = bases
                .iter()
                .filter(|base| rest_after(base, name).is_some_and(fits));
            fitting.map(String::len).max()
        };
        let allowed = |_: &str| {
            !self
                .except_endings
                .iter()
                .any(|ending| name.ends_with(ending))
        };
        [
            longest(&self.dated, &is_date),
            longest(&self.snapshots, &names_a_version),
            longest(&self.prefixes, &allowed),
        ]
        .into_iter()
        .flatten()
        .max()
    }
}

/// What follows `base` in `name`, which is in lower case.
fn rest_after<'name>(base: &str, name: &'name str) -> Option<&'name str> {
    let (head, rest) = name.split_at_checked(base.len())?;
    head.eq_ignore_ascii_case(base).then_some(rest)
}

fn is_date(rest: &str) -> bool {
    let shape: String = rest
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    matches!(shape.as_str(), "-0000-00-00" | "-00000000" | "@00000000")
}

/// Whether `rest` only names a version: `-latest`, `-preview`, `-exp`, `-v2`, `-001`, `-0314`, dates.
///
/// A word like `-lite` or `-mini`, or a single number as in `claude-opus-5-5`, names another model.
fn names_a_version(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix(['-', '@']) else {
        return false;
    };
    let all_digits = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let number = |word: &&str| word.len() > 1 && all_digits(word);
    let part_of_date = rest.split(['-', '@']).filter(number).count() > 1;
    rest.split(['-', '@']).all(|word| match word.len() {
        2 if word.starts_with('v') => all_digits(&word[1..]),
        2 => all_digits(word) && part_of_date,
        0 | 1 => false,
        _ => all_digits(word) || matches!(word, "latest" | "preview" | "exp"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_a_model_is_not_another_model() {
        for version in [
            "-latest",
            "-preview",
            "-001",
            "-0314",
            "-20250807",
            "@20250807",
            "-2025-08-07",
            "-preview-05-20",
            "-preview-09-2025",
            "-exp-1219",
            "-v2@20241022",
        ] {
            assert!(names_a_version(version), "{version}");
        }
        for other in [
            "",
            "-",
            "-5",
            "-05",
            "-lite",
            "-mini",
            "-preview-tts",
            "-32k",
            "latest",
            "--",
        ] {
            assert!(!names_a_version(other), "{other}");
        }
    }

    #[test]
    fn only_a_full_date_is_a_date() {
        assert!(is_date("-20250807") && is_date("@20250807") && is_date("-2025-08-07"));
        for other in [
            "",
            "-2025",
            "-202508071",
            "@2025-08-07",
            "-latest",
            "20250807",
        ] {
            assert!(!is_date(other), "{other}");
        }
    }
}
