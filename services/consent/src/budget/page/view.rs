//! What the page of budgets shows.

use askama::Template;
use events::{BudgetAmounts, BudgetScope};
use ids::BudgetId;
use jiff::Timestamp;
use money::Nanodollars;
use pages::{Confirm, Field, Layout, filters};

use super::{Answers, names::Names};
use crate::budget::{BudgetRow, LONGEST_LABEL, SpendView, store::Stands};

#[derive(Template)]
#[template(path = "budgets.html")]
pub(super) struct BudgetsPage {
    layout: Layout,
    budgets: Vec<BudgetView>,
    form: BudgetForm,
    now: Timestamp,
}

/// The form for a new budget, or for one that is changed.
struct BudgetForm {
    title: String,
    action: String,
    button: &'static str,
    changes: bool,
    fields: Vec<Field>,
    amounts: [Field; 2],
}

struct BudgetView {
    id: BudgetId,
    name: String,
    label: Option<String>,
    amounts: Vec<String>,
    known: bool,
    set_at: Timestamp,
    tried: Option<Tried>,
    remove: Confirm,
}

/// Lower amounts that are tried.
struct Tried {
    amounts: String,
    since: Timestamp,
    /// Where billing shows what they would have refused.
    report: String,
}

impl BudgetsPage {
    pub(super) fn new(
        layout: Layout,
        (stands, names): (Vec<Stands>, &Names),
        (changed, answers): (Option<BudgetId>, &Answers),
        now: Timestamp,
    ) -> Self {
        let form = {
            let rows = || stands.iter().map(|(row, _)| row);
            match changed.and_then(|id| rows().find(|row| row.id == id)) {
                Some(row) => BudgetForm::of(&names.name(&row.scope), row.id, answers),
                None => {
                    let taken: Vec<&BudgetScope> = rows().map(|row| &row.scope).collect();
                    BudgetForm::new(Some((names, &taken)), answers)
                }
            }
        };
        Self {
            budgets: stands
                .into_iter()
                .map(|stands| BudgetView::new(&layout, names, stands))
                .collect(),
            layout,
            form,
            now,
        }
    }
}

impl BudgetForm {
    fn of(name: &str, id: BudgetId, answers: &Answers) -> Self {
        Self {
            title: format!("Change the budget: {name}"),
            action: format!("/budgets/{id}/change"),
            button: "Change",
            changes: true,
            ..Self::new(None, answers)
        }
    }

    /// With the scopes to choose from, those that are taken left out, where one is chosen.
    fn new(scopes: Option<(&Names, &[&BudgetScope])>, answers: &Answers) -> Self {
        let scope = scopes.map(|(names, taken)| {
            Field::select("scope", "Whose calls", names.free(taken, &answers.scope))
                .required()
                .hint("One budget for each. People are here once they have approved an app.")
                .maybe_error(answers.fault("/scope"))
        });
        let label = Field::text("label", "Its name")
            .value(answers.label.as_str())
            .hint(format!("Up to {LONGEST_LABEL} characters; may stay empty."))
            .maybe_error(answers.fault("/label"));
        let amount = |name, label: &str, value: &str, place: &str| {
            Field::money(name, label)
                .value(value)
                .hint("Empty: not bounded.")
                .maybe_error(answers.fault(place))
        };
        Self {
            title: "Set a budget".to_owned(),
            action: "/budgets".to_owned(),
            button: "Set the budget",
            changes: false,
            fields: scope.into_iter().chain([label]).collect(),
            amounts: [
                amount(
                    "monthly_spend",
                    "In a month",
                    &answers.monthly_spend,
                    "/monthly_spend",
                ),
                amount(
                    "daily_spend",
                    "In a day",
                    &answers.daily_spend,
                    "/daily_spend",
                ),
            ],
        }
    }
}

impl BudgetView {
    fn new(layout: &Layout, names: &Names, (row, standing): Stands) -> Self {
        let name = names.name(&row.scope);
        let action = format!("/budgets/{}/remove", row.id);
        let consequence = "Calls are bounded by their grants and by other budgets alone. One that \
                           is set anew begins at zero.";
        let known = standing.is_some();
        let amounts = standing.map_or_else(
            || vec![in_words(&row.amounts)],
            |standing| standing.iter().map(stand).collect(),
        );
        Self {
            remove: Confirm::new(layout.csrf_field(), action, "Remove")
                .asking(format!("Remove the budget “{name}”?"), consequence),
            tried: Tried::of(&row),
            id: row.id,
            label: row.label,
            set_at: row.set_at,
            amounts,
            known,
            name,
        }
    }
}

impl Tried {
    fn of(row: &BudgetRow) -> Option<Self> {
        let (shadow, since) = row.shadow?;
        Some(Self {
            amounts: in_words(&shadow.amounts),
            since,
            report: format!("/usage/shadow-limits?shadow={}", shadow.id),
        })
    }
}

/// `$10.00 a month, $2.00 a day`.
fn in_words(amounts: &BudgetAmounts) -> String {
    let month = amounts.monthly_spend.map(|amount| (amount, "a month"));
    let day = amounts.daily_spend.map(|amount| (amount, "a day"));
    let words = |(amount, period): (Nanodollars, &str)| format!("{} {period}", amount.for_people());
    let both: Vec<String> = month.into_iter().chain(day).map(words).collect();
    both.join(", ")
}

/// One amount, and how much of it is used.
fn stand(of: &SpendView) -> String {
    let period = match of.name {
        events::LimitName::DailySpend => "a day",
        _ => "a month",
    };
    let mut words = format!(
        "{} {period}: {} spent",
        dollars(&of.limit),
        dollars(&of.spent)
    );
    let held = of.reserved.parse::<Nanodollars>().unwrap_or_default();
    if held > Nanodollars::ZERO {
        words += &format!(", {} held by running calls", held.for_people());
    }
    words + &format!(", {} left", dollars(&of.remaining))
}

fn dollars(text: &str) -> String {
    let amount = text.parse::<Nanodollars>();
    amount.map_or_else(|_| text.to_owned(), Nanodollars::for_people)
}
