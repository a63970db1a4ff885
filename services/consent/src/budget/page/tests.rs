//! The page of budgets, with made-up rows.

use events::{BudgetAmounts, BudgetScope, BudgetShadow};
use ids::{BudgetId, ShadowId};
use money::Nanodollars;
use pages::{Layout, Section};

use super::{Answers, names::Names, view::BudgetsPage};
use crate::{budget::BudgetRow, consent_page::look};

fn dollars(month: Option<i64>, day: Option<i64>) -> BudgetAmounts {
    BudgetAmounts {
        monthly_spend: month.map(Nanodollars::from_dollars),
        daily_spend: day.map(Nanodollars::from_dollars),
    }
}

fn row() -> BudgetRow {
    let set_at = look::at("2026-11-01T08:00:00Z");
    let shadow = BudgetShadow {
        id: ShadowId::from_uuid(uuid::Uuid::from_u128(2)),
        amounts: dollars(None, Some(3)),
    };
    BudgetRow {
        id: BudgetId::from_uuid(uuid::Uuid::from_u128(1)),
        scope: BudgetScope::Organization {},
        amounts: dollars(Some(50), Some(5)),
        label: Some("Team <b>".to_owned()),
        set_at,
        changed_at: set_at,
        shadow: Some((shadow, set_at)),
    }
}

fn page(rows: Vec<BudgetRow>, changed: Option<BudgetId>, answers: &Answers) -> BudgetsPage {
    let everything = (BudgetScope::Organization {}, "Everything".to_owned());
    let at_openai = (
        BudgetScope::Provider {
            provider: "openai".parse().unwrap(),
        },
        "At OpenAI".to_owned(),
    );
    let names = Names::made_up(vec![everything, at_openai]);
    let layout = Layout::new("Budgets", &look::owner()).at(Section::Account);
    let stands = rows.into_iter().map(|row| (row, None)).collect();
    BudgetsPage::new(layout, (stands, &names), (changed, answers), look::now())
}

#[test]
fn budgets_are_told_in_words_with_what_is_tried_of_them() {
    let html = look::keep("budgets", &page(vec![row()], None, &Answers::default()));
    assert!(html.contains("Everything · Team &#60;b&#62;"));
    assert!(html.contains("$50.00 a month, $5.00 a day") && html.contains("cannot be read now"));
    assert!(html.contains("/usage/shadow-limits?shadow=shadow_"));
    // Its scope is taken.
    assert!(!html.contains("value=\"organization\"") && html.contains("value=\"provider:openai\""));
}

#[test]
fn without_a_budget_the_page_says_what_bounds_calls() {
    let html = look::keep("budgets-empty", &page(vec![], None, &Answers::default()));
    assert!(html.contains("No budget is set") && html.contains("value=\"organization\""));
}

#[test]
fn one_that_is_changed_stands_in_the_form_and_keeps_its_scope() {
    let row = row();
    let answers = Answers::of(&row);
    let id = row.id;
    let html = look::keep("budgets-change", &page(vec![row], Some(id), &answers));
    assert!(html.contains(&format!("action=\"/budgets/{id}/change\"")));
    assert!(html.contains("value=\"50.00\"") && !html.contains("name=\"scope\""));
}
