//! Every event that was ever written can be read for ever: one golden file for each type and version.

use std::{collections::BTreeSet, fs, path::PathBuf};

use events::{
    AccessRequestEvent, AppEvent, ApprovalRuleEvent, BlockedAppEvent, BudgetEvent, CallEvent,
    CustomProviderEvent, EventPayload, GrantEvent, ModelAliasEvent, OrganizationEvent,
    OrganizationPolicyEvent, ProviderKeyEvent, UserEvent,
};
use serde_json::Value;

/// Every event type that is written today. A new one is added here and gets its golden file.
const TYPES: [&str; 47] = [
    "access_request.abandoned",
    "access_request.approved",
    "access_request.denied",
    "access_request.expired",
    "access_request.received",
    "app.changed",
    "app.registered",
    "app.removed",
    "approval_rule.removed",
    "approval_rule.written",
    "blocked_app.blocked",
    "blocked_app.unblocked",
    "budget.changed",
    "budget.removed",
    "budget.set",
    "budget.shadow_limits_adopted",
    "budget.shadow_limits_dropped",
    "budget.shadow_limits_set",
    "call.recorded",
    "custom_provider.added",
    "custom_provider.removed",
    "grant.changed",
    "grant.derived",
    "grant.granted",
    "grant.revoked",
    "grant.shadow_limits_adopted",
    "grant.shadow_limits_dropped",
    "grant.shadow_limits_set",
    "grant.token_issued",
    "grant.token_refreshed",
    "grant.widened",
    "model_alias.removed",
    "model_alias.set",
    "organization.created",
    "organization.sso_connected",
    "organization_policy.set",
    "provider_key.check_requested",
    "provider_key.deleted",
    "provider_key.found_invalid",
    "provider_key.found_working",
    "provider_key.rotated",
    "provider_key.stored",
    "user.api_token_issued",
    "user.api_token_revoked",
    "user.identity_linked",
    "user.joined",
    "user.signed_in",
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contracts/golden/events")
}

/// Reads the payload and writes it again.
fn round_trip(event_type: &str, schema: i16, payload: Value) -> Value {
    fn through<E: EventPayload>(event_type: &str, schema: i16, payload: Value) -> Value {
        let event = E::decode(event_type, schema, payload).expect("the golden event can be read");
        let (again, payload) = event.encode().expect("the event can be written");
        assert_eq!(again, event_type);
        payload
    }
    match event_type.split_once('.').expect("a family").0 {
        "access_request" => through::<AccessRequestEvent>(event_type, schema, payload),
        "app" => through::<AppEvent>(event_type, schema, payload),
        "approval_rule" => through::<ApprovalRuleEvent>(event_type, schema, payload),
        "blocked_app" => through::<BlockedAppEvent>(event_type, schema, payload),
        "budget" => through::<BudgetEvent>(event_type, schema, payload),
        "call" => through::<CallEvent>(event_type, schema, payload),
        "custom_provider" => through::<CustomProviderEvent>(event_type, schema, payload),
        "grant" => through::<GrantEvent>(event_type, schema, payload),
        "model_alias" => through::<ModelAliasEvent>(event_type, schema, payload),
        "organization" => through::<OrganizationEvent>(event_type, schema, payload),
        "organization_policy" => through::<OrganizationPolicyEvent>(event_type, schema, payload),
        "provider_key" => through::<ProviderKeyEvent>(event_type, schema, payload),
        "user" => through::<UserEvent>(event_type, schema, payload),
        family => panic!("no family {family}"),
    }
}

#[test]
fn every_golden_event_reads_back_as_it_was_written() {
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(folder()).expect("golden events") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned();
        let (event_type, schema) = name.rsplit_once(".v").expect("TYPE.vN.json");
        let text = fs::read_to_string(&path).expect("a readable file");
        let golden: Value = serde_json::from_str(&text).expect("JSON");
        let schema: i16 = schema.parse().expect("a version");
        assert_eq!(
            round_trip(event_type, schema, golden.clone()),
            golden,
            "{name}"
        );
        seen.insert(event_type.to_owned());
    }
    let written: BTreeSet<String> = TYPES.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(
        seen, written,
        "each event type has a golden file, and each golden file a type"
    );
}

#[test]
fn the_record_of_a_call_names_the_grants_above_the_budgets_and_the_shadows() {
    let text = fs::read_to_string(folder().join("call.recorded.v1.json")).expect("a golden call");
    let mut call: Value = serde_json::from_str(&text).expect("JSON");
    let above = ["grant_0198f000000070008000000000000014"];
    call["ancestors"] = above.into();
    call["budgets"] = ["budget_0198f000000070008000000000000020"].into();
    call["shadows"] = serde_json::json!([
        {"shadow": "shadow_0198f000000070008000000000000021"},
        {"shadow": "shadow_0198f000000070008000000000000022", "would_refuse": "daily_spend"},
    ]);
    assert_eq!(round_trip("call.recorded", 1, call.clone()), call);
}

#[test]
fn what_came_later_to_an_event_is_read_and_written() {
    for (event_type, member, value) in [
        ("call.recorded", "/cached", Value::Bool(true)),
        (
            "organization_policy.set",
            "/rules/response_cache",
            "allowed".into(),
        ),
    ] {
        let path = folder().join(format!("{event_type}.v1.json"));
        let text = fs::read_to_string(path).expect("a golden event");
        let mut event: Value = serde_json::from_str(&text).expect("JSON");
        let (within, name) = member.rsplit_once('/').expect("a member");
        event.pointer_mut(within).expect("what holds it")[name] = value;
        assert_eq!(round_trip(event_type, 1, event.clone()), event);
    }
}

#[test]
fn an_event_of_a_later_version_stops_the_reader() {
    assert!(GrantEvent::decode("grant.revoked", 2, serde_json::json!({"reason": "x"})).is_err());
    assert!(GrantEvent::decode("grant.exploded", 1, serde_json::json!({})).is_err());
}
