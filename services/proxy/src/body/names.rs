//! The names of members, and what other readers take for them.

/// A member that a decision rests on: the spellings a provider takes for it, the usual one first.
pub type Name = &'static [&'static str];

/// Whether some reader takes this name for a known one. Readers exist that ignore case (with the
/// Kelvin sign and the long s, as Unicode's simple folding has it), underscores and hyphens.
pub(super) fn is_read_as(name: &str, known: Name) -> bool {
    fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
        text.chars()
            .filter(|c| !matches!(c, '_' | '-') && !c.is_whitespace() && !c.is_control())
            .map(|c| match c {
                '\u{17f}' => 's',
                '\u{212a}' => 'k',
                other => other.to_ascii_lowercase(),
            })
    }
    known
        .first()
        .is_some_and(|usual| folded(name).eq(folded(usual)))
}
