//! The life of a grant, event by event.

use super::*;
use events::Verification;

fn at() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

fn detail(models: &[&str]) -> AuthorizationDetail {
    serde_json::from_value(serde_json::json!({
        "provider": "openai", "models": models, "capabilities": ["chat"],
        "limits": {"monthly_spend": "10", "daily_spend": "10", "requests_per_minute": 60,
                   "requests_per_day": 100, "tokens_per_request": 1000},
        "expires": "2027-01-01T00:00:00Z", "key_id": ids::ProviderKeyId::new(at()),
    }))
    .unwrap()
}

fn granted() -> GrantEvent {
    GrantEvent::Granted {
        user: UserId::new(at()),
        app: AppIdentity {
            app: None,
            name: "App".into(),
            url: None,
            verification: Verification::Unverified,
            registration: None,
        },
        request: RequestId::new(at()),
        details: vec![detail(&["gpt-4o*"])],
    }
}

fn change(grant: &Grant, new: Vec<AuthorizationDetail>) -> Result<GrantEvent, Refusal> {
    grant.change(new, &Policy::default(), at())
}

fn given(events: &[GrantEvent]) -> Grant {
    let mut grant = Grant::default();
    events.iter().for_each(|event| grant.apply(event));
    grant
}

#[test]
fn a_token_goes_out_once() {
    assert_eq!(
        given(&[granted()]).issue_token(None, at()),
        Ok(GrantEvent::TokenIssued { bound_to: None })
    );
    assert_eq!(
        given(&[granted(), GrantEvent::TokenIssued { bound_to: None }]).issue_token(None, at()),
        Err(Refusal::TokenIssued)
    );
    assert_eq!(given(&[]).issue_token(None, at()), Err(Refusal::Unknown));
}

#[test]
fn each_decision_to_give_more_gives_one_more_token() {
    let widened = |request| GrantEvent::Widened {
        request,
        details: vec![detail(&["gpt-4o*", "o1"])],
    };
    let issued = GrantEvent::TokenIssued { bound_to: None };
    let asked = Some(RequestId::new(at()));
    let grant = given(&[granted(), issued.clone(), widened(asked)]);
    assert_eq!(grant.issue_token(None, at()), Ok(issued.clone()));
    assert!(
        grant.refresh_token(None, at()).is_ok(),
        "the first one is renewed meanwhile"
    );
    let grant = given(&[granted(), issued.clone(), widened(asked), issued.clone()]);
    assert_eq!(grant.issue_token(None, at()), Err(Refusal::TokenIssued));
    let by_link = given(&[granted(), issued.clone(), widened(None)]);
    assert_eq!(by_link.issue_token(None, at()), Err(Refusal::TokenIssued));
    assert_eq!(by_link.granted(at()).unwrap()[0].models.patterns().len(), 2);
}

#[test]
fn nothing_is_given_to_a_grant_that_ended_and_no_provider_is_lost() {
    let more = || vec![detail(&["o1"])];
    let over: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    let live = given(&[granted()]);
    assert_eq!(live.widen(None, more(), over), Err(Refusal::Expired));
    assert_eq!(
        live.widen(None, vec![], at()),
        Err(Refusal::Beyond("fewer providers"))
    );
    let revoked = GrantEvent::Revoked {
        reason: "test".into(),
    };
    let widened = live.widen(None, more(), at()).unwrap();
    let ended = given(&[granted(), revoked, widened]);
    assert_eq!(ended.widen(None, more(), at()), Err(Refusal::Revoked));
}

#[test]
fn a_grant_whose_time_is_over_gives_no_token_and_is_not_brought_back() {
    let over: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    let grant = given(&[granted()]);
    assert_eq!(grant.issue_token(None, over), Err(Refusal::Expired));
    assert_eq!(
        grant.change(vec![detail(&["gpt-4o"])], &Policy::default(), over),
        Err(Refusal::Expired)
    );
    assert!(matches!(grant.revoke("test"), Ok(Some(_))));
}

#[test]
fn a_grant_lapses_only_as_long_as_its_token_is_here() {
    let never = GrantEvent::Revoked {
        reason: "never collected".to_owned(),
    };
    assert_eq!(given(&[granted()]).lapse(), Some(never.clone()));
    let collected = [granted(), GrantEvent::TokenIssued { bound_to: None }];
    assert_eq!(given(&collected).lapse(), None);
    assert_eq!(given(&[granted(), never]).lapse(), None);
    assert_eq!(given(&[]).lapse(), None);
}

#[test]
fn a_revoked_grant_stays_revoked() {
    let revoked = GrantEvent::Revoked {
        reason: "test".into(),
    };
    let grant = given(&[
        granted(),
        revoked.clone(),
        granted(),
        GrantEvent::Changed { details: vec![] },
    ]);
    assert!(matches!(grant, Grant::Revoked { .. }) && grant.owner().is_some());
    assert_eq!(grant.issue_token(None, at()), Err(Refusal::Revoked));
    assert_eq!(
        change(&grant, vec![detail(&["gpt-4o"])]),
        Err(Refusal::Revoked)
    );
    assert_eq!(grant.revoke("again"), Ok(None));
}

#[test]
fn a_live_grant_can_be_narrowed_and_not_widened() {
    let grant = given(&[granted()]);
    assert!(change(&grant, vec![detail(&["gpt-4o-mini"])]).is_ok());
    assert_eq!(
        change(&grant, vec![detail(&["o1"])]),
        Err(Refusal::Beyond("more models"))
    );
    assert_eq!(
        change(&grant, vec![]),
        Err(Refusal::Beyond("other providers"))
    );
}

#[test]
fn an_unverified_app_is_raised_to_its_cap_and_no_further() {
    let grant = given(&[granted()]);
    let raised = |monthly: i64, requests: u32, expires: &str| {
        let mut new = detail(&["gpt-4o*"]);
        new.limits.monthly_spend = money::Nanodollars::from_dollars(monthly);
        new.limits.requests_per_day = requests;
        new.expires = expires.parse().unwrap();
        change(&grant, vec![new])
    };
    // It has 10 USD already, which is more than its cap: that may stay and not grow.
    assert!(raised(10, 2_000, "2027-01-01T00:00:00Z").is_ok());
    let higher = Err(Refusal::Beyond("a higher limit than this app may have"));
    assert_eq!(raised(11, 100, "2027-01-01T00:00:00Z"), higher);
    assert_eq!(raised(10, 2_001, "2027-01-01T00:00:00Z"), higher);
    let longer = Err(Refusal::Beyond("a longer time than this app may have"));
    assert_eq!(raised(10, 100, "2027-01-01T00:00:01Z"), longer);
}
