//! Short texts that people type and pages show.

/// The text with its outer spaces gone and inner runs of spaces made one; `None` when it is empty,
/// longer than `longest` characters, or holds a character that cannot be seen or turns the line
/// around.
pub fn plain_line(text: &str, longest: usize) -> Option<String> {
    if text.len() > longest * 4 + 64 || text.chars().any(is_hidden) {
        return None;
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty() && line.chars().count() <= longest).then_some(line)
}

/// As much of a foreign text as makes a plain line, or nothing.
pub fn cleaned_line(text: &str, longest: usize) -> Option<String> {
    let visible: String = text
        .chars()
        .filter(|c| !is_hidden(*c))
        .take(longest)
        .collect();
    plain_line(&visible, longest)
}

/// Control characters, and the format characters of Unicode that hide text or turn it around.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_refused_or_taken_out() {
        assert_eq!(
            plain_line("  Ada   Lovelace ", 80).as_deref(),
            Some("Ada Lovelace")
        );
        assert_eq!(plain_line("Ada\u{202e}", 80), None);
        assert_eq!(
            cleaned_line("Ada\u{202e} \u{0}L.", 80).as_deref(),
            Some("Ada L.")
        );
        assert_eq!(cleaned_line("\u{200b}", 80), None);
        assert_eq!(
            cleaned_line(&"é".repeat(500), 80).unwrap().chars().count(),
            80
        );
    }
}
