//! The page of apps, as people see it, and the page of a secret that is shown once.

use askama::Template;
use events::GrantType;
use ids::{AppId, RegistrationTokenId};
use jiff::Timestamp;
use pages::{Confirm, Copyable, Field, Layout, filters};

use super::Forms;
use crate::{registered_app::AppRow, registration_token::TokenRow};

#[derive(Template)]
#[template(path = "apps.html")]
pub(super) struct AppsPage {
    layout: Layout,
    apps: Vec<AppView>,
    tokens: Vec<TokenView>,
    fields: [Field; 7],
    /// Whether the fields for keys are unfolded.
    signs: bool,
    token_fields: [Field; 3],
    now: Timestamp,
}

struct AppView {
    id: AppId,
    name: String,
    url: Option<String>,
    redirect_uris: Vec<String>,
    registered_at: Timestamp,
    /// How it asks and proves itself, in words.
    ways: String,
    itself: bool,
    renew: Option<Confirm>,
    remove: Confirm,
}

struct TokenView {
    id: RegistrationTokenId,
    label: String,
    left: i32,
    expires_at: Timestamp,
    end: Confirm,
}

/// A secret that is shown this once.
#[derive(Template)]
#[template(path = "app_secret.html")]
pub(super) struct SecretPage {
    layout: Layout,
    heading: String,
    name: String,
    known: Copyable,
    secret: Copyable,
    explanation: &'static str,
}

impl AppsPage {
    pub(super) fn new(
        layout: Layout,
        (apps, tokens): (Vec<AppRow>, Vec<TokenRow>),
        forms: Forms,
        now: Timestamp,
    ) -> Self {
        let usable = tokens.into_iter().filter(|token| token.is_usable(now));
        Self {
            apps: apps
                .into_iter()
                .map(|row| AppView::new(row, &layout))
                .collect(),
            tokens: usable.map(|row| TokenView::new(row, &layout)).collect(),
            signs: forms.app.signs(),
            fields: forms.app.fields(),
            token_fields: forms.token.fields(),
            layout,
            now,
        }
    }
}

impl AppView {
    fn new(row: AppRow, layout: &Layout) -> Self {
        let remove = Confirm::new(
            layout.csrf_field(),
            format!("/apps/{}/remove", row.id),
            "Remove",
        );
        let renew = row.authentication.has_secret().then(|| {
            let action = format!("/apps/{}/secret", row.id);
            Confirm::new(layout.csrf_field(), action, "New secret").asking(
                format!("Make another secret for {}?", row.name),
                "The old one is no good from then on. The new one is shown once.",
            )
        });
        Self {
            id: row.id,
            ways: ways(&row),
            url: row.url,
            redirect_uris: row.redirect_uris,
            registered_at: row.registered_at,
            itself: row.registration.is_some(),
            renew,
            remove: remove.asking(
                format!("Remove {}?", row.name),
                "It may not ask any more. What anybody here granted it is revoked, and its next call \
                 is refused.",
            ),
            name: row.name,
        }
    }
}

/// How an app asks and proves itself.
fn ways(row: &AppRow) -> String {
    let asks = row.grant_types.iter().map(|one| match one {
        GrantType::AuthorizationCode => "browser",
        GrantType::DeviceCode => "device code",
        GrantType::RefreshToken => "short-lived tokens",
        GrantType::TokenExchange => "child tokens",
    });
    let proof = match row.authentication.name() {
        "none" => "proves itself with nothing",
        "private_key_jwt" => "signs with its own key",
        _ => "has a secret",
    };
    let asks: Vec<&str> = asks.collect();
    format!("{} · {proof}", asks.join(", "))
}

impl TokenView {
    fn new(row: TokenRow, layout: &Layout) -> Self {
        let action = format!("/apps/registration-tokens/{}/end", row.id);
        Self {
            id: row.id,
            end: Confirm::new(layout.csrf_field(), action, "End").asking(
                format!("End the token for {}?", row.label),
                "No app registers with it any more. Those that did stay.",
            ),
            label: row.label,
            left: row.registrations_left,
            expires_at: row.expires_at,
        }
    }
}

impl SecretPage {
    pub(super) fn of_client(layout: Layout, name: String, client_id: &str, secret: &str) -> Self {
        Self {
            layout,
            heading: format!("Client secret of {name}"),
            name,
            known: Copyable::new("client-id", "Client id", client_id),
            secret: Copyable::new("secret", "Client secret", secret),
            explanation: "The app sends both at the token endpoint. If the secret is lost, make \
                          another beside the app; the old one is no good then.",
        }
    }

    pub(super) fn of_token(layout: Layout, label: String, endpoint: &str, token: &str) -> Self {
        Self {
            layout,
            heading: format!("Registration token for {label}"),
            name: label,
            known: Copyable::new("endpoint", "Registration endpoint", endpoint),
            secret: Copyable::new("secret", "Registration token", token),
            explanation: "A program posts its client metadata (RFC 7591) there, with the token as \
                          Authorization: Bearer. What it registers appears under registered apps.",
        }
    }
}
