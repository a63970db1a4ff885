//! What identifies an app that asks: by which later requests of it are known.
//!
//! A registered app is its client id; an app that has shown to control a domain is that domain,
//! whatever it calls itself. All others have nothing but a name that anyone can type, so such a name
//! identifies nobody beyond the one handle at which it was typed: a stranger who takes somebody
//! else's name can neither be taken for them elsewhere nor have them turned away elsewhere.

use events::{AppIdentity, AppKey, SelfRegistration, Verification};
use ids::HandleId;
use url::{Host, Url};

/// What identifies this app; `None` for a mere name that came without a handle: through the
/// person's own browser or by a ticket of theirs, where it comes by their own doing only.
#[must_use]
pub fn of(app: &AppIdentity, handle: Option<HandleId>) -> Option<AppKey> {
    if let Some(app) = app.app {
        return Some(AppKey::Client { app });
    }
    if app.verification != Verification::Unverified {
        return domain(app).map(|domain| AppKey::Domain { domain });
    }
    let name = app.name.split_whitespace().collect::<Vec<_>>().join(" ");
    handle.map(|handle| AppKey::Name {
        name: name.to_lowercase(),
        handle,
    })
}

/// What identifies this app where a rule may decide: never a mere name, and never a document, which
/// its owner may change after the rule was written.
#[must_use]
pub fn verified(app: &AppIdentity) -> Option<AppKey> {
    let document = matches!(app.registration, Some(SelfRegistration::Document { .. }));
    of(app, None).filter(|_| app.verification != Verification::Unverified && !document)
}

/// Everything by which this app may be blocked: what identifies it, and the domain that it merely
/// says it has. Whoever says so falsely is turned away in place of nobody else.
#[must_use]
pub fn blockable(app: &AppIdentity, handle: Option<HandleId>) -> Vec<AppKey> {
    let claimed = match app.app {
        None => domain(app).map(|domain| AppKey::Domain { domain }),
        Some(_) => None,
    };
    let mut keys: Vec<_> = of(app, handle).into_iter().chain(claimed).collect();
    keys.dedup();
    keys
}

/// A domain as a person writes it down: a host name, in ASCII or not.
#[must_use]
pub fn written_domain(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = !text.is_empty()
        && text.len() <= 253
        && !text.contains(['/', ':', '@', '?', '#', '\\', '*']);
    let url = plain
        .then(|| Url::parse(&format!("https://{text}/")).ok())
        .flatten()?;
    match url.host() {
        Some(Host::Domain(name)) if name.contains('.') => Some(name.to_owned()),
        _ => None,
    }
}

fn domain(app: &AppIdentity) -> Option<String> {
    let url = Url::parse(app.url.as_deref()?).ok()?;
    url.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ids::AppId;

    fn at() -> jiff::Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn app(name: &str, url: Option<&str>, verification: Verification) -> AppIdentity {
        AppIdentity {
            app: None,
            name: name.to_owned(),
            url: url.map(str::to_owned),
            verification,
            registration: None,
        }
    }

    #[test]
    fn a_verified_app_is_its_domain_whatever_it_calls_itself() {
        let one = app(
            "Digest",
            Some("https://app.test/about"),
            Verification::DomainVerified,
        );
        let other = app(
            "Renamed",
            Some("https://app.test:8443"),
            Verification::DomainVerified,
        );
        let domain = AppKey::Domain {
            domain: "app.test".to_owned(),
        };
        assert_eq!(of(&one, None), Some(domain.clone()));
        assert_eq!(of(&other, Some(HandleId::new(at()))), Some(domain));
    }

    #[test]
    fn a_mere_name_identifies_somebody_at_one_handle_only() {
        let (here, there) = (HandleId::new(at()), HandleId::new(at()));
        let named = app("Note  Book", None, Verification::Unverified);
        let same = app("note book", None, Verification::Unverified);
        assert_eq!(of(&named, Some(here)), of(&same, Some(here)));
        assert_ne!(of(&named, Some(here)), of(&named, Some(there)));
        assert_eq!(of(&named, None), None);
        assert_eq!(verified(&named), None);
    }

    #[test]
    fn a_registered_app_is_its_client_id_and_not_the_domain_it_names() {
        let id = AppId::new(at());
        let mut registered = app(
            "Digest",
            Some("https://app.test"),
            Verification::OrganizationApproved,
        );
        registered.app = Some(id);
        assert_eq!(blockable(&registered, None), [AppKey::Client { app: id }]);
        assert_eq!(verified(&registered), Some(AppKey::Client { app: id }));
        // One that registered itself is known, and not trusted.
        registered.verification = Verification::Unverified;
        assert_eq!(verified(&registered), None);
        assert_eq!(blockable(&registered, None), [AppKey::Client { app: id }]);
        // What is known by a document may say something else tomorrow.
        registered.verification = Verification::DomainVerified;
        registered.registration = Some(SelfRegistration::Document {
            client_id: "https://app.test/client".to_owned(),
            says: String::new(),
        });
        assert_eq!(verified(&registered), None);
    }

    #[test]
    fn a_domain_is_written_as_a_host_name() {
        assert_eq!(written_domain(" App.test ").as_deref(), Some("app.test"));
        assert_eq!(
            written_domain("аpple.com").as_deref(),
            Some("xn--pple-43d.com")
        );
        for bad in [
            "",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "https://app.test",
            "app.test/x",
            "app.test:1",
            "a@b.test",
            "*.test",
            "a b.test",
        ] {
            assert_eq!(written_domain(bad), None, "{bad}");
        }
    }
}
