//! How this service's refusals become `application/problem+json` (RFC 9457), case by case.

use std::time::Duration;

use server::Problem;

use crate::{
    access_request::{self, RequestError, details::InvalidDetails},
    grant::{self, GrantError},
    organization_policy::PolicyError,
    projections::RecordError,
    provider_key::{self, ProviderKeyError},
    registered_app::{self, AppError},
    registration_token::TokenError,
};
use event_store::AppendError;
use key_vault::SealError;

impl From<InvalidDetails> for Problem {
    fn from(invalid: InvalidDetails) -> Self {
        let pointer = format!(
            "/{}",
            invalid.place.replace(['.', '['], "/").replace(']', "")
        );
        Self::bad_request(invalid.to_string())
            .named(
                "invalid-authorization-details",
                "The authorization details break a rule",
            )
            .at(pointer, invalid.reason)
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused(access_request::Refusal::Unknown) => {
                Self::not_found("There is no such access request.")
            }
            RequestError::Refused(refusal) => Self::conflict(sentence(&refusal)).named(
                "request-decided",
                "The access request cannot be decided any more",
            ),
            RequestError::Beyond { .. } => Self::unprocessable(sentence(&error)).named(
                "beyond-request",
                "The decision gives more than may be given",
            ),
            RequestError::Moved => Self::conflict(sentence(&error))
                .named("changed-meanwhile", "It was changed at the same moment"),
            RequestError::NeedsPerson => Self::unprocessable(sentence(&error)),
            RequestError::UnknownProvider(invalid) => invalid.into(),
            RequestError::NotAllowed => app_not_allowed(&error),
            RequestError::NoKey(_) => Self::unprocessable(sentence(&error))
                .named("no-usable-key", "No usable provider key is named"),
            RequestError::Full => Self::too_many(sentence(&error)),
            RequestError::Delivered => Self::gone(sentence(&error))
                .named("already-delivered", "The answer was collected already"),
            RequestError::Grant(error) => error.into(),
            RequestError::Record(error) => error.into(),
            RequestError::Database(error) => Self::dependency(&error),
        }
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::Refused(grant::Refusal::Unknown) => {
                Self::not_found("There is no such grant.")
            }
            GrantError::Refused(grant::Refusal::Beyond(_) | grant::Refusal::BeyondParent(_)) => {
                Self::unprocessable(sentence(&error))
                    .named("beyond-grant", "The change gives more than was granted")
            }
            GrantError::Refused(grant::Refusal::NothingAt) => Self::unprocessable(sentence(&error))
                .named("nothing-granted", "Nothing was granted at this provider")
                .at("/shadow_limits/provider", "is not granted"),
            GrantError::Refused(grant::Refusal::ShadowAbove(limit)) => {
                Self::unprocessable(sentence(&error))
                    .named(
                        "shadow-limit-above",
                        "Shadow limits are tighter than those in force",
                    )
                    .at(format!("/shadow_limits/{limit}"), "is above the limit")
            }
            GrantError::Refused(grant::Refusal::NoShadowLimit) => {
                Self::bad_request(sentence(&error)).at("/shadow_limits", "names no limit")
            }
            GrantError::Refused(grant::Refusal::NoShadowLimits) => Self::conflict(sentence(&error))
                .named("no-shadow-limits", "No shadow limits are tried"),
            GrantError::Refused(grant::Refusal::Moved) => Self::conflict(sentence(&error))
                .named("changed-meanwhile", "It was changed at the same moment"),
            GrantError::Refused(refusal) => Self::conflict(sentence(&refusal))
                .named("grant-ended", "The grant cannot be changed any more"),
            GrantError::Narrowing(error) => error.into(),
            GrantError::OtherResource => Self::unprocessable(sentence(&error)),
            GrantError::Record(error) => error.into(),
            GrantError::Mark(_) => {
                Self::unavailable(sentence(&error)).retry_after(Duration::from_secs(1))
            }
            GrantError::Database(error) => Self::dependency(&error),
            GrantError::NoRandomness(error) => Self::internal(&error),
        }
    }
}

impl From<ProviderKeyError> for Problem {
    fn from(error: ProviderKeyError) -> Self {
        match error {
            ProviderKeyError::Refused(_) => Self::not_found("There is no such provider key."),
            ProviderKeyError::TooMany => Self::conflict(sentence(&error)),
            ProviderKeyError::UnknownProvider => Self::bad_request(format!(
                "Unknown provider. Known are {}, and those that your organization added.",
                provider_key::http::with_keys()
                    .collect::<Vec<_>>()
                    .join(", ")
            ))
            .at("/provider", "unknown provider"),
            ProviderKeyError::Seal(SealError::Database(error))
            | ProviderKeyError::Database(error) => Self::dependency(&error),
            ProviderKeyError::Seal(error) => Self::dependency(&error),
            ProviderKeyError::Record(error) => error.into(),
        }
    }
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Refused(refusal) => {
                Self::bad_request(sentence(&refusal)).at("/longest_grant_days", "1 to 365 days")
            }
            PolicyError::NotAllowed => app_not_allowed(&error),
            PolicyError::Record(error) => error.into(),
            PolicyError::Database(error) => Self::dependency(&error),
        }
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(registered_app::Refusal::NoSecret) => {
                Self::conflict(sentence(&error)).named("no-secret", "The app has no secret")
            }
            AppError::Refused(_) => Self::not_found("There is no such app."),
            AppError::NoRandomness(error) => Self::internal(&error),
            AppError::TooMany | AppError::Full | AppError::NoToken => {
                Self::conflict(sentence(&error))
            }
            AppError::Fault(fault) => fault.into(),
            AppError::Grant(error) => error.into(),
            AppError::Record(error) => error.into(),
            AppError::Database(error) => Self::dependency(&error),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Unknown => Self::not_found("There is no such registration token."),
            TokenError::TooMany => Self::conflict(sentence(&error)),
            TokenError::NoRandomness(error) => Self::internal(&error),
            TokenError::Database(error) => Self::dependency(&error),
        }
    }
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Append(AppendError::Conflict) => {
                Self::conflict("Somebody changed it at the same moment; look again and repeat.")
                    .named("changed-meanwhile", "It was changed at the same moment")
            }
            RecordError::Append(AppendError::Unreadable(error)) => Self::internal(&error),
            other => Self::dependency(&other),
        }
    }
}

fn app_not_allowed(error: &dyn std::error::Error) -> Problem {
    Problem::forbidden(sentence(error)).named(
        "app-not-allowed",
        "Your organization does not allow this app",
    )
}

/// An error's words as a sentence for people.
pub(crate) fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
