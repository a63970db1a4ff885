//! The page of a request that can no longer be decided: how it stands, and what to do next.

use askama::Template;
use jiff::Timestamp;
use pages::{Badge, Layout, Tone, filters};
use sessions::SignedIn;

use super::asker::Asker;
use crate::access_request::{AccessRequestRow, RequestState};

/// The page.
#[derive(Template)]
#[template(path = "request_closed.html")]
pub(super) struct ClosedPage {
    layout: Layout,
    asker: Asker,
    badge: Badge,
    said: Option<String>,
    text: String,
    received_at: Timestamp,
    now: Timestamp,
    next: (&'static str, &'static str),
}

impl ClosedPage {
    /// The page of `row`, which is decided, expired or abandoned.
    pub(super) fn new(person: &SignedIn, row: &AccessRequestRow, now: Timestamp) -> Self {
        let asker = Asker::of(&row.app);
        let name = &asker.name;
        let (text, next) = match &row.state {
            RequestState::Pending => (
                format!("{name} waits for your decision."),
                ("Go to your inbox", "/inbox"),
            ),
            RequestState::Approved(_) if row.extends.is_some() => (
                format!(
                    "You gave {name} more. What it may do now, what it has spent and how to stop \
                     it stands under connected apps."
                ),
                ("See connected apps", "/connected-apps"),
            ),
            RequestState::Denied(_) if row.extends.is_some() => (
                format!("You denied this. {name} keeps what it has, and got nothing more."),
                ("See connected apps", "/connected-apps"),
            ),
            RequestState::Approved(_) if row.rule.is_some() => (
                format!(
                    "A rule of yours granted this without asking you. What {name} may do and how to \
                     take it back stands under connected apps."
                ),
                ("See connected apps", "/connected-apps"),
            ),
            RequestState::Approved(_) => (
                format!(
                    "You approved this. What {name} may do, what it has spent and how to stop it \
                     stands under connected apps."
                ),
                ("See connected apps", "/connected-apps"),
            ),
            RequestState::Denied(_) if row.unasked => (
                format!(
                    "{name} was denied without asking you: you block it, or denied it three times in \
                     a row within a day."
                ),
                ("See blocked apps", "/blocked-apps"),
            ),
            RequestState::Denied(_) => (
                format!(
                    "You denied this. {name} got nothing; if that was a mistake, let it ask again."
                ),
                ("Go to your inbox", "/inbox"),
            ),
            RequestState::Expired => (
                format!(
                    "Nobody decided in time, so {name} got nothing. If you still want it, let the \
                     app ask again."
                ),
                ("Go to your inbox", "/inbox"),
            ),
            RequestState::Abandoned => (
                format!(
                    "{name} stopped waiting before you decided and got nothing. If you still want \
                     it, let the app ask again."
                ),
                ("Go to your inbox", "/inbox"),
            ),
        };
        Self::told(person, row, now, (state_badge(&row.state), text, next))
    }

    /// The page of a request for more for a grant that has ended: there is nothing to decide.
    pub(super) fn of_ended_grant(
        person: &SignedIn,
        row: &AccessRequestRow,
        now: Timestamp,
    ) -> Self {
        let text = format!(
            "{} asks for more of a grant that has ended meanwhile, so there is nothing to give \
             more of. If you still want it, let the app ask anew.",
            Asker::of(&row.app).name
        );
        let badge = Badge::new(Tone::Neutral, "Its grant has ended");
        Self::told(
            person,
            row,
            now,
            (badge, text, ("Go to your inbox", "/inbox")),
        )
    }

    fn told(
        person: &SignedIn,
        row: &AccessRequestRow,
        now: Timestamp,
        (badge, text, next): (Badge, String, (&'static str, &'static str)),
    ) -> Self {
        let asker = Asker::of(&row.app);
        let said = match &row.state {
            RequestState::Denied(reason) => reason.clone(),
            _ => None,
        };
        Self {
            layout: Layout::new(format!("Request of {}", asker.name), person),
            badge,
            said,
            text,
            received_at: row.received_at,
            now,
            next,
            asker,
        }
    }
}

/// How a request stands, in a word.
pub(crate) fn state_badge(state: &RequestState) -> Badge {
    match state {
        RequestState::Pending => Badge::new(Tone::Info, "Waits for you"),
        RequestState::Approved(_) => Badge::new(Tone::Good, "Approved"),
        RequestState::Denied(_) => Badge::new(Tone::Neutral, "Denied"),
        RequestState::Expired => Badge::new(Tone::Neutral, "Expired"),
        RequestState::Abandoned => Badge::new(Tone::Neutral, "Withdrawn"),
    }
}
