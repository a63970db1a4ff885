//! What the page of provider keys shows. Never a key.

use askama::Template;
use events::{CustomProvider, Provider};
use ids::ProviderKeyId;
use jiff::Timestamp;
use pages::{Badge, Choice, Confirm, Field, Layout, Notice, Tone, filters};

use crate::provider_key::{KeyState, ProviderKeyRow, http::with_keys};

#[derive(Template)]
#[template(path = "provider_keys.html")]
pub(super) struct ProviderKeysPage {
    layout: Layout,
    keys: Vec<KeyView>,
    provider: Field,
    name: Field,
    secret: Field,
    now: Timestamp,
}

pub(super) struct KeyView {
    id: ProviderKeyId,
    provider: String,
    name: String,
    last_four: String,
    health: Badge,
    refused: bool,
    used_by: String,
    stored_at: Timestamp,
    rotated_at: Option<Timestamp>,
    /// When the provider last said whether it takes it.
    checked_at: Option<Timestamp>,
    /// Since when it has been asked and has not answered.
    unanswered_since: Option<Timestamp>,
    /// What is wrong with the secret that was to replace it.
    fault: Option<String>,
    destroy: Confirm,
}

/// What stands in the form for a new key, and what is wrong with it. Never the secret.
#[derive(Default)]
pub(super) struct Form {
    pub provider: String,
    pub name: String,
    pub provider_fault: Option<String>,
    pub name_fault: Option<String>,
    pub secret_fault: Option<String>,
}

impl ProviderKeysPage {
    pub(super) fn new(
        layout: Layout,
        keys: Vec<KeyView>,
        (form, added): (Form, &[CustomProvider]),
        now: Timestamp,
        notice: Option<Notice>,
    ) -> Self {
        let choice =
            |name: &str, label: String| Choice::new(name, label).chosen(name == form.provider);
        let built_in = with_keys().map(|name| {
            let label = name
                .parse::<Provider>()
                .map_or_else(|_| name.to_owned(), |p| p.display_name().to_owned());
            choice(name, label)
        });
        let added = added
            .iter()
            .map(|provider| choice(provider.name.as_str(), provider.with_host()));
        let providers = built_in.chain(added).collect();
        Self {
            layout: layout.maybe_notice(notice),
            keys,
            provider: Field::select("provider", "Provider", providers)
                .required()
                .maybe_error(form.provider_fault),
            name: Field::text("name", "Your name for it")
                .required()
                .value(form.name)
                .placeholder("Production")
                .hint("To tell your keys apart. Apps do not see it.")
                .maybe_error(form.name_fault),
            secret: Field::secret("secret", "The key")
                .required()
                .hint("Sealed as soon as it arrives and never shown again.")
                .maybe_error(form.secret_fault),
            now,
        }
    }
}

impl KeyView {
    pub(super) fn new(
        layout: &Layout,
        users: usize,
        row: ProviderKeyRow,
        fault: Option<String>,
    ) -> Self {
        let provider = row.provider.display_name().to_owned();
        let health = match row.state {
            KeyState::Usable if row.checked_at.is_some() => Badge::new(Tone::Good, "Works"),
            KeyState::Usable => Badge::new(Tone::Good, "Works, as far as known"),
            KeyState::Invalid => Badge::new(Tone::Bad, format!("Refused by {provider}")),
        };
        let consequence = match users {
            0 => "No connected app uses it. It cannot be brought back.".to_owned(),
            1 => "One connected app uses it and will be refused. It cannot be brought back."
                .to_owned(),
            more => format!(
                "{more} connected apps use it and will be refused. It cannot be brought back."
            ),
        };
        let action = format!("/provider-keys/{}/delete", row.id);
        Self {
            destroy: Confirm::new(layout.csrf_field(), action, "Destroy")
                .asking(format!("Destroy “{}”?", row.name), consequence),
            checked_at: row.checked_at,
            unanswered_since: row.unanswered_since(),
            id: row.id,
            provider,
            last_four: row.last_four,
            health,
            refused: row.state == KeyState::Invalid,
            used_by: match users {
                0 => "no connected app uses it".to_owned(),
                1 => "pays for 1 connected app".to_owned(),
                more => format!("pays for {more} connected apps"),
            },
            stored_at: row.stored_at,
            rotated_at: (row.version > 1).then_some(row.changed_at),
            name: row.name,
            fault,
        }
    }
}
