//! A change of a live grant on the wire: whole authorization details, or for a grant of one
//! provider their members alone.

use events::{AuthorizationDetail, Provider, TYPE, WireLimits};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use server::Problem;
use utoipa::ToSchema;

use super::{
    narrowing::{named_members, named_or_old},
    shadow::ShadowChange,
};
use crate::access_request::details::{self, InvalidDetails};

/// A change as it is read. serde cannot keep raw members behind an untagged enum, so both forms are
/// read into one, and [`SentChange::upon`] tells them apart.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentChange {
    authorization_details: Option<Box<RawValue>>,
    limits: Option<Box<RawValue>>,
    expires: Option<String>,
    models: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "given")]
    shadow_limits: Option<Option<Box<RawValue>>>,
}

/// A member that is there, be it `null`.
fn given<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Box<RawValue>>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A change of a live grant, in one of three forms.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only described; `SentChange` is what is read")]
pub enum GrantChange {
    /// The whole authorization details.
    Details(DetailsChange),
    /// Members alone, of a grant with one provider.
    Members(MembersChange),
    /// Tighter limits that are tried first.
    Shadow(ShadowLimitsChange),
}

/// What is granted from now on.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only described; `SentChange` is what is read")]
pub struct DetailsChange {
    /// One object for each provider, in the order they have. A member that is left out stays as it
    /// is.
    #[schema(value_type = Vec<Object>)]
    authorization_details: Box<RawValue>,
}

/// What changes of a grant with one provider; at least one member. One that is left out stays as it
/// is.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
#[expect(dead_code, reason = "only described; `SentChange` is what is read")]
pub struct MembersChange {
    /// Its limits; one that is left out stays as it is.
    #[schema(value_type = Option<WireLimits>)]
    limits: Option<Box<RawValue>>,
    /// Until when: an RFC 3339 instant, or a date, which means the end of that day in UTC.
    expires: Option<String>,
    /// Its models: ids or `prefix*`.
    #[schema(value_type = Option<Vec<String>>)]
    models: Option<Box<RawValue>>,
}

/// Limits that watch and refuse nothing. They stand alone in a change.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only described; `SentChange` is what is read")]
pub struct ShadowLimitsChange {
    /// Those to try in the place of those that are tried at this provider; `null` drops all.
    #[schema(value_type = Option<TriedLimits>, required)]
    shadow_limits: Option<Box<RawValue>>,
}

/// At least one limit, none above the one in force.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; `ShadowChange` is what is read")]
pub struct TriedLimits {
    /// At which provider; needed where the grant has several.
    provider: Option<String>,
    /// The limits.
    #[serde(flatten)]
    limits: WireLimits,
}

/// Members for the one provider of a grant.
#[derive(Serialize)]
struct Members {
    limits: Option<Box<RawValue>>,
    expires: Option<String>,
    models: Option<Box<RawValue>>,
}

/// The same as one object of authorization details.
#[derive(Serialize)]
struct MembersFor<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    provider: &'a Provider,
    #[serde(flatten)]
    members: &'a Members,
}

impl SentChange {
    /// The shadow limits that it sets or drops, if it is of that form.
    ///
    /// # Errors
    /// When other members stand beside them, or one of them has a fault.
    pub fn shadow(&self, old: &[AuthorizationDetail]) -> Result<Option<ShadowChange>, Problem> {
        let Some(sent) = &self.shadow_limits else {
            return Ok(None);
        };
        let alone = self.authorization_details.is_none()
            && self.limits.is_none()
            && self.expires.is_none()
            && self.models.is_none();
        if !alone {
            return Err(Problem::bad_request(
                "Send `shadow_limits` by itself: what is tried and what counts are changed one after \
                 the other.",
            )
            .at("/shadow_limits", "stands beside other members"));
        }
        ShadowChange::read(sent.as_deref(), old).map(Some)
    }

    /// What a grant that has `old` is to have from now on. Whether it may is for its rules to say.
    ///
    /// # Errors
    /// When it has both forms or neither, has a fault in a member, or does not fit the grant's
    /// providers.
    pub fn upon(
        self,
        old: &[AuthorizationDetail],
        now: Timestamp,
    ) -> Result<Vec<AuthorizationDetail>, Problem> {
        let members = Members {
            limits: self.limits,
            expires: self.expires,
            models: self.models,
        };
        match (self.authorization_details, members.is_empty()) {
            (Some(array), true) => whole(old, array.get(), now),
            (None, false) => of_the_only_one(old, &members, now),
            (Some(_), false) => Err(Problem::bad_request(
                "Send `authorization_details`, or `limits`, `expires` and `models`; not both.",
            )
            .at("/authorization_details", "stands beside other members")),
            (None, true) => Err(Problem::bad_request(
                "Name what changes: `limits`, `expires` or `models`, or send \
                 `authorization_details`.",
            )),
        }
    }
}

impl Members {
    const fn is_empty(&self) -> bool {
        self.limits.is_none() && self.expires.is_none() && self.models.is_none()
    }
}

fn whole(
    old: &[AuthorizationDetail],
    array: &str,
    now: Timestamp,
) -> Result<Vec<AuthorizationDetail>, Problem> {
    let wanted = details::parse(array, now)?;
    if wanted.len() != old.len() {
        return Err(Problem::bad_request(
            "One object is needed for each provider of the grant, in its order.",
        )
        .at("/authorization_details", "one object for each provider"));
    }
    let changed = old.iter().zip(wanted.into_iter().zip(named_members(array)));
    Ok(changed
        .map(|(old, (new, named))| named_or_old(old, new, &named))
        .collect())
}

fn of_the_only_one(
    old: &[AuthorizationDetail],
    members: &Members,
    now: Timestamp,
) -> Result<Vec<AuthorizationDetail>, Problem> {
    let [only] = old else {
        return Err(Problem::unprocessable(
            "The grant has several providers. Send `authorization_details`, with one object for \
             each of them in its order.",
        )
        .named("several-providers", "The grant has several providers"));
    };
    let array = [MembersFor {
        kind: TYPE,
        provider: &only.provider,
        members,
    }];
    let array = serde_json::to_string(&array).map_err(|error| Problem::internal(&error))?;
    let mut wanted = details::parse(&array, now).map_err(as_it_was_sent)?;
    let named = named_members(&array).pop().unwrap_or_default();
    Ok(wanted
        .pop()
        .map(|new| named_or_old(only, new, &named))
        .into_iter()
        .collect())
}

/// The member stood by itself, not in an object of authorization details.
fn as_it_was_sent(invalid: InvalidDetails) -> InvalidDetails {
    let member = invalid.place.strip_prefix("authorization_details[0].");
    InvalidDetails {
        place: member.unwrap_or(&invalid.place).to_owned(),
        ..invalid
    }
}
