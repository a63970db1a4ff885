//! `/usage/shadow-limits`: what shadow limits would have refused, for people; the report alone for
//! the page on which they are set.

use actix_web::{HttpResponse, get, web};
use askama::{Template, filters::HtmlSafe};
use jiff::Timestamp;
use pages::{Layout, Section, filters};
use serde::Deserialize;
use server::{PagePerson, PageRefusal, Problem, StrictQuery};

use crate::usage::{
    amount::{Sum, in_thousands},
    http::shadow_id,
    projection::Usage,
    reading::Asker,
    shadow::{Calls, ShadowReport},
};

/// Which shadow limits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShadowPageQuery {
    shadow: String,
    /// `1` for the report alone.
    fragment: Option<String>,
}

#[derive(Template)]
#[template(path = "usage_shadow.html")]
struct ShadowPage {
    layout: Layout,
    report: Report,
}

#[derive(Template)]
#[template(path = "usage_shadow_report.html")]
struct Report {
    watched: String,
    /// `None` where no call was made.
    since: Option<Timestamp>,
    /// `None` where none would have been refused.
    refused: Option<Refused>,
    by_limit: Vec<(&'static str, Refused)>,
    one: bool,
}

struct Refused {
    calls: String,
    exact: Sum,
    cost: String,
    first: Timestamp,
    last: Timestamp,
}

/// The report on the limits of one shadow.
#[get("/usage/shadow-limits")]
pub async fn shadow_page(
    person: PagePerson,
    query: StrictQuery<ShadowPageQuery>,
    usage: web::Data<Usage>,
) -> Result<HttpResponse, PageRefusal> {
    let shadow = shadow_id(&query.0.shadow)?;
    let report = usage.shadow(Asker::from(&*person), shadow).await;
    let report = Report::of(&report.map_err(|error| Problem::dependency(&error))?);
    if query.0.fragment.is_some() {
        return Ok(pages::html(&report));
    }
    let layout = Layout::new("Shadow limits", &person).at(Section::Usage);
    Ok(pages::html(&ShadowPage { layout, report }))
}

// It escapes what it is given in its own template.
impl HtmlSafe for Report {}

impl Report {
    fn of(report: &ShadowReport) -> Self {
        let by_limit = report.by_limit.iter();
        Self {
            watched: thousands(report.watched.calls),
            one: report.watched.calls == 1,
            since: report.watched.between.map(|(first, _)| first),
            refused: Refused::of(report.refused),
            by_limit: by_limit
                .filter_map(|(name, calls)| Some((in_words(name), Refused::of(*calls)?)))
                .collect(),
        }
    }
}

impl Refused {
    fn of(calls: Calls) -> Option<Self> {
        let (first, last) = calls.between?;
        Some(Self {
            calls: thousands(calls.calls),
            exact: calls.cost,
            cost: calls.cost.for_people(),
            first,
            last,
        })
    }
}

fn thousands(count: i64) -> String {
    in_thousands(u128::from(count.unsigned_abs()))
}

/// A limit as people read it on the form on which it is set.
fn in_words(limit: &str) -> &'static str {
    match limit {
        "monthly_spend" => "Money a month",
        "daily_spend" => "Money a day",
        "requests_per_minute" => "Calls a minute",
        "requests_per_day" => "Calls a day",
        _ => "Tokens a call",
    }
}
