//! A token that is less than its grant (RFC 9396 section 6): what it may do at first, and what is
//! left of that when the grant changes.

use std::collections::{BTreeMap, BTreeSet};

use events::{AuthorizationDetail, Models, RequestedDetail};
use jiff::Timestamp;
use serde::de::IgnoredAny;

use crate::access_request::{
    decision::named_or,
    details::{self, InvalidDetails},
};

/// Why a token is not more than its grant, and what to do instead.
const BEYOND: &str = "more than was granted; for more, send the person to the authorization endpoint \
                      with grant_management_action=merge and grant_id";

/// Which members each object of an array names; one that is `null` counts as left out.
pub fn named_members(array: &str) -> Vec<BTreeSet<String>> {
    let objects: Vec<BTreeMap<String, Option<IgnoredAny>>> =
        serde_json::from_str(array).unwrap_or_default();
    let named = |object: BTreeMap<String, Option<IgnoredAny>>| {
        object
            .into_iter()
            .filter_map(|(name, value)| value.map(|_| name))
            .collect()
    };
    objects.into_iter().map(named).collect()
}

/// What `new` names, and for the rest what was granted before.
pub fn named_or_old(
    old: &AuthorizationDetail,
    new: RequestedDetail,
    named: &BTreeSet<String>,
) -> AuthorizationDetail {
    AuthorizationDetail {
        provider: new.provider,
        models: if named.contains("models") {
            new.models
        } else {
            old.models.clone()
        },
        capabilities: if named.contains("capabilities") {
            new.capabilities
        } else {
            old.capabilities.clone()
        },
        limits: named_or(&new.limits, &old.limits),
        expires: new.expires.unwrap_or(old.expires),
        key_id: old.key_id,
        reason: old.reason.clone(),
    }
}

/// What a token request asks for of what was granted: fewer providers, or less at one. A member that
/// is left out stays as granted.
///
/// # Errors
/// Names the member that asks for more than was granted.
pub fn narrowed(
    granted: &[AuthorizationDetail],
    json: &str,
    now: Timestamp,
) -> Result<Vec<AuthorizationDetail>, InvalidDetails> {
    let wanted = details::parse(json, now)?;
    let named = named_members(json);
    let mut narrowed = Vec::with_capacity(wanted.len());
    for (index, (new, named)) in wanted.into_iter().zip(&named).enumerate() {
        let beyond = |member: &str| {
            let place = format!("authorization_details[{index}].{member}");
            InvalidDetails::new(place, BEYOND)
        };
        let old = granted.iter().find(|old| old.provider == new.provider);
        let old = old.ok_or_else(|| beyond("provider"))?;
        let new = named_or_old(old, new, named);
        if !new.models.is_within(&old.models) {
            return Err(beyond("models"));
        }
        if !new.capabilities.is_subset(&old.capabilities) {
            return Err(beyond("capabilities"));
        }
        if !new.limits.is_within(&old.limits) {
            return Err(beyond("limits"));
        }
        if new.expires > old.expires {
            return Err(beyond("expires"));
        }
        narrowed.push(new);
    }
    Ok(narrowed)
}

/// What a narrowed token may do now that its grant says `granted`: what both allow.
#[must_use]
pub fn left_of(
    narrowed: &[AuthorizationDetail],
    granted: &[AuthorizationDetail],
) -> Vec<AuthorizationDetail> {
    let left = |token: &AuthorizationDetail| {
        let grant = granted.iter().find(|g| g.provider == token.provider)?;
        let capabilities: BTreeSet<_> = token
            .capabilities
            .intersection(&grant.capabilities)
            .copied()
            .collect();
        let models = models_of_both(&token.models, &grant.models)?;
        (!capabilities.is_empty()).then(|| AuthorizationDetail {
            models,
            capabilities,
            limits: token.limits.lower_of(&grant.limits),
            expires: token.expires.min(grant.expires),
            ..grant.clone()
        })
    };
    narrowed.iter().filter_map(left).collect()
}

/// The models that both cover; `None` when there are none, because an empty list means every model.
fn models_of_both(one: &Models, other: &Models) -> Option<Models> {
    if other.is_every() {
        return Some(one.clone());
    }
    if one.is_every() {
        return Some(other.clone());
    }
    let within = |inner: &Models, outer: &Models| {
        let covered = |pattern: &&events::ModelPattern| {
            outer
                .patterns()
                .iter()
                .any(|outer| pattern.is_within(outer))
        };
        inner
            .patterns()
            .iter()
            .filter(covered)
            .cloned()
            .collect::<Vec<_>>()
    };
    let both = [within(one, other), within(other, one)].concat();
    (!both.is_empty()).then(|| Models::new(both))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn detail(models: &[&str], capabilities: &[&str], monthly: u32) -> AuthorizationDetail {
        serde_json::from_value(serde_json::json!({
            "provider": "openai", "models": models, "capabilities": capabilities,
            "limits": {"monthly_spend": monthly.to_string(), "daily_spend": monthly.to_string(),
                       "requests_per_minute": 60, "requests_per_day": 100, "tokens_per_request": 1000},
            "expires": "2027-01-01T00:00:00Z", "key_id": ids::ProviderKeyId::new(now()),
        }))
        .unwrap()
    }

    fn asks(members: &str) -> Result<AuthorizationDetail, String> {
        let granted = [detail(&["gpt-4o*"], &["chat", "embeddings"], 10)];
        let json = format!(r#"[{{"type":"ai_model_access","provider":"openai"{members}}}]"#);
        narrowed(&granted, &json, now())
            .map(|mut narrowed| narrowed.remove(0))
            .map_err(|invalid| invalid.place)
    }

    #[test]
    fn a_member_that_is_left_out_stays_as_granted() {
        assert_eq!(asks("").unwrap().capabilities.len(), 2);
        let less = asks(
            r#","models":["gpt-4o-mini"],"capabilities":["chat"],"limits":{"monthly_spend":2}"#,
        );
        let less = less.unwrap();
        assert_eq!(less.models.patterns()[0].as_str(), "gpt-4o-mini");
        assert_eq!(
            (less.capabilities.len(), less.limits.requests_per_day),
            (1, 100)
        );
        assert_eq!(less.limits.daily_spend, money::Nanodollars::from_dollars(2));
    }

    #[test]
    fn more_than_was_granted_is_refused_by_name() {
        for (members, member) in [
            (r#","models":["o1"]"#, "models"),
            (r#","models":[]"#, "models"),
            (r#","capabilities":["images"]"#, "capabilities"),
            (r#","limits":{"monthly_spend":11}"#, "limits"),
            (r#","limits":{"requests_per_minute":61}"#, "limits"),
            (r#","expires":"2027-01-02""#, "expires"),
        ] {
            let place = format!("authorization_details[0].{member}");
            assert_eq!(asks(members), Err(place), "{members}");
        }
        let other = r#"[{"type":"ai_model_access","provider":"google"}]"#;
        let granted = [detail(&[], &["chat"], 1)];
        assert!(narrowed(&granted, other, now()).is_err());
    }

    #[test]
    fn nothing_in_common_is_nothing_and_not_everything() {
        let token = [detail(&["gpt-4o-mini"], &["chat"], 10)];
        assert_eq!(left_of(&token, &[detail(&["o1"], &["chat"], 10)]), []);
        assert_eq!(left_of(&token, &[detail(&[], &["images"], 10)]), []);
        assert_eq!(left_of(&token, &[]), []);
    }

    fn patterns() -> impl Strategy<Value = Vec<&'static str>> {
        let known = vec!["gpt*", "gpt-4*", "gpt-4o", "gpt-4o*", "o1", "o*", "o1-mini"];
        proptest::collection::vec(proptest::sample::select(known), 0..4)
    }

    proptest! {
        #[test]
        fn what_is_left_is_within_both(one in patterns(), other in patterns(), a in 1_u32..9, b in 1_u32..9) {
            let token = detail(&one, &["chat", "code"], a);
            let grant = detail(&other, &["chat"], b);
            for left in left_of(std::slice::from_ref(&token), std::slice::from_ref(&grant)) {
                prop_assert!(left.models.is_within(&token.models) && left.models.is_within(&grant.models));
                prop_assert!(left.limits.is_within(&token.limits) && left.limits.is_within(&grant.limits));
                prop_assert!(left.capabilities.is_subset(&grant.capabilities));
            }
            for model in ["gpt", "gpt-4", "gpt-4o", "gpt-4o-mini", "o1", "o1-mini", "o3"] {
                let left = left_of(std::slice::from_ref(&token), std::slice::from_ref(&grant));
                let covered = left.iter().any(|left| left.models.covers(model));
                prop_assert_eq!(covered, token.models.covers(model) && grant.models.covers(model));
            }
        }
    }
}
