//! What the inbox shows: who asks for what, grouped by app, and what was decided of late.

use askama::{Template, filters::HtmlSafe};
use events::{AppIdentity, AppKey, AuthorizationDetail, Models, RequestedDetail};
use ids::{GrantId, RequestId};
use jiff::Timestamp;
use money::Nanodollars;
use pages::{Badge, CsrfField, Empty, Notice, filters};

use crate::{
    access_request::{AccessRequestRow, RequestState},
    app_key,
    consent_page::{Asker, state_badge},
    grant::page::automatic,
};

/// How many models a line names.
const NAMED_MODELS: usize = 3;

/// The list, which is fetched again by itself when something changed.
#[derive(Template)]
#[template(path = "inbox_list.html")]
pub(super) struct InboxList {
    csrf: CsrfField,
    waiting: usize,
    notice: Option<Notice>,
    empty: Option<Empty>,
    groups: Vec<Group>,
    decided: Vec<Decided>,
    now: Timestamp,
}

// Its template escapes what it is given.
impl HtmlSafe for InboxList {}

/// What a person has set up, and may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setup {
    /// Whether their role decides requests at all.
    pub decides: bool,
    /// Whether a provider key of theirs is stored.
    pub has_key: bool,
    /// Whether they ever gave an app an address to ask at.
    pub has_address: bool,
}

/// The requests of one app.
struct Group {
    asker: Asker,
    /// Whether anything identifies it, so that it can be blocked.
    can_block: bool,
    /// How many requests wait under its name, of whomever.
    alike: usize,
    requests: Vec<Waiting>,
}

struct Waiting {
    id: RequestId,
    lines: Vec<String>,
    reason: Option<String>,
    received_at: Timestamp,
    expires_at: Timestamp,
}

struct Decided {
    id: RequestId,
    name: String,
    lines: Vec<String>,
    badge: Badge,
    /// The grant that a rule made and that one press takes back.
    undo: Option<GrantId>,
    received_at: Timestamp,
}

impl InboxList {
    /// The list of these requests, both newest first, and of the grants that can be taken back.
    pub(super) fn new(
        csrf: CsrfField,
        (pending, recent, undoable): (&[AccessRequestRow], &[AccessRequestRow], &[GrantId]),
        setup: Setup,
        now: Timestamp,
    ) -> Self {
        let needs_key = !pending.is_empty() && !setup.has_key;
        let decided = |row: &AccessRequestRow| Decided {
            id: row.id,
            name: Asker::of(&row.app).name,
            lines: decided_lines(row),
            badge: row
                .rule
                .map_or_else(|| state_badge(&row.state), |_| automatic()),
            undo: match row.state {
                RequestState::Approved(grant) if undoable.contains(&grant) => Some(grant),
                _ => None,
            },
            received_at: row.received_at,
        };
        Self {
            csrf,
            waiting: pending.len(),
            notice: needs_key.then(|| {
                Notice::caution(
                    "Add a provider key first: without one there is nothing to approve with.",
                )
            }),
            empty: pending.is_empty().then(|| empty(setup)),
            groups: groups(pending),
            decided: recent.iter().map(decided).collect(),
            now,
        }
    }
}

/// What to do next while nothing waits.
fn empty(setup: Setup) -> Empty {
    if !setup.decides {
        let text = "Your role looks after what is spent; requests for access go to the people \
                    whose keys pay.";
        return Empty::new("Nothing waits here for you", text).action("See usage", "/usage");
    }
    if !setup.has_key {
        let text = "Latchkey keeps your OpenAI, Anthropic, Google or other key sealed and lets \
                    apps use it within limits that you set. No app ever sees it.";
        return Empty::new("Add a provider key first", text)
            .action("Add a provider key", "/provider-keys");
    }
    if !setup.has_address {
        let text = "Your key is stored. Now give an app an address to ask at; its request appears \
                    here by itself, and you decide what it may do and spend.";
        return Empty::new("Connect an app", text).action("Connect an app", "/connect");
    }
    let text = "The next app that asks appears here by itself, without a reload.";
    Empty::new("Nothing waits for you", text).action("Connect an app", "/connect")
}

/// Requests of one asker together: of the same app as it calls itself, and of the same handle where
/// it has nothing but a name. Groups and requests newest first.
fn groups(pending: &[AccessRequestRow]) -> Vec<Group> {
    let mut groups: Vec<(&AppIdentity, Option<AppKey>, Vec<Waiting>)> = Vec::new();
    for row in pending {
        let key = app_key::of(&row.app, row.handle);
        let waiting = Waiting {
            id: row.id,
            lines: row.details.iter().map(summary).collect(),
            reason: row.details.iter().find_map(|detail| detail.reason.clone()),
            received_at: row.received_at,
            expires_at: row.expires_at,
        };
        match groups
            .iter_mut()
            .find(|(app, of, _)| **app == row.app && *of == key)
        {
            Some((_, _, requests)) => requests.push(waiting),
            None => groups.push((&row.app, key, vec![waiting])),
        }
    }
    let alike = |app: &AppIdentity| {
        let name = app.name.to_lowercase();
        pending
            .iter()
            .filter(|row| row.app.name.to_lowercase() == name)
            .count()
    };
    groups
        .into_iter()
        .map(|(app, key, requests)| Group {
            asker: Asker::of(app),
            can_block: key.is_some(),
            alike: alike(app),
            requests,
        })
        .collect()
}

/// What came of it: what was granted, or what was asked where nothing was.
fn decided_lines(row: &AccessRequestRow) -> Vec<String> {
    if row.granted.is_empty() {
        return row.details.iter().map(summary).collect();
    }
    row.granted.iter().map(granted_summary).collect()
}

/// What is asked at one provider, in one line: `OpenAI · gpt-4o · $10.00 a month`.
pub(crate) fn summary(asked: &RequestedDetail) -> String {
    let month = asked.limits.monthly_spend.map(Nanodollars::for_people);
    let month = month.map_or_else(
        || "no limit named".to_owned(),
        |amount| format!("{amount} a month"),
    );
    format!(
        "{} · {} · {month}",
        asked.provider.display_name(),
        models(&asked.models)
    )
}

/// The same for what was granted there.
pub(crate) fn granted_summary(granted: &AuthorizationDetail) -> String {
    format!(
        "{} · {} · {} a month",
        granted.provider.display_name(),
        models(&granted.models),
        granted.limits.monthly_spend.for_people()
    )
}

fn models(models: &Models) -> String {
    let patterns = models.patterns();
    let named: Vec<&str> = patterns
        .iter()
        .take(NAMED_MODELS)
        .map(events::ModelPattern::as_str)
        .collect();
    match patterns.len() {
        0 => "every model".to_owned(),
        count if count > NAMED_MODELS => {
            format!("{} and {} more", named.join(", "), count - NAMED_MODELS)
        }
        _ => named.join(", "),
    }
}
