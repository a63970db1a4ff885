//! Shadow limits on the wire.

use events::{AuthorizationDetail, Provider, ShadowLimits};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use server::Problem;

use crate::access_request::details::{self, InvalidDetails};

/// What is to become of the shadow limits of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShadowChange {
    /// These are tried at this provider.
    Set(Provider, ShadowLimits),
    /// None are tried any more.
    Drop,
}

/// The members as they were sent. Values stay text until they are checked.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    #[serde(skip_serializing)]
    provider: Option<Box<RawValue>>,
    monthly_spend: Option<Box<RawValue>>,
    daily_spend: Option<Box<RawValue>>,
    requests_per_minute: Option<Box<RawValue>>,
    requests_per_day: Option<Box<RawValue>>,
    tokens_per_request: Option<Box<RawValue>>,
}

impl ShadowChange {
    /// Reads the value of `shadow_limits`, upon a grant that has `granted`. Whether they may be tried is
    /// for its rules to say.
    pub(in crate::grant) fn read(
        sent: Option<&RawValue>,
        granted: &[AuthorizationDetail],
    ) -> Result<Self, Problem> {
        let Some(sent) = sent.filter(|sent| sent.get() != "null") else {
            return Ok(Self::Drop);
        };
        let sent: Sent = details::object(sent.get(), "shadow_limits")?;
        let provider = match &sent.provider {
            Some(named) => named_provider(named)?,
            None => only_provider(granted)?,
        };
        let limits = serde_json::value::to_raw_value(&sent);
        let limits = limits.map_err(|error| Problem::internal(&error))?;
        let limits = details::limits(Some(&limits), "it").map_err(as_it_was_sent)?;
        Ok(Self::Set(provider, ShadowLimits::from(&limits)))
    }
}

fn named_provider(named: &RawValue) -> Result<Provider, Problem> {
    let name: Option<String> = serde_json::from_str(named.get()).ok();
    let provider = name.and_then(|name| name.parse().ok());
    provider.ok_or_else(|| {
        Problem::bad_request("`provider` names no provider.").at(
            "/shadow_limits/provider",
            "the name of a provider is needed",
        )
    })
}

fn only_provider(granted: &[AuthorizationDetail]) -> Result<Provider, Problem> {
    match granted {
        [only] => Ok(only.provider.clone()),
        _ => Err(Problem::unprocessable(
            "The grant has several providers. Name the one whose limits are tried as `provider`.",
        )
        .named("several-providers", "The grant has several providers")
        .at("/shadow_limits", "names no provider")),
    }
}

/// The limits stood in `shadow_limits`, not in an authorization details object.
fn as_it_was_sent(invalid: InvalidDetails) -> InvalidDetails {
    let place = invalid.place.strip_prefix("it.limits");
    let place = place.map_or_else(|| invalid.place.clone(), |at| format!("shadow_limits{at}"));
    InvalidDetails { place, ..invalid }
}
