//! What the pages of vault addresses show.

use askama::Template;
use ids::HandleId;
use jiff::Timestamp;
use pages::{
    Badge, Confirm, Copyable, Field, Layout, Tone,
    filters::{self, ago_text},
};
use sessions::{Permission, SignedIn};

use super::{
    ceiling_form::ceiling_in_words,
    ticket_form::{NewTicket, TicketForm},
};
use crate::{
    address::{Ceiling, HandleRow, TicketRow, http::url_with_user},
    provider_key::ProviderKeyRow,
};

#[derive(Template)]
#[template(path = "connect.html")]
pub(super) struct ConnectPage {
    layout: Layout,
    ticket: TicketForm,
    handle_name: Field,
    handles: Vec<HandleView>,
    tickets: Vec<TicketView>,
    has_key: bool,
    manages_apps: bool,
    now: Timestamp,
}

pub(super) struct HandleView {
    id: HandleId,
    label: String,
    url: String,
    path_url: String,
    created_at: Timestamp,
    end: Confirm,
}

pub(super) struct TicketView {
    label: String,
    state: Badge,
    created_at: Timestamp,
}

/// The one page that shows a ticket.
#[derive(Template)]
#[template(path = "ticket.html")]
pub(super) struct TicketPage {
    layout: Layout,
    label: String,
    address: Copyable,
    url: String,
    sample: Sample,
    ceiling: Option<String>,
    expires_at: Timestamp,
    now: Timestamp,
}

impl ConnectPage {
    pub(super) fn new(
        person: &SignedIn,
        layout: Layout,
        (ticket, handle_fault): (NewTicket, Option<(String, String)>),
        (handles, tickets, keys): (&[HandleRow], &[TicketRow], &[ProviderKeyRow]),
        (public_url, now): (&str, Timestamp),
    ) -> Self {
        let (name, fault) =
            handle_fault.map_or((String::new(), None), |(name, fault)| (name, Some(fault)));
        Self {
            ticket: TicketForm::new(&ticket, keys),
            handle_name: Field::text("name", "Your name for it")
                .required()
                .value(name)
                .placeholder("My notebook")
                .maybe_error(fault),
            handles: handles
                .iter()
                .map(|row| HandleView::new(row, &layout, public_url))
                .collect(),
            tickets: tickets
                .iter()
                .map(|row| TicketView::new(row, now))
                .collect(),
            has_key: !keys.is_empty(),
            manages_apps: person.can(Permission::ManageApps),
            layout,
            now,
        }
    }
}

impl HandleView {
    pub(super) fn new(row: &HandleRow, layout: &Layout, public_url: &str) -> Self {
        let action = format!("/connect/handles/{}/end", row.id);
        let question = format!("End “{}”?", row.label);
        let consequence = "Who asks at this address is heard by nobody. Apps that are connected \
                           already stay connected.";
        Self {
            id: row.id,
            label: row.label.clone(),
            url: url_with_user(public_url, row.handle.as_str()),
            path_url: format!("{public_url}/v/{}", row.handle),
            created_at: row.created_at,
            end: Confirm::new(layout.csrf_field(), action, "End").asking(question, consequence),
        }
    }
}

impl TicketView {
    pub(super) fn new(row: &TicketRow, now: Timestamp) -> Self {
        let state = match row.used_at {
            Some(at) => Badge::new(Tone::Good, format!("Used {}", ago_text(at, now))),
            None if row.expires_at <= now => Badge::new(Tone::Neutral, "Expired unused"),
            None => Badge::new(
                Tone::Info,
                format!("Expires {}", ago_text(row.expires_at, now)),
            ),
        };
        Self {
            label: row.label.clone(),
            state,
            created_at: row.created_at,
        }
    }
}

impl TicketPage {
    pub(super) fn new(
        layout: Layout,
        label: String,
        url: String,
        ceiling: Option<&Ceiling>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            layout,
            label,
            address: Copyable::new(
                "ticket",
                "Give this address to the app as the vault's URL",
                url.as_str(),
            ),
            sample: sample(ceiling),
            ceiling: ceiling.map(ceiling_in_words),
            url,
            expires_at,
            now,
        }
    }
}

/// What the code sample asks for: something that the ticket is good for.
pub(super) struct Sample {
    provider: String,
    model: String,
    monthly_limit: String,
}

fn sample(ceiling: Option<&Ceiling>) -> Sample {
    let provider = ceiling
        .and_then(|ceiling| ceiling.providers.first())
        .map_or("openai", |p| p.as_str());
    let named = ceiling.and_then(|ceiling| ceiling.models.patterns().first());
    let model = match (named, provider) {
        (Some(pattern), _) => pattern.as_str(),
        (None, "anthropic") => "claude-sonnet-4-5",
        (None, "google") => "gemini-2.5-flash",
        (None, "openai") => "gpt-4o-mini",
        (None, _) => "model-id",
    };
    Sample {
        provider: provider.to_owned(),
        model: model.to_owned(),
        monthly_limit: ceiling.map_or("10".to_owned(), |ceiling| ceiling.monthly_spend.to_string()),
    }
}
