//! A grant and those made from it. A child may do what it and every grant above it allow, counts
//! against each of them, and ends with any of them.

use events::AuthorizationDetail;
use grant_access::Ancestor;
use ids::GrantId;

use super::{Refusal, narrowing::left_of};

/// How many generations may stand below the grant of a person.
pub const MOST_GENERATIONS: usize = spend_limits::MOST_ANCESTORS;

/// How many grants made from one grant of a person, over all generations, may be live at one time.
pub const MOST_LIVE: i64 = 100;

/// A grant as it was made, whatever the grants above it have come to allow since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The grant.
    pub id: GrantId,
    /// The grants above it, the parent first.
    pub ancestors: Vec<GrantId>,
    /// What the parent's token had been narrowed to, if it was less than the parent.
    pub within: Option<Vec<AuthorizationDetail>>,
    /// What exactly.
    pub details: Vec<AuthorizationDetail>,
}

/// What a grant comes to under those above it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowed {
    /// What it may do: what all of them allow.
    pub details: Vec<AuthorizationDetail>,
    /// The grants above with their limits, the parent first.
    pub above: Vec<Ancestor>,
}

/// What the last of a line may do; the line begins at the top.
#[must_use]
pub fn allowed<'a>(line: impl IntoIterator<Item = &'a Member>) -> Allowed {
    let mut line = line.into_iter();
    let Some(top) = line.next() else {
        return Allowed::default();
    };
    let (mut parent, mut details, mut above) = (top.id, top.details.clone(), Vec::new());
    for child in line {
        let covers = under(child, &details);
        above.insert(0, ancestor(parent, &covers));
        details = left_of(&child.details, &covers);
        parent = child.id;
    }
    Allowed { details, above }
}

/// What a child may be at most, of what its parent may do.
fn under(child: &Member, parent: &[AuthorizationDetail]) -> Vec<AuthorizationDetail> {
    match &child.within {
        Some(within) => left_of(within, parent),
        None => parent.to_vec(),
    }
}

/// A grant with the limits that these details say.
#[must_use]
pub fn ancestor(grant: GrantId, details: &[AuthorizationDetail]) -> Ancestor {
    let limits = details.iter();
    Ancestor {
        grant,
        limits: limits
            .map(|detail| (detail.provider.clone(), detail.limits))
            .collect(),
    }
}

/// Refuses a change of the last of a line that would go beyond what the grants above it allow.
///
/// # Errors
/// Names the member that goes beyond.
pub fn check_change(line: &[Member], new: &[AuthorizationDetail]) -> Result<(), Refusal> {
    let Some((child, above)) = line.split_last().filter(|(_, above)| !above.is_empty()) else {
        return Ok(());
    };
    let covers = under(child, &allowed(above).details);
    for new in new {
        let most = covers.iter().find(|most| most.provider == new.provider);
        let most = most.ok_or(Refusal::BeyondParent("providers"))?;
        if !new.models.is_within(&most.models) {
            return Err(Refusal::BeyondParent("models"));
        }
        if !new.capabilities.is_subset(&most.capabilities) {
            return Err(Refusal::BeyondParent("capabilities"));
        }
        if !new.limits.is_within(&most.limits) {
            return Err(Refusal::BeyondParent("limits"));
        }
        if new.expires > most.expires {
            return Err(Refusal::BeyondParent("time"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::grant::narrowing::narrowed;

    fn now() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn id(number: u128) -> GrantId {
        GrantId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn detail(
        models: &[&str],
        capabilities: &[&str],
        amount: u32,
        day: u32,
    ) -> AuthorizationDetail {
        serde_json::from_value(serde_json::json!({
            "provider": "openai", "models": models, "capabilities": capabilities,
            "limits": {"monthly_spend": amount.to_string(), "daily_spend": amount.to_string(),
                       "requests_per_minute": amount, "requests_per_day": amount, "tokens_per_request": amount},
            "expires": format!("2027-01-{day:02}T00:00:00Z"), "key_id": ids::ProviderKeyId::new(now()),
        }))
        .unwrap()
    }

    fn member(number: u128, detail: AuthorizationDetail) -> Member {
        Member {
            id: id(number),
            ancestors: (1..number).rev().map(id).collect(),
            within: None,
            details: vec![detail],
        }
    }

    #[test]
    fn the_parent_stands_first_among_those_above() {
        let line = [3, 2, 1].map(|n| detail(&[], &["chat"], 5 + n, 9));
        let line: Vec<_> = (1..)
            .zip(line)
            .map(|(n, detail)| member(n, detail))
            .collect();
        let allowed = allowed(&line);
        let above: Vec<_> = allowed.above.iter().map(|above| above.grant).collect();
        assert_eq!(above, line[2].ancestors);
        let limits = allowed.above.iter().map(|above| &above.limits);
        let day: Vec<_> = limits
            .map(|limits| limits.values().next().unwrap().requests_per_day)
            .collect();
        assert_eq!(day, [7, 8]);
    }

    #[test]
    fn children_of_a_narrowed_token_stay_within_it_together() {
        let parent = member(1, detail(&[], &["chat"], 10, 9));
        let child = Member {
            within: Some(vec![detail(&["gpt-4o"], &["chat"], 2, 9)]),
            ..member(2, detail(&["gpt-4o"], &["chat"], 2, 9))
        };
        let allowed = allowed([&parent, &child]);
        let limits = allowed.above[0].limits.values().next().unwrap();
        assert_eq!(limits.requests_per_day, 2, "not the parent's 10");
        let more = [detail(&["gpt-4o"], &["chat"], 3, 9)];
        assert_eq!(
            check_change(&[parent.clone(), child], &more),
            Err(Refusal::BeyondParent("limits"))
        );
        assert_eq!(check_change(&[parent], &more), Ok(()));
    }

    fn details() -> impl Strategy<Value = AuthorizationDetail> {
        let models = vec!["gpt*", "gpt-4*", "gpt-4o", "gpt-4o*", "o1", "o*", "o1-mini"];
        let capabilities = vec!["chat", "embeddings", "images", "audio"];
        (
            proptest::collection::vec(proptest::sample::select(models), 0..4),
            proptest::sample::subsequence(capabilities, 1..4),
            1_u32..20,
            1_u32..28,
        )
            .prop_map(|(models, capabilities, amount, day)| {
                detail(&models, &capabilities, amount, day)
            })
    }

    /// The authorization details by which a client would ask for this.
    fn asking(detail: &AuthorizationDetail) -> String {
        let mut wire =
            serde_json::to_value(events::WireDetail::granted(detail, "https://vault.test"))
                .unwrap();
        wire.as_object_mut().unwrap().remove("base_url");
        serde_json::json!([wire]).to_string()
    }

    proptest! {
        /// However the grants of a line are made and changed, the last covers nothing that one above
        /// does not, and its limits and end are never beyond theirs.
        #[test]
        fn a_child_never_covers_more_than_any_grant_above_it(
            line in proptest::collection::vec(details(), 2..5),
            within in proptest::option::of(details()),
        ) {
            let mut line: Vec<_> = (1..).zip(line).map(|(n, detail)| member(n, detail)).collect();
            line[1].within = within.map(|within| vec![within]);
            let child = allowed(&line);
            for parent in &line {
                for detail in &child.details {
                    let parent = &parent.details[0];
                    prop_assert!(detail.models.is_within(&parent.models));
                    prop_assert!(detail.capabilities.is_subset(&parent.capabilities));
                    prop_assert!(detail.limits.is_within(&parent.limits));
                    prop_assert!(detail.expires <= parent.expires);
                    prop_assert_eq!(check_change(&line, std::slice::from_ref(detail)), Ok(()));
                }
            }
            for (above, parent) in child.above.iter().zip(line.iter().rev().skip(1)) {
                prop_assert_eq!(above.grant, parent.id);
                let limits = above.limits.values();
                for (limits, detail) in limits.zip(&child.details) {
                    prop_assert!(limits.is_within(&parent.details[0].limits));
                    prop_assert!(detail.limits.is_within(limits));
                }
            }
        }

        /// What is given upon a request is within the exchanged token, whatever is asked.
        #[test]
        fn what_is_exchanged_is_within_the_token(token in details(), asked in details()) {
            let token = [token];
            match narrowed(&token, &asking(&asked), now()) {
                Ok(given) => {
                    for given in given {
                        prop_assert!(given.models.is_within(&token[0].models));
                        prop_assert!(given.capabilities.is_subset(&token[0].capabilities));
                        prop_assert!(given.limits.is_within(&token[0].limits));
                        prop_assert!(given.expires <= token[0].expires);
                    }
                }
                Err(_) => prop_assert!(
                    !(asked.models.is_within(&token[0].models)
                        && asked.capabilities.is_subset(&token[0].capabilities)
                        && asked.limits.is_within(&token[0].limits)
                        && asked.expires <= token[0].expires)
                ),
            }
        }
    }
}
