//! What the page of connected apps shows.

use askama::Template;
use events::{AuthorizationDetail, LimitName};
use ids::{GrantId, ProviderKeyId};
use jiff::{SignedDuration, Timestamp};
use money::Nanodollars;
use pages::{
    Badge, Confirm, Empty, Layout, SpendBar, Tone,
    filters::{self, ago_text},
};
use spend_limits::Amount;

use crate::{
    consent_page::{Asker, grouped, in_words},
    grant::{GrantRow, GrantState, standing::LimitView},
    provider_key::ProviderKeyRow,
};

/// How long before its end a grant is marked.
const SOON: SignedDuration = SignedDuration::from_hours(3 * 24);

#[derive(Template)]
#[template(path = "connected_apps.html")]
pub(super) struct ConnectedAppsPage {
    layout: Layout,
    empty: Option<Empty>,
    live: Vec<Connected>,
    /// Where there is more than one to revoke.
    revoke_all: Option<Confirm>,
    ended: Vec<Ended>,
    now: Timestamp,
}

/// A grant in force.
pub(super) struct Connected {
    id: GrantId,
    asker: Asker,
    /// Said when it ends before long.
    soon: Option<Badge>,
    /// Said when a rule granted it, and nobody was asked.
    automatic: Option<Badge>,
    providers: Vec<Granted>,
    /// What its app made from it by token exchange.
    children: Vec<Child>,
    granted_at: Timestamp,
    expires_at: Timestamp,
    revoke: Confirm,
}

/// A live grant that an app made from its own.
pub(super) struct Child {
    id: GrantId,
    /// How to speak of it where there are several.
    label: String,
    summary: String,
    granted_at: Timestamp,
    expires_at: Timestamp,
    revoke: Confirm,
}

/// What is granted at one provider.
pub(super) struct Granted {
    provider: String,
    models: Vec<String>,
    capabilities: String,
    paid_by: String,
    expires: Timestamp,
    tokens_per_request: String,
    /// `None` when the counters cannot be read right now.
    limits: Option<Limits>,
}

/// How the limits at one provider stand.
#[derive(Default)]
pub(super) struct Limits {
    bars: Vec<SpendBar>,
    counts: Vec<String>,
}

/// What a rule granted, in a word.
pub(crate) fn automatic() -> Badge {
    Badge::new(Tone::Info, "Granted by a rule")
}

/// A grant that ended.
pub(super) struct Ended {
    name: String,
    summary: String,
    state: &'static str,
    granted_at: Timestamp,
}

impl ConnectedAppsPage {
    pub(super) fn new(
        layout: Layout,
        live: &[(GrantRow, Option<Vec<LimitView>>)],
        ended: &[GrantRow],
        keys: &[ProviderKeyRow],
        now: Timestamp,
    ) -> Self {
        // A child stands under the grant that a person gave, however far above it is.
        let (children, tops): (Vec<_>, Vec<_>) =
            live.iter().partition(|(row, _)| !row.above.is_empty());
        let connected = tops.iter().map(|(row, standing)| Connected {
            children: (children.iter())
                .filter(|(child, _)| child.above.last().is_some_and(|top| top.grant == row.id))
                .map(|(child, standing)| Child::new(&layout, child, standing.as_deref()))
                .collect(),
            ..Connected::new(&layout, row, standing.as_deref(), keys, now)
        });
        Self {
            live: connected.collect(),
            revoke_all: (tops.len() > 1).then(|| {
                let path = "/connected-apps/revoke-all";
                Confirm::new(layout.csrf_field(), path, "Revoke all").asking(
                    format!("Revoke all {} apps?", tops.len()),
                    "The calls of every one of them are refused from now on. To be let back in, each \
                     has to ask again.",
                )
            }),
            empty: tops.is_empty().then(|| {
                let text = "An app that you approve appears here with what it has spent, and with \
                            a button that stops it at once.";
                Empty::new("No app is connected", text).action("Connect an app", "/connect")
            }),
            ended: ended.iter().map(Ended::new).collect(),
            layout,
            now,
        }
    }
}

impl Connected {
    pub(super) fn new(
        layout: &Layout,
        row: &GrantRow,
        standing: Option<&[LimitView]>,
        keys: &[ProviderKeyRow],
        now: Timestamp,
    ) -> Self {
        let asker = Asker::of(&row.app);
        let left = now.duration_until(row.expires_at);
        let soon = || {
            Badge::new(
                Tone::Caution,
                format!("Ends {}", ago_text(row.expires_at, now)),
            )
        };
        let question = format!("Revoke {}?", asker.name);
        let consequence =
            "Its calls are refused from now on. To be let back in, the app has to ask again.";
        Self {
            id: row.id,
            soon: (left < SOON).then(soon),
            automatic: row.rule.map(|_| automatic()),
            providers: row
                .details
                .iter()
                .map(|detail| Granted::new(detail, standing, keys, now))
                .collect(),
            children: vec![],
            granted_at: row.granted_at,
            expires_at: row.expires_at,
            revoke: Confirm::new(
                layout.csrf_field(),
                format!("/connected-apps/{}/revoke", row.id),
                "Revoke",
            )
            .asking(question, consequence),
            asker,
        }
    }

    /// Whether its parts end at different times.
    fn ends_in_parts(&self) -> bool {
        self.providers
            .iter()
            .any(|part| part.expires != self.expires_at)
    }
}

impl Child {
    fn new(layout: &Layout, row: &GrantRow, standing: Option<&[LimitView]>) -> Self {
        // The end of an id: the beginning is the time at which it was made.
        let id = row.id.to_string();
        let label = format!("…{}", id.get(id.len().saturating_sub(8)..).unwrap_or(&id));
        let question = format!("Revoke {label}?");
        let consequence = "Its calls are refused from now on, and those of every token that was made \
                           from it. The app keeps its own token.";
        Self {
            summary: summary(&row.details, standing),
            granted_at: row.granted_at,
            expires_at: row.expires_at,
            revoke: Confirm::new(
                layout.csrf_field(),
                format!("/connected-apps/{}/revoke", row.id),
                "Revoke",
            )
            .asking(question, consequence),
            id: row.id,
            label,
        }
    }
}

/// Where it may go, and what it has spent this month of what.
fn summary(details: &[AuthorizationDetail], standing: Option<&[LimitView]>) -> String {
    let part = |detail: &AuthorizationDetail| {
        let month = standing.into_iter().flatten().find(|view| {
            view.provider == detail.provider.as_str() && view.name == LimitName::MonthlySpend
        });
        let name = detail.provider.display_name();
        match month {
            Some(month) => format!("{name}: ${} of ${} this month", month.spent, month.limit),
            None => name.to_owned(),
        }
    };
    details.iter().map(part).collect::<Vec<_>>().join(" · ")
}

impl Granted {
    pub(super) fn new(
        detail: &AuthorizationDetail,
        standing: Option<&[LimitView]>,
        keys: &[ProviderKeyRow],
        now: Timestamp,
    ) -> Self {
        let here = |views: &[LimitView]| {
            let mut limits = Limits::default();
            views
                .iter()
                .filter(|view| view.provider == detail.provider.as_str())
                .for_each(|view| limits.add(view, now));
            limits
        };
        let models = detail
            .models
            .patterns()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        Self {
            provider: detail.provider.display_name().to_owned(),
            models: if models.is_empty() {
                vec!["every model, now and in future".to_owned()]
            } else {
                models
            },
            capabilities: detail
                .capabilities
                .iter()
                .copied()
                .map(in_words)
                .collect::<Vec<_>>()
                .join(", "),
            paid_by: paid_by(detail.key_id, keys),
            expires: detail.expires,
            tokens_per_request: grouped(detail.limits.tokens_per_request),
            limits: standing.map(here),
        }
    }
}

fn paid_by(id: ProviderKeyId, keys: &[ProviderKeyRow]) -> String {
    if id == ProviderKeyId::NONE {
        return "nobody: it costs nothing".to_owned();
    }
    let key = keys.iter().find(|key| key.id == id);
    key.map_or_else(
        || "a key that was destroyed".to_owned(),
        |key| format!("{} ••••{}", key.name, key.last_four),
    )
}

impl Limits {
    fn add(&mut self, view: &LimitView, now: Timestamp) {
        let note = format!("starts again {}", ago_text(view.resets_at, now));
        match (view.name, view.amounts) {
            (name, (Amount::Money(limit), _, Amount::Money(remaining))) => {
                // What running calls hold counts as spent until it is known better.
                let spent = limit.checked_sub(remaining).unwrap_or(Nanodollars::ZERO);
                let label = if name == LimitName::DailySpend {
                    "Today"
                } else {
                    "This month"
                };
                self.bars
                    .push(SpendBar::new(label, spent, limit).note(note));
            }
            (name, (Amount::Requests(limit), Amount::Requests(used), _)) => {
                let span = if name == LimitName::RequestsPerMinute {
                    "this minute"
                } else {
                    "today"
                };
                self.counts.push(format!(
                    "{} of {} calls {span}",
                    grouped(used),
                    grouped(limit)
                ));
            }
            _ => {}
        }
    }
}

impl Ended {
    pub(super) fn new(row: &GrantRow) -> Self {
        let providers: Vec<_> = row
            .details
            .iter()
            .map(|detail| detail.provider.display_name())
            .collect();
        Self {
            name: Asker::of(&row.app).name,
            summary: providers.join(", "),
            state: if row.state == GrantState::Revoked {
                "Revoked"
            } else {
                "Expired"
            },
            granted_at: row.granted_at,
        }
    }
}
