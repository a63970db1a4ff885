//! One entry of the audit record: one event, without what it holds.

use std::collections::BTreeMap;

use events::{
    AccessRequestEvent, AppEvent, ApprovalRuleEvent, BlockedAppEvent, EventPayload, GrantEvent,
    ModelAliasEvent, OrganizationEvent, OrganizationPolicyEvent, ProviderKeyEvent, UserEvent,
};
use ids::{
    AppId, ApprovalRuleId, BlockedAppId, EventId, GrantId, ModelAliasId, ProviderKeyId, RequestId,
    TenantId, UserId,
};
use jiff::Timestamp;
use postgres::DatabaseError;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::vault::Vault;

/// Something that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The event that it is.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: By,
    /// What: the event's type, such as `grant.revoked`.
    pub action: String,
    /// What it was done to, and what else it speaks of: ids by what they name.
    pub subjects: BTreeMap<&'static str, String>,
    /// Upon which HTTP request.
    pub request_id: String,
}

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// A person, in a browser or with an API token.
    Person(UserId),
    /// A rule that a person wrote.
    Rule(ApprovalRuleId),
    /// A third-party program; its id, if it has one.
    Program(Option<String>),
    /// A part of Latchkey, by its name, or its operator.
    System(String),
}

/// The members of events that are told, where they hold an id, and what the id names. Nothing else of
/// an event is told: names, details and reasons stay where they belong.
const NAMED: [(&str, &str); 10] = [
    ("user", "user"),
    ("owner", "user"),
    ("app", "app"),
    ("request", "request"),
    ("grant", "grant"),
    ("rule", "approval_rule"),
    ("handle", "handle"),
    ("connection", "connection"),
    ("token", "api_token"),
    ("shadow", "shadow_limits"),
];

// What a rule granted has the rule in the event of its request, in the same transaction.
const OF_TENANT: &str = "
    -- consent.audit_of_tenant
    SELECT e.id, e.occurred_at, e.actor, e.type, e.stream, e.correlation_id, e.payload,
           CASE WHEN e.type = 'access_request.approved' THEN e.payload->>'rule'
                WHEN e.type = 'grant.granted'
                THEN (SELECT a.payload->>'rule'
                        FROM store.events a
                       WHERE a.transaction_id = e.transaction_id AND a.tenant_id = e.tenant_id
                         AND a.type = 'access_request.approved' AND a.payload->>'rule' IS NOT NULL
                       LIMIT 1)
           END AS rule
      FROM store.events e
     WHERE e.tenant_id = $1 AND ($2::uuid IS NULL OR e.id < $2)
     ORDER BY e.id DESC
     LIMIT $3";

/// The organization's record, newest first, what comes before `before`.
///
/// # Errors
/// When the database refuses.
pub async fn of(
    vault: &Vault,
    tenant: TenantId,
    (before, limit): (Option<EventId>, i64),
) -> Result<Vec<AuditEntry>, DatabaseError> {
    let tx = vault.begin("read audit record", tenant).await?;
    let before = before.map(EventId::uuid);
    let rows = tx
        .query(OF_TENANT, &[&tenant.uuid(), &before, &limit])
        .await?;
    tx.commit().await?;
    Ok(rows.iter().map(from_row).collect())
}

fn from_row(row: &Row) -> AuditEntry {
    let rule: Option<&str> = row.get("rule");
    AuditEntry {
        id: EventId::from_uuid(row.get("id")),
        at: row.get("occurred_at"),
        by: By::of(row.get("actor"), rule),
        action: row.get("type"),
        subjects: subjects(row.get("stream"), &row.get("payload")),
        request_id: row.get("correlation_id"),
    }
}

impl By {
    fn of(actor: &str, rule: Option<&str>) -> Self {
        if let Some(rule) = rule.and_then(|rule| rule.parse().ok()) {
            return Self::Rule(rule);
        }
        if let Ok(user) = actor.parse() {
            return Self::Person(user);
        }
        match actor {
            "app" => Self::Program(None),
            _ if actor.starts_with("app_") => Self::Program(Some(actor.to_owned())),
            _ => Self::System(actor.to_owned()),
        }
    }
}

/// The thing whose stream it is, and the ids that stand in the event by themselves.
fn subjects(stream: &str, payload: &Value) -> BTreeMap<&'static str, String> {
    let ids = NAMED.into_iter().filter_map(|(member, kind)| {
        // Of an app, its id alone.
        let value = match payload.get(member)? {
            Value::Object(app) => app.get("app")?,
            other => other,
        };
        let id = value.as_str().filter(|text| is_id(text))?;
        Some((kind, id.to_owned()))
    });
    ids.chain(thing(stream)).collect()
}

/// The thing that a stream is about, under the id that it has everywhere else.
fn thing(stream: &str) -> Option<(&'static str, String)> {
    let (family, id) = stream.split_once('-')?;
    let id: Uuid = id.parse().ok()?;
    Some(match family {
        AccessRequestEvent::STREAM => ("request", RequestId::from_uuid(id).to_string()),
        AppEvent::STREAM => ("app", AppId::from_uuid(id).to_string()),
        ApprovalRuleEvent::STREAM => ("approval_rule", ApprovalRuleId::from_uuid(id).to_string()),
        BlockedAppEvent::STREAM => ("blocked_app", BlockedAppId::from_uuid(id).to_string()),
        GrantEvent::STREAM => ("grant", GrantId::from_uuid(id).to_string()),
        ModelAliasEvent::STREAM => ("model_alias", ModelAliasId::from_uuid(id).to_string()),
        ProviderKeyEvent::STREAM => ("provider_key", ProviderKeyId::from_uuid(id).to_string()),
        UserEvent::STREAM => ("user", UserId::from_uuid(id).to_string()),
        OrganizationEvent::STREAM | OrganizationPolicyEvent::STREAM => {
            ("organization", TenantId::from_uuid(id).to_string())
        }
        _ => return None,
    })
}

/// Whether a text has the form of an id, as no secret has.
fn is_id(text: &str) -> bool {
    text.split_once('_')
        .is_some_and(|(_, digits)| digits.len() == 32 && digits.parse::<Uuid>().is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_ids_of_an_event_are_told() {
        let id = "0198f000-0000-7000-8000-000000000014";
        let grant = format!("grant_{}", id.replace('-', ""));
        let payload = json!({"user": "okap_secret", "owner": 5, "token": "lk_0123", "name": grant,
                             "app": {"app": "app_0198f000000070008000000000000015", "name": "Recipes"}});
        let told = subjects(&format!("grant-{id}"), &payload);
        let app = "app_0198f000000070008000000000000015".to_owned();
        assert_eq!(told, BTreeMap::from([("app", app), ("grant", grant)]));
    }

    #[test]
    fn whoever_decided_is_of_one_kind() {
        let user = "user_0198f000000070008000000000000014";
        let rule = "rule_0198f000000070008000000000000014";
        let app = "app_0198f000000070008000000000000014";
        assert_eq!(By::of(user, None), By::Person(user.parse().unwrap()));
        assert_eq!(By::of(app, Some(rule)), By::Rule(rule.parse().unwrap()));
        assert_eq!(By::of(app, None), By::Program(Some(app.to_owned())));
        assert_eq!(By::of("app", None), By::Program(None));
        assert_eq!(By::of("proxy", None), By::System("proxy".to_owned()));
    }
}
