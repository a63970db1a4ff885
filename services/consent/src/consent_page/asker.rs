//! Who asks, and how sure we are, as every page shows it.

use events::{AppIdentity, SelfRegistration, Verification};
use pages::{Badge, Tone, filters::foreign_text};

/// The longest name a page shows (in characters).
const LONGEST_NAME: usize = 80;

/// An app, as pages show it. Nothing in it can hide, turn or pose as something else unsaid.
pub(crate) struct Asker {
    /// Its name, cleaned.
    pub name: String,
    /// The letter that stands for it.
    pub initial: String,
    /// How sure we are, in two words.
    pub badge: Badge,
    /// How sure we are, in a sentence.
    pub how_sure: String,
    /// Where it says it lives: a host name, in ASCII.
    pub host: Option<String>,
    /// What is odd about its name, if anything.
    pub warning: Option<&'static str>,
}

impl Asker {
    /// The app that identifies itself so.
    pub(crate) fn of(app: &AppIdentity) -> Self {
        let cleaned = foreign_text(&app.name, LONGEST_NAME);
        let name = if cleaned.is_empty() {
            "An app without a name".to_owned()
        } else {
            cleaned
        };
        let host = app.url.as_deref().and_then(host_of);
        let initial = name.chars().find(|c| c.is_alphanumeric());
        Self {
            initial: initial.map_or_else(|| "?".to_owned(), |c| c.to_uppercase().to_string()),
            badge: badge(app.verification),
            how_sure: how_sure(app, host.as_deref()),
            warning: mixes_alphabets(&name).then_some(
                "Its name mixes alphabets, so its letters may not be the ones they look like.",
            ),
            host,
            name,
        }
    }
}

fn badge(verification: Verification) -> Badge {
    match verification {
        Verification::Unverified => Badge::new(Tone::Caution, "Unverified"),
        Verification::DomainVerified => Badge::new(Tone::Good, "Domain verified"),
        Verification::OrganizationApproved => Badge::new(Tone::Good, "Organization-approved"),
    }
}

fn how_sure(app: &AppIdentity, host: Option<&str>) -> String {
    if app.registration == Some(SelfRegistration::Token {}) {
        return "This app registered itself with a token of your organization; its name is its own \
                word."
            .to_owned();
    }
    match (app.verification, host) {
        (Verification::Unverified, Some(host)) => format!(
            "Unverified: anyone can type this name, and the address {host}. Approve only what you \
             started yourself."
        ),
        (Verification::Unverified, None) => {
            "Unverified: anyone can type this name. Approve only what you started yourself."
                .to_owned()
        }
        (Verification::DomainVerified, Some(host)) => {
            format!("This app has shown that it controls {host}.")
        }
        (Verification::DomainVerified, None) => {
            "This app has shown that it controls its domain.".to_owned()
        }
        (Verification::OrganizationApproved, _) => {
            "An administrator of your organization registered this app.".to_owned()
        }
    }
}

/// The host of a web address; of a name in other letters, its ASCII form, which cannot pose as
/// another.
fn host_of(url: &str) -> Option<String> {
    let url = url::Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.host_str().map(|host| foreign_text(host, LONGEST_NAME))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Cherokee,
}

/// Whether letters of alphabets that look alike stand side by side, or letters are dressed up as
/// others.
fn mixes_alphabets(name: &str) -> bool {
    let mut seen = None;
    for letter in name.chars().filter(|c| c.is_alphabetic()) {
        let alphabet = match letter {
            'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}' => Alphabet::Latin,
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Alphabet::Greek,
            '\u{400}'..='\u{52f}' => Alphabet::Cyrillic,
            '\u{530}'..='\u{58f}' => Alphabet::Armenian,
            '\u{13a0}'..='\u{13ff}' => Alphabet::Cherokee,
            // Phonetic, letter-like, full-width and mathematical letters.
            '\u{250}'..='\u{2af}'
            | '\u{1d00}'..='\u{1dbf}'
            | '\u{2100}'..='\u{214f}'
            | '\u{ff21}'..='\u{ff5a}'
            | '\u{1d400}'..='\u{1d7ff}' => return true,
            _ => continue,
        };
        if *seen.get_or_insert(alphabet) != alphabet {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(name: &str, url: Option<&str>) -> Asker {
        Asker::of(&AppIdentity {
            app: None,
            name: name.to_owned(),
            url: url.map(str::to_owned),
            verification: Verification::Unverified,
            registration: None,
        })
    }

    #[test]
    fn a_name_cannot_hide_or_turn_anything() {
        let turned = asker("Bank\u{202e}ppA\u{200b}\u{0}", None);
        assert_eq!(turned.name, "BankppA");
        assert_eq!(
            asker("\u{200b}\u{202e} ", None).name,
            "An app without a name"
        );
        assert_eq!(asker(&"x".repeat(500), None).name.chars().count(), 80);
    }

    #[test]
    fn a_name_of_look_alike_letters_is_told_apart() {
        for odd in ["Сursor", "Pаper", "Ｃursor", "𝐂ursor", "Gοοgle"] {
            assert!(asker(odd, None).warning.is_some(), "{odd}");
        }
        for plain in [
            "Cursor",
            "Курсор",
            "Zürich 東京",
            "ΑΒΓ",
            "Łódź 7",
            "한국어 App",
        ] {
            assert!(asker(plain, None).warning.is_none(), "{plain}");
        }
    }

    #[test]
    fn an_address_is_a_host_name_in_ascii_or_nothing() {
        assert_eq!(
            asker("a", Some("https://xn--pple-43d.com/x")).host.unwrap(),
            "xn--pple-43d.com"
        );
        assert_eq!(
            asker("a", Some("https://аpple.com/")).host.unwrap(),
            "xn--pple-43d.com"
        );
        for none in [
            "javascript:alert(1)",
            "data:text/html,x",
            "not a url",
            "//x",
        ] {
            assert_eq!(asker("a", Some(none)).host, None, "{none}");
        }
    }
}
