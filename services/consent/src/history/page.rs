//! `/decisions`: the history for people.

use actix_web::{HttpResponse, get, web};
use askama::Template;
use ids::{EventId, RequestId};
use jiff::Timestamp;
use pages::{Badge, Empty, Field, Layout, Section, Tone, filters};
use serde::Deserialize;
use server::{PagePerson, PageQuery, Problem, StrictQuery};

use super::{DecidedBy, DecisionRow, Kind, Wanted, of};
use crate::{
    consent_page::Asker,
    inbox::{self, granted_summary, summary},
    vault::Vault,
};

/// How many decisions stand on one page.
const ON_A_PAGE: usize = 50;

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(list);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Those before this one.
    cursor: Option<String>,
    /// Those about this app.
    app: Option<String>,
}

#[derive(Template)]
#[template(path = "decisions.html")]
pub(super) struct DecisionsPage {
    layout: Layout,
    filter: Field,
    empty: Option<Empty>,
    decisions: Vec<Decision>,
    older: Option<String>,
    filtered: bool,
    now: Timestamp,
}

/// One decision, in words.
struct Decision {
    name: String,
    badge: Badge,
    by: String,
    asked: Vec<String>,
    granted: Vec<String>,
    reason: Option<String>,
    request: Option<RequestId>,
    decided_at: Timestamp,
}

#[get("/decisions")]
async fn list(
    person: PagePerson,
    vault: web::Data<Vault>,
    query: StrictQuery<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let ListQuery { cursor, app } = query.0;
    let query = PageQuery {
        cursor,
        limit: None,
    };
    let wanted = Wanted {
        before: query.cursor::<EventId>()?,
        app: app
            .map(|app| app.trim().to_owned())
            .filter(|app| !app.is_empty()),
        limit: i64::try_from(ON_A_PAGE).unwrap_or(i64::MAX) + 1,
    };
    let rows = of(&vault, (person.tenant, person.user), &wanted)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let layout = inbox::layout(&vault, &person, "Decisions", Section::Inbox).await?;
    let page = DecisionsPage::new(layout, rows, wanted.app.as_deref(), vault.clock.now());
    Ok(pages::html(&page))
}

impl DecisionsPage {
    pub(super) fn new(
        layout: Layout,
        mut rows: Vec<DecisionRow>,
        app: Option<&str>,
        now: Timestamp,
    ) -> Self {
        let more = rows.len() > ON_A_PAGE;
        rows.truncate(ON_A_PAGE);
        let older = rows.last().filter(|_| more).map(|last| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("cursor", &last.id.to_string());
            if let Some(app) = app {
                query.append_pair("app", app);
            }
            format!("/decisions?{}", query.finish())
        });
        let empty = || match app {
            Some(_) => Empty::new(
                "No decision about this app",
                "An app is found by its name as it gave it, letter by letter, or by its id.",
            )
            .action("Show all decisions", "/decisions"),
            None => Empty::new(
                "Nothing was decided yet",
                "What you grant, deny, change and revoke is written down here, and stays.",
            )
            .action("Connect an app", "/connect"),
        };
        Self {
            filter: Field::text("app", "Only about the app")
                .value(app.unwrap_or_default())
                .placeholder("Its name"),
            empty: rows.is_empty().then(empty),
            decisions: rows.iter().map(Decision::of).collect(),
            older,
            filtered: app.is_some(),
            layout,
            now,
        }
    }
}

impl Decision {
    fn of(row: &DecisionRow) -> Self {
        // Beside what was granted, what was asked is worth saying only where it was something else.
        let asked: Vec<_> = row.asked.iter().map(summary).collect();
        let granted: Vec<_> = row.granted.iter().map(granted_summary).collect();
        Self {
            name: Asker::of(&row.app).name,
            badge: badge(row.kind),
            by: by(row.by),
            asked: if asked == granted { Vec::new() } else { asked },
            granted,
            // The person knows that they ended it.
            reason: row
                .reason
                .clone()
                .filter(|_| row.kind == Kind::Denied || row.by != DecidedBy::Person),
            request: row.request,
            decided_at: row.decided_at,
        }
    }
}

fn badge(kind: Kind) -> Badge {
    match kind {
        Kind::Granted => Badge::new(Tone::Good, "Approved"),
        Kind::Denied => Badge::new(Tone::Neutral, "Denied"),
        Kind::Widened => Badge::new(Tone::Good, "Given more"),
        Kind::Changed => Badge::new(Tone::Info, "Changed"),
        Kind::Revoked => Badge::new(Tone::Bad, "Revoked"),
    }
}

fn by(by: DecidedBy) -> String {
    let by = match by {
        DecidedBy::Administrator(user) => return format!("by the administrator {user}"),
        DecidedBy::Person => "by you",
        DecidedBy::Ticket => "within your connect ticket",
        DecidedBy::Rule => "by a rule of yours",
        DecidedBy::App => "by the app, or because of it",
    };
    by.to_owned()
}
