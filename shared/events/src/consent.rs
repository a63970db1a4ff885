//! Events of what people allowed: provider keys, access requests, grants.

use ids::{ApprovalRuleId, GrantId, HandleId, KeyThumbprint, RequestId, ShadowId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    app::AppIdentity,
    authorization::{AuthorizationDetail, Provider, RequestedDetail},
    payload::EventPayload,
    shadow::ShadowLimits,
};

/// The life of a provider key. No event holds the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum ProviderKeyEvent {
    /// A person stored it, sealed.
    #[serde(rename = "provider_key.stored")]
    Stored {
        /// Who.
        owner: UserId,
        /// For which provider.
        provider: Provider,
        /// The person's name for it.
        name: String,
        /// Its last four characters.
        last_four: String,
    },
    /// A new secret took the place of the old; grants go on.
    #[serde(rename = "provider_key.rotated")]
    Rotated {
        /// The version that counts from now on; the first is 1.
        version: i32,
        /// The last four characters of the new secret.
        last_four: String,
    },
    /// The provider refused it.
    #[serde(rename = "provider_key.found_invalid")]
    FoundInvalid {
        /// The version that was refused.
        version: i32,
    },
    /// The provider is to be asked whether it takes the key.
    #[serde(rename = "provider_key.check_requested")]
    CheckRequested {
        /// Whose it is.
        owner: UserId,
        /// Who is to be asked.
        provider: Provider,
        /// The version that counts.
        version: i32,
    },
    /// The provider took it when it was asked.
    #[serde(rename = "provider_key.found_working")]
    FoundWorking {
        /// The version that was taken.
        version: i32,
    },
    /// Destroyed: its sealed form is gone.
    #[serde(rename = "provider_key.deleted")]
    Deleted {},
}

impl EventPayload for ProviderKeyEvent {
    const STREAM: &'static str = "provider_key";
}

/// By which door an access request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// `POST /okap/authorize`.
    Okap,
    /// `POST /okap/request`, the flat form.
    OkapFlat,
    /// `/oauth/authorize`.
    Oauth,
    /// OKAP through the person's own browser: a popup, the extension, a native app's link.
    OkapBrowser,
}

/// The life of an access request. It has at most one of the last four events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum AccessRequestEvent {
    /// An app asked.
    #[serde(rename = "access_request.received")]
    Received {
        /// Whose vault it asked.
        user: UserId,
        /// By which door.
        transport: Transport,
        /// Who asked.
        app: AppIdentity,
        /// What for.
        details: Vec<RequestedDetail>,
        /// The grant that it asks to widen, if it asks for more than a grant it has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extends: Option<GrantId>,
        /// When it lapses if nobody decides.
        expires_at: Timestamp,
        /// The handle it asked at, if it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handle: Option<HandleId>,
    },
    /// A person, or a ceiling that a person set, said yes.
    #[serde(rename = "access_request.approved")]
    Approved {
        /// What came of it.
        grant: GrantId,
        /// The digest of what the person was shown; absent where a ceiling decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shown: Option<String>,
        /// The rule that decided; absent where the person or a ticket did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<ApprovalRuleId>,
    },
    /// A person said no.
    #[serde(rename = "access_request.denied")]
    Denied {
        /// In the person's words, for the app.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Whether nobody was asked: the person blocks the app, or has just denied it three times.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unasked: bool,
    },
    /// Nobody decided in time.
    #[serde(rename = "access_request.expired")]
    Expired {},
    /// The app withdrew or went away.
    #[serde(rename = "access_request.abandoned")]
    Abandoned {},
}

impl EventPayload for AccessRequestEvent {
    const STREAM: &'static str = "access_request";
}

/// The life of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum GrantEvent {
    /// A person granted it.
    #[serde(rename = "grant.granted")]
    Granted {
        /// Who.
        user: UserId,
        /// To whom.
        app: AppIdentity,
        /// Upon which request.
        request: RequestId,
        /// What exactly.
        details: Vec<AuthorizationDetail>,
    },
    /// Its app exchanged a token of another grant for one that may do no more (RFC 8693): this grant
    /// is a child of that one. Its calls count against every grant above it.
    #[serde(rename = "grant.derived")]
    Derived {
        /// Who granted what stands at the top.
        user: UserId,
        /// To whom: the same as there.
        app: AppIdentity,
        /// The grants above it, the parent first.
        ancestors: Vec<GrantId>,
        /// What the exchanged token had been narrowed to, if it was less than the parent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<Vec<AuthorizationDetail>>,
        /// What exactly. What counts is what every grant above allows too.
        details: Vec<AuthorizationDetail>,
    },
    /// Its token was handed to the app. The token itself is nowhere.
    #[serde(rename = "grant.token_issued")]
    TokenIssued {
        /// The key that it is bound to (RFC 9449), if it is to one. Since version 2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bound_to: Option<KeyThumbprint>,
    },
    /// Its app used a refresh token and got the next access token. Neither is anywhere.
    #[serde(rename = "grant.token_refreshed")]
    TokenRefreshed {
        /// The key that the next access token is bound to, if it is to one. Since version 2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bound_to: Option<KeyThumbprint>,
    },
    /// Its details changed; the token stays.
    #[serde(rename = "grant.changed")]
    Changed {
        /// What is granted from now on.
        details: Vec<AuthorizationDetail>,
    },
    /// A person gave its app more; what it has spent stays counted, and its tokens stay.
    #[serde(rename = "grant.widened")]
    Widened {
        /// Upon which request; absent where a person followed the link of a refused call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<RequestId>,
        /// What is granted from now on, all of it.
        details: Vec<AuthorizationDetail>,
    },
    /// Its person tries tighter limits: a call is counted against them and never refused by them.
    #[serde(rename = "grant.shadow_limits_set")]
    ShadowLimitsSet {
        /// Which.
        shadow: ShadowId,
        /// At which provider: in the place of those that were tried there before.
        provider: Provider,
        /// What they are.
        limits: ShadowLimits,
    },
    /// They are tried no longer, and nothing else changes.
    #[serde(rename = "grant.shadow_limits_dropped")]
    ShadowLimitsDropped {
        /// Which.
        shadow: ShadowId,
    },
    /// They bite from now on: `grant.changed` beside it says what is granted.
    #[serde(rename = "grant.shadow_limits_adopted")]
    ShadowLimitsAdopted {
        /// Which; they are tried no longer.
        shadow: ShadowId,
    },
    /// It ended for good.
    #[serde(rename = "grant.revoked")]
    Revoked {
        /// Why, for the record.
        reason: String,
    },
}

impl EventPayload for GrantEvent {
    const STREAM: &'static str = "grant";

    fn schema(event_type: &str) -> i16 {
        match event_type {
            // Version 1 knew no bound tokens: what reads as one there is a bearer token.
            "grant.token_issued" | "grant.token_refreshed" => 2,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_doors_are_frozen() {
        let names = [
            Transport::Okap,
            Transport::OkapFlat,
            Transport::Oauth,
            Transport::OkapBrowser,
        ];
        let names = serde_json::to_string(&names).unwrap();
        assert_eq!(names, r#"["okap","okap_flat","oauth","okap_browser"]"#);
    }
}
