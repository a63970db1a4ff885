//! The page of approval rules, with a made-up one.

use events::{AppKey, Ceiling, RuleTerms};
use money::Nanodollars;

use super::*;
use crate::consent_page::look;

fn rule(live_grants: u16) -> (ApprovalRuleRow, InForce) {
    let row = ApprovalRuleRow {
        id: ApprovalRuleId::from_uuid(uuid::Uuid::nil()),
        user: look::owner().user,
        key: AppKey::Domain {
            domain: "digest.example".to_owned(),
        },
        name: "digest.example".to_owned(),
        terms: RuleTerms {
            ceiling: Ceiling {
                providers: vec!["openai".parse().unwrap()],
                models: events::Models::new(vec!["gpt-4o*".parse().unwrap()]),
                capabilities: Ceiling::only_chat(),
                monthly_spend: Nanodollars::from_dollars(10),
                requests_per_minute: Some(30),
                requests_per_day: None,
                tokens_per_request: None,
                days: 30,
            },
            live_grants,
            monthly_total: Nanodollars::from_dollars(25),
        },
        written_at: look::at("2026-11-20T09:00:00Z"),
    };
    let in_force = InForce {
        grants: 1,
        monthly_total: Some(Nanodollars::from_dollars(4)),
    };
    (row, in_force)
}

fn page(rules: &[(ApprovalRuleRow, InForce)], form: &RuleForm) -> ApprovalRulesPage {
    let layout = Layout::new("Approval rules", &look::owner()).at(Section::ConnectedApps);
    ApprovalRulesPage {
        rules: rules
            .iter()
            .map(|rule| RuleView::new(&layout, rule))
            .collect(),
        form: form.fields(&[], &[]),
        has_key: true,
        now: look::now(),
        layout,
    }
}

#[test]
fn a_rule_says_what_it_grants_and_how_much_of_it_is_used() {
    let html = look::keep("approval-rules", &page(&[rule(3)], &RuleForm::default()));
    assert!(html.contains(
        "OpenAI (gpt-4o*) for chat, up to $10.00 a month, 30 calls a minute, for 30 days"
    ));
    assert!(html.contains("1 of 3 live grants, $4.00 of $25.00 a month together"));
    assert!(!html.contains("Used up"));
    let html = look::keep(
        "approval-rules-used-up",
        &page(&[rule(1)], &RuleForm::default()),
    );
    assert!(html.contains("Used up"));
}

#[test]
fn what_is_wrong_stands_in_the_form() {
    let faulty = RuleForm::default().checked().unwrap_err();
    let html = look::keep("approval-rules-wrong", &page(&[], &faulty));
    assert!(html.contains("you are asked about everything"));
    for fault in [
        "Tick at least one provider.",
        "Write down a domain, or choose a registered app.",
    ] {
        assert!(html.contains(fault), "{fault}");
    }
}
