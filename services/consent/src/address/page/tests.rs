//! The pages of vault addresses, with made-up rows.

use ids::{Handle, HandleId, TicketId};
use pages::{Layout, Section};

use super::{
    ticket_form::NewTicket,
    view::{ConnectPage, TicketPage},
};
use crate::{
    address::{Ceiling, HandleRow, TicketRow},
    consent_page::look,
};

const VAULT: &str = "https://vault.example.com";

fn handle(label: &str) -> HandleRow {
    HandleRow {
        id: HandleId::from_uuid(uuid::Uuid::new_v4()),
        handle: Handle::mint().unwrap(),
        label: label.to_owned(),
        created_at: look::at("2026-11-10T08:00:00Z"),
    }
}

fn ticket(label: &str, expires_at: &str, used_at: Option<&str>) -> TicketRow {
    TicketRow {
        id: TicketId::from_uuid(uuid::Uuid::new_v4()),
        label: label.to_owned(),
        created_at: look::at("2026-11-22T11:50:00Z"),
        expires_at: look::at(expires_at),
        used_at: used_at.map(look::at),
    }
}

fn page(
    filled: NewTicket,
    fault: Option<(&str, &str)>,
    handles: &[HandleRow],
    tickets: &[TicketRow],
) -> ConnectPage {
    let person = look::owner();
    let layout = Layout::new("Connect an app", &person).at(Section::Connect);
    let fault = fault.map(|(label, fault)| (label.to_owned(), fault.to_owned()));
    ConnectPage::new(
        &person,
        layout,
        (filled, fault),
        (handles, tickets, &[]),
        (VAULT, look::now()),
    )
}

#[test]
fn addresses_are_listed_with_what_became_of_them() {
    let handles = [handle("My notebook"), handle("Team <i>")];
    let tickets = [
        ticket("Paper Digest", "2026-11-22T12:05:00Z", None),
        ticket("Mail Triage", "2026-11-22T11:55:00Z", None),
        ticket(
            "Notebook",
            "2026-11-22T12:05:00Z",
            Some("2026-11-22T11:57:00Z"),
        ),
    ];
    let html = look::keep(
        "connect",
        &page(NewTicket::default(), None, &handles, &tickets),
    );
    let address = &handles[0].handle;
    assert!(html.contains(&format!("https://{address}@vault.example.com")));
    assert!(html.contains(&format!("https://vault.example.com/v/{address}")));
    assert!(
        html.contains("Expires in 5 minutes")
            && html.contains("Expired unused")
            && html.contains("Used 3 minutes ago")
    );
    assert!(html.contains("Team &#60;i&#62;") && html.contains("href=\"/apps\""));
}

#[test]
fn a_refused_form_keeps_what_was_written() {
    let filled = NewTicket {
        providers: vec!["openai".to_owned()],
        monthly_spend: "ten".to_owned(),
        ..NewTicket::default()
    };
    let faulty = *filled.checked().unwrap_err();
    let html = look::keep(
        "connect-faults",
        &page(
            faulty,
            Some(("", "A name has 1 to 80 characters.")),
            &[],
            &[],
        ),
    );
    assert!(html.contains("value=\"ten\"") && html.contains("value=\"openai\" checked"));
    assert!(html.contains("<details open>"));
}

#[test]
fn a_ticket_is_shown_with_code_that_uses_it() {
    let url = "https://ct_3kQ9vN0qY1sT6uW9xB2dF5hJ7mR4cL8ZkP@vault.example.com".to_owned();
    let ceiling = Ceiling {
        providers: vec!["openai".parse().unwrap()],
        models: events::Models::new(vec!["gpt-4o*".parse().unwrap()]),
        capabilities: [events::Capability::Chat].into(),
        monthly_spend: money::Nanodollars::from_dollars(10),
        requests_per_minute: None,
        requests_per_day: None,
        tokens_per_request: None,
        days: 30,
    };
    let layout = Layout::new("Connect ticket", &look::owner()).at(Section::Connect);
    let label = "Paper <Digest>".to_owned();
    let expires_at = look::at("2026-11-22T12:15:00Z");
    let page = TicketPage::new(
        layout,
        label,
        url.clone(),
        Some(&ceiling),
        expires_at,
        look::now(),
    );
    let html = look::keep("ticket", &page);
    assert!(
        html.contains(&format!("OkapClient(\"{url}\"")) && html.contains("Paper &#60;Digest&#62;")
    );
    assert!(html.contains("OpenAI (gpt-4o*) for chat, up to $10.00 a month, for 30 days"));
    assert!(html.contains("in 15 minutes"));
}
