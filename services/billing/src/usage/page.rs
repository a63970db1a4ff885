//! `/usage`: what it cost, for people.

use actix_web::{HttpResponse, get, web};
use askama::Template;
use clock::Clock;
use pages::{
    Choice, Empty, Field, Layout, Section,
    chart::{Bar, Chart, Unit, bars},
    filters,
};
use serde::Deserialize;
use server::{PagePerson, PageRefusal, Problem, StrictQuery};
use sessions::Permission;

use crate::usage::{
    amount::{Sum, in_thousands},
    group::{Group, Groups},
    projection::Usage,
    reading::{Asker, Line, total},
    span::Month,
};

/// Months in the picker.
const MONTHS_BACK: usize = 13;
/// Lines of the table: one screen to read, the export has the rest.
const MOST_ROWS: i64 = 100;

/// No month has more.
const MOST_DAYS: i64 = 31;

/// Which month.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonthQuery {
    month: Option<String>,
}

#[derive(Template)]
#[template(path = "usage.html")]
struct UsagePage {
    layout: Layout,
    month: String,
    in_words: String,
    picker: Field,
    sees_all: bool,
    can_export: bool,
    empty: Option<Empty>,
    total: Tile,
    chart: Chart,
    rows: Vec<Row>,
    more_rows: bool,
}

struct Tile {
    exact: Sum,
    cost: String,
    calls: String,
    estimated: String,
    tokens: String,
}

struct Row {
    app: String,
    model: String,
    provider: String,
    sums: Tile,
}

/// The month's cost: in all, by day, and by app and model.
#[get("/usage")]
pub async fn usage_page(
    person: PagePerson,
    query: StrictQuery<MonthQuery>,
    usage: web::Data<Usage>,
    clock: web::Data<Clock>,
) -> Result<HttpResponse, PageRefusal> {
    let running = Month::of(clock.now());
    let month = chosen(query.0.month.as_deref(), running)?;
    let asker = Asker::from(&*person);
    let lines = async |groups: &[Group], most: i64| {
        let lines = usage
            .lines(asker, month.span(), &Groups::of(groups), most)
            .await;
        lines.map_err(|error| Problem::dependency(&error))
    };
    let by_day = lines(&[Group::Day], MOST_DAYS).await?;
    let most = usize::try_from(MOST_ROWS).unwrap_or(usize::MAX);
    let by_model = lines(&[Group::App, Group::Model, Group::Provider], MOST_ROWS + 1).await?;
    let any = !by_day.is_empty()
        || usage
            .has_any(asker)
            .await
            .map_err(|error| Problem::dependency(&error))?;
    let page = UsagePage {
        layout: Layout::new("Usage", &person).at(Section::Usage),
        month: month.to_string(),
        in_words: month.in_words(),
        picker: picker(month, running),
        sees_all: asker.only.is_none(),
        can_export: person.can(Permission::ExportUsage),
        empty: empty(any, by_day.is_empty(), month),
        total: Tile::of(&total(&by_day)),
        chart: chart(month, &by_day),
        more_rows: by_model.len() > most,
        rows: by_model.into_iter().take(most).map(Row::of).collect(),
    };
    Ok(pages::html(&page))
}

fn chosen(asked: Option<&str>, running: Month) -> Result<Month, Problem> {
    let Some(text) = asked else {
        return Ok(running);
    };
    text.parse().map_err(|error: crate::usage::MonthError| {
        Problem::bad_request("The month is written like 2026-11.").at("month", error.to_string())
    })
}

/// The last months and the chosen one, wherever it lies.
fn picker(month: Month, running: Month) -> Field {
    let mut months: Vec<Month> = running.and_before(MONTHS_BACK).collect();
    if !months.contains(&month) {
        months.push(month);
        months.sort_by(|a, b| b.cmp(a));
    }
    let choice = |each: Month| Choice::new(each.to_string(), each.in_words()).chosen(each == month);
    Field::select(
        "month",
        "Month (UTC)",
        months.into_iter().map(choice).collect(),
    )
    .required()
}

/// What is said instead of numbers: what to do next before the first call, where to look after it.
fn empty(any: bool, none_this_month: bool, month: Month) -> Option<Empty> {
    if !any {
        let text = "Every call an app makes with your keys shows up here within a second, with what \
                    it cost. Connect an app to make the first.";
        return Some(
            Empty::new("Nothing has been spent yet", text).action("Connect an app", "/connect"),
        );
    }
    let title = format!("Nothing was spent in {}", month.in_words());
    none_this_month.then(|| {
        Empty::new(
            title,
            "No app called a provider in this month. Choose another.",
        )
    })
}

fn chart(month: Month, by_day: &[Line]) -> Chart {
    let bar = |day| {
        let line = by_day.iter().find(|line| line.day == Some(day));
        let (cost, calls) = line.map_or((Sum::ZERO, 0), |line| (line.cost, line.calls));
        Bar {
            label: day.day().to_string(),
            value: i64::try_from(cost.nanos()).unwrap_or(i64::MAX),
            title: format!(
                "{}: {}, {}",
                day.strftime("%-d %B"),
                cost.for_people(),
                calls_in_words(calls)
            ),
        }
    };
    let days: Vec<Bar> = month.span().days().map(bar).collect();
    bars(
        format!("Cost a day, {}", month.in_words()),
        Unit::Money,
        &days,
    )
}

fn calls_in_words(calls: i64) -> String {
    format!(
        "{} call{}",
        thousands(calls),
        if calls == 1 { "" } else { "s" }
    )
}

fn thousands(count: i64) -> String {
    in_thousands(u128::from(count.unsigned_abs()))
}

impl Tile {
    fn of(line: &Line) -> Self {
        let tokens = line.input_tokens.saturating_add(line.output_tokens);
        Self {
            exact: line.cost,
            cost: line.cost.for_people(),
            calls: thousands(line.calls),
            estimated: if line.estimated_calls > 0 {
                thousands(line.estimated_calls)
            } else {
                String::new()
            },
            tokens: thousands(tokens),
        }
    }
}

impl Row {
    fn of(line: Line) -> Self {
        Self {
            sums: Tile::of(&line),
            app: line.app.unwrap_or_default(),
            model: line.model.unwrap_or_default(),
            provider: line.provider.unwrap_or_default(),
        }
    }
}
