//! The rules of shadow limits.

use events::{AuthorizationDetail, GrantEvent, Provider, Shadow};
use jiff::Timestamp;

use crate::grant::{Grant, Refusal};

impl Grant {
    /// The person tries tighter limits at one provider, in the place of those that are tried there.
    /// `None` when these very ones are: they go on counting.
    ///
    /// # Errors
    /// When the grant is not live, has nothing at this provider, or a limit is none or above the one
    /// in force.
    pub fn set_shadow_limits(
        &self,
        new: Shadow,
        now: Timestamp,
    ) -> Result<Option<GrantEvent>, Refusal> {
        let granted = self.granted(now)?;
        let detail = granted
            .iter()
            .find(|detail| detail.provider == new.provider);
        let detail = detail.ok_or(Refusal::NothingAt)?;
        if new.limits.is_empty() {
            return Err(Refusal::NoShadowLimit);
        }
        if let Some(limit) = new.limits.above(&detail.limits) {
            return Err(Refusal::ShadowAbove(limit));
        }
        let same = |tried: &Shadow| tried.provider == new.provider && tried.limits == new.limits;
        if self.shadows().iter().any(same) {
            return Ok(None);
        }
        Ok(Some(GrantEvent::ShadowLimitsSet {
            shadow: new.id,
            provider: new.provider,
            limits: new.limits,
        }))
    }

    /// They are tried no longer: those at this provider, or all. Dropping none is no fault.
    ///
    /// # Errors
    /// When the grant is not live.
    pub fn drop_shadow_limits(
        &self,
        at: Option<&Provider>,
        now: Timestamp,
    ) -> Result<Vec<GrantEvent>, Refusal> {
        self.granted(now)?;
        let dropped = |tried: &Shadow| GrantEvent::ShadowLimitsDropped { shadow: tried.id };
        Ok(self.tried(at).map(dropped).collect())
    }

    /// They bite from now on: those at this provider, or all. Gives what is granted then as well.
    ///
    /// # Errors
    /// When the grant is not live, or none are tried.
    pub fn adopt_shadow_limits(
        &self,
        at: Option<&Provider>,
        now: Timestamp,
    ) -> Result<(Vec<AuthorizationDetail>, Vec<GrantEvent>), Refusal> {
        let mut details = self.granted(now)?.to_vec();
        let mut events = Vec::new();
        for tried in self.tried(at) {
            events.push(GrantEvent::ShadowLimitsAdopted { shadow: tried.id });
            let there = |detail: &&mut AuthorizationDetail| detail.provider == tried.provider;
            for detail in details.iter_mut().filter(there) {
                detail.limits = tried.limits.upon(&detail.limits);
            }
        }
        if events.is_empty() {
            return Err(Refusal::NoShadowLimits);
        }
        events.push(GrantEvent::Changed {
            details: details.clone(),
        });
        Ok((details, events))
    }

    fn tried(&self, at: Option<&Provider>) -> impl Iterator<Item = &Shadow> {
        let there = move |tried: &&Shadow| at.is_none_or(|at| tried.provider == *at);
        self.shadows().iter().filter(there)
    }
}

#[cfg(test)]
mod tests {
    use event_store::Aggregate;
    use events::{AppIdentity, LimitName, ShadowLimits, Verification};
    use ids::{ProviderKeyId, RequestId, ShadowId, UserId};
    use money::Nanodollars;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-22T00:00:00Z")
    }

    /// A grant at one provider, with $10 a month.
    fn granted() -> Grant {
        let detail = serde_json::json!({
            "provider": "openai", "models": ["gpt-4o"], "capabilities": ["chat"],
            "limits": {"monthly_spend": "10", "daily_spend": "10", "requests_per_minute": 60,
                       "requests_per_day": 100, "tokens_per_request": 1000},
            "expires": "2027-01-01T00:00:00Z", "key_id": ProviderKeyId::new(now()),
        });
        let event = GrantEvent::Granted {
            user: UserId::new(now()),
            app: AppIdentity {
                app: None,
                name: "App".into(),
                url: None,
                verification: Verification::Unverified,
                registration: None,
            },
            request: RequestId::new(now()),
            details: vec![serde_json::from_value(detail).unwrap()],
        };
        after(&Grant::default(), [event])
    }

    fn monthly(id: u128, dollars: i64) -> Shadow {
        Shadow {
            id: ShadowId::from_uuid(uuid::Uuid::from_u128(id)),
            provider: "openai".parse().unwrap(),
            limits: ShadowLimits {
                monthly_spend: Some(Nanodollars::from_dollars(dollars)),
                ..ShadowLimits::default()
            },
        }
    }

    fn after(grant: &Grant, events: impl IntoIterator<Item = GrantEvent>) -> Grant {
        let mut grant = grant.clone();
        events.into_iter().for_each(|event| grant.apply(&event));
        grant
    }

    #[test]
    fn others_take_the_place_of_those_that_are_tried_and_the_same_go_on() {
        let grant = granted();
        let set = grant.set_shadow_limits(monthly(1, 1), now()).unwrap();
        let grant = after(&grant, set);
        assert_eq!(grant.shadows(), [monthly(1, 1)]);
        assert_eq!(grant.set_shadow_limits(monthly(2, 1), now()), Ok(None));
        let other = grant.set_shadow_limits(monthly(3, 2), now()).unwrap();
        assert_eq!(after(&grant, other).shadows(), [monthly(3, 2)]);
    }

    #[test]
    fn only_a_tightening_of_what_is_granted_is_tried() {
        let grant = granted();
        let of = |shadow: Shadow| grant.set_shadow_limits(shadow, now());
        let above = Refusal::ShadowAbove(LimitName::MonthlySpend);
        assert_eq!(of(monthly(1, 100_000)), Err(above));
        let none = Shadow {
            limits: ShadowLimits::default(),
            ..monthly(1, 1)
        };
        assert_eq!(of(none), Err(Refusal::NoShadowLimit));
        let elsewhere = Shadow {
            provider: "cohere".parse().unwrap(),
            ..monthly(1, 1)
        };
        assert_eq!(of(elsewhere), Err(Refusal::NothingAt));
        let late = at("2099-01-01T00:00:00Z");
        let late = grant.set_shadow_limits(monthly(1, 1), late);
        assert_eq!(late, Err(Refusal::Expired));
    }

    #[test]
    fn adopted_they_bite_and_are_tried_no_longer() {
        let grant = granted();
        let none = grant.adopt_shadow_limits(None, now());
        assert_eq!(none, Err(Refusal::NoShadowLimits));
        let set = grant.set_shadow_limits(monthly(1, 1), now()).unwrap();
        let tried = after(&grant, set);
        let (details, events) = tried.adopt_shadow_limits(None, now()).unwrap();
        let adopted = after(&tried, events);
        assert_eq!(adopted.shadows(), []);
        assert_eq!(adopted.granted(now()).unwrap(), details);
        assert_eq!(
            details[0].limits.monthly_spend,
            Nanodollars::from_dollars(1)
        );
        let before = grant.granted(now()).unwrap();
        assert_eq!(
            details[0].limits.requests_per_day,
            before[0].limits.requests_per_day
        );
    }

    #[test]
    fn dropped_they_leave_everything_as_it_is() {
        let grant = granted();
        let set = grant.set_shadow_limits(monthly(1, 1), now()).unwrap();
        let tried = after(&grant, set);
        let elsewhere = "cohere".parse().unwrap();
        let none = tried.drop_shadow_limits(Some(&elsewhere), now()).unwrap();
        assert_eq!(none, []);
        let events = tried.drop_shadow_limits(None, now()).unwrap();
        assert_eq!(after(&tried, events), grant);
        assert_eq!(grant.drop_shadow_limits(None, now()), Ok(vec![]));
    }
}
