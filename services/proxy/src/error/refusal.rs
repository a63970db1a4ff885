//! Why a call was not made, or its answer not given: the error table of the contract.

use std::time::Duration;

use actix_web::http::StatusCode;
use events::{Capability, LimitName, ModelPattern, Provider};
use ids::{BudgetId, GrantId, TokenRefusal};
use jiff::Timestamp;
use money::Nanodollars;

use crate::{ask::AskError, body::BodyError, error::words::period};

/// Where a refused call was granted less than it needs: what its person can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedAt {
    /// The grant.
    pub grant: GrantId,
    /// At which provider.
    pub provider: Provider,
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not in the table of routes.
    #[error("there is no such route")]
    NoRoute,
    /// The provider has it, and this gate does not open it.
    #[error(
        "not offered here: {0}; only calls that are checked before they are sent, and end with their answer, are"
    )]
    NotOffered(&'static str),
    /// Nothing that could be a token.
    #[error("send your OKAP token as `Authorization: Bearer okap_…`")]
    TokenMissing,
    /// Several different tokens: whose call it is would be a guess.
    #[error("the request carries several different tokens; send one")]
    SeveralTokens,
    /// Malformed; told by the rule it breaks.
    #[error("this is no OKAP token: {0}")]
    TokenMalformed(TokenRefusal),
    /// A person's token for the management API.
    #[error(
        "this is a token of the management API (`lk_…`); calls need a grant's token (`okap_…`)"
    )]
    ManagementToken,
    /// No grant has it.
    #[error("this token is not valid")]
    TokenUnknown,
    /// It is bound to a key, and nothing shows that its sender holds it (RFC 9449).
    #[error(
        "this token is bound to a key: send it as `Authorization: DPoP okap_…`, with a proof in the `DPoP` header"
    )]
    TokenBound,
    /// It came with a proof, and is bound to no key.
    #[error("this token is bound to no key: send it as `Authorization: Bearer okap_…`")]
    TokenNotBound,
    /// It is bound to another key than the proof's.
    #[error("this token is bound to another key than the one that signed the DPoP proof")]
    OtherKey,
    /// The proof proves nothing.
    #[error("{0}")]
    Proof(dpop::ProofError),
    /// Its grant was revoked.
    #[error("the grant of this token was revoked")]
    TokenRevoked,
    /// Its grant has expired.
    #[error("the grant of this token has expired")]
    TokenExpired,
    /// The grant does not cover the provider.
    #[error("this grant does not cover {provider}; it covers {granted}")]
    ProviderNotGranted {
        /// What was asked.
        provider: Provider,
        /// What may be asked, in words.
        granted: String,
    },
    /// The grant does not cover the model.
    #[error("the model `{model}` is not granted; granted: {granted}")]
    ModelNotGranted {
        /// What was asked.
        model: String,
        /// What may be asked, in words.
        granted: String,
        /// Where.
        at: Box<GrantedAt>,
    },
    /// No provider that the grant covers has the model there, or one that a model alias stands for.
    #[error("the {what} `{named}` is not granted at any provider; granted: {granted}")]
    NowhereGranted {
        /// What was asked, in a word: `model` or `model alias`.
        what: &'static str,
        /// By which name.
        named: String,
        /// What may be asked, in words.
        granted: String,
    },
    /// Nothing is known of the model.
    #[error("nothing is known of the model `{0}`")]
    NoSuchModel(String),
    /// The grant does not cover the kind of work.
    #[error("`{needed}` is not granted; granted: {granted}")]
    CapabilityNotGranted {
        /// What it needs.
        needed: Capability,
        /// What may be asked, in words.
        granted: String,
        /// Where.
        at: Box<GrantedAt>,
    },
    /// Work at the provider that no limit can bound.
    #[error("{0}")]
    Unbounded(String),
    /// Its worst case does not fit into a spend limit.
    #[error(
        "{limit_name}{whose} would be exceeded: {spent} USD spent and {reserved} USD reserved of {limit} USD, and this call may cost up to {needed} USD; the limit resets at {resets_at}"
    )]
    SpendLimit {
        /// Which limit.
        limit_name: LimitName,
        /// Whose, in words that follow the name; empty for the token's own grant.
        whose: &'static str,
        /// What is settled.
        spent: Nanodollars,
        /// What other calls hold.
        reserved: Nanodollars,
        /// What the limit allows.
        limit: Nanodollars,
        /// What the call may cost.
        needed: Nanodollars,
        /// When the period ends.
        resets_at: Timestamp,
        /// Where.
        at: Box<GrantedAt>,
    },
    /// Its worst case does not fit into a budget of the organization. What others spent of it is not
    /// the app's to know.
    #[error(
        "the organization's {} budget{covers} would be exceeded: this call may cost up to {needed} USD; it resets at {resets_at}, and the organization can raise it",
        period(*limit_name)
    )]
    Budget {
        /// Which.
        budget: BudgetId,
        /// Which calls it covers, in words that follow it; empty for all.
        covers: String,
        /// Its month or its day.
        limit_name: LimitName,
        /// What the call may cost.
        needed: Nanodollars,
        /// When the period ends.
        resets_at: Timestamp,
    },
    /// Too many calls in a minute or a day.
    #[error(
        "{limit_name}{whose} is used up: {limit} requests; try again in {retry_after_seconds} s"
    )]
    RateLimit {
        /// Which limit.
        limit_name: LimitName,
        /// Whose, in words that follow the name; empty for the token's own grant.
        whose: &'static str,
        /// What the limit allows.
        limit: u32,
        /// At least 1.
        retry_after_seconds: u32,
    },
    /// Too many calls at one time.
    #[error("{whose} has {most} calls running, the most at one time; wait for one to end")]
    TooManyAtOnce {
        /// "this grant" or "this organization".
        whose: &'static str,
        /// How many may run.
        most: usize,
    },
    /// This process has too many calls running.
    #[error("the vault is busy; try again in a moment")]
    Busy,
    /// A spend limit applies and the model's price is not known.
    #[error("the price of `{model}` at {provider} is not known, so its spend limit cannot be kept")]
    PriceUnknown {
        /// Where.
        provider: Provider,
        /// Which model.
        model: String,
    },
    /// The request cannot be checked.
    #[error("{message}")]
    Request {
        /// What is wrong.
        message: String,
        /// Which member or parameter.
        param: Option<String>,
    },
    /// The body is too large.
    #[error("a request body may have at most {0} bytes here")]
    TooLarge(usize),
    /// The body is of another kind, or compressed.
    #[error("{0}")]
    MediaType(&'static str),
    /// The provider refused the key, or the key is gone.
    #[error("{0} refused the key that this grant uses; its owner has been told")]
    ProviderKeyInvalid(Provider),
    /// The provider could not be reached, or broke off.
    #[error("{0} could not be reached")]
    ProviderUnreachable(Provider),
    /// The provider did not answer in time.
    #[error("{0} did not answer in time")]
    ProviderLate(Provider),
    /// The provider refused the call in words that cannot be given on.
    #[error("{provider} refused the call with status {status}")]
    Provider {
        /// Who.
        provider: Provider,
        /// How: from 400 to 599.
        status: u16,
    },
    /// The provider's answer cannot be given on.
    #[error("{0} gave an answer that cannot be passed on")]
    ProviderAnswer(Provider),
    /// Limits, grants or keys cannot be checked now.
    #[error("the vault cannot check this call now; try again in a moment")]
    VaultUnavailable,
    /// A fault of ours. The log says more.
    #[error("something went wrong in the vault")]
    Fault,
}

impl Refusal {
    /// Its HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Provider { status, .. } => {
                StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY)
            }
            Self::NoRoute | Self::NoSuchModel(_) | Self::NotOffered(_) => StatusCode::NOT_FOUND,
            Self::TokenMissing
            | Self::TokenMalformed(_)
            | Self::ManagementToken
            | Self::TokenUnknown
            | Self::TokenBound
            | Self::TokenNotBound
            | Self::OtherKey
            | Self::Proof(_)
            | Self::TokenRevoked
            | Self::TokenExpired => StatusCode::UNAUTHORIZED,
            Self::SeveralTokens | Self::PriceUnknown { .. } | Self::Request { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::ProviderNotGranted { .. }
            | Self::ModelNotGranted { .. }
            | Self::NowhereGranted { .. }
            | Self::CapabilityNotGranted { .. }
            | Self::Unbounded(_) => StatusCode::FORBIDDEN,
            Self::SpendLimit { .. } | Self::Budget { .. } => StatusCode::PAYMENT_REQUIRED,
            Self::RateLimit { .. } | Self::TooManyAtOnce { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ProviderKeyInvalid(_) => StatusCode::FAILED_DEPENDENCY,
            Self::ProviderUnreachable(_) | Self::ProviderAnswer(_) => StatusCode::BAD_GATEWAY,
            Self::ProviderLate(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Busy | Self::VaultUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Its OKAP type.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoRoute | Self::NoSuchModel(_) | Self::NotOffered(_) => "not_found",
            Self::TokenMissing
            | Self::TokenMalformed(_)
            | Self::ManagementToken
            | Self::TokenUnknown
            | Self::TokenBound
            | Self::TokenNotBound
            | Self::OtherKey
            | Self::Proof(_) => "token_invalid",
            Self::TokenRevoked => "token_revoked",
            Self::TokenExpired => "token_expired",
            Self::ProviderNotGranted { .. } => "policy_denied",
            Self::ModelNotGranted { .. } | Self::NowhereGranted { .. } => "model_not_granted",
            Self::CapabilityNotGranted { .. } | Self::Unbounded(_) => "capability_not_granted",
            Self::SpendLimit { .. } | Self::Budget { .. } => "spend_limit_exceeded",
            Self::RateLimit { .. } | Self::TooManyAtOnce { .. } => "rate_limit_exceeded",
            Self::PriceUnknown { .. } => "price_unknown",
            Self::SeveralTokens | Self::Request { .. } | Self::TooLarge(_) | Self::MediaType(_) => {
                "request_invalid"
            }
            Self::ProviderKeyInvalid(_) => "provider_key_invalid",
            Self::ProviderUnreachable(_) => "provider_unreachable",
            Self::ProviderLate(_) => "provider_timeout",
            Self::ProviderAnswer(_) | Self::Provider { .. } => "provider_error",
            Self::Busy | Self::VaultUnavailable => "vault_unavailable",
            Self::Fault => "internal_error",
        }
    }

    /// The member or parameter at fault, if it is one.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Request { param, .. } => param.as_deref(),
            Self::ModelNotGranted { .. }
            | Self::NowhereGranted { .. }
            | Self::NoSuchModel(_)
            | Self::PriceUnknown { .. } => Some("model"),
            _ => None,
        }
    }

    /// After how many whole seconds trying again may help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimit {
                retry_after_seconds,
                ..
            } => Some(Duration::from_secs(u64::from(
                (*retry_after_seconds).max(1),
            ))),
            Self::TooManyAtOnce { .. } | Self::Busy | Self::VaultUnavailable => {
                Some(Duration::from_secs(1))
            }
            _ => None,
        }
    }

    /// Whether the SDKs, which try again by themselves, are told not to: it would be in vain for
    /// longer than they wait.
    #[must_use]
    pub fn must_not_be_retried(&self) -> bool {
        // An answer that cannot be given on was charged, and would be again.
        matches!(
            self,
            Self::SpendLimit { .. }
                | Self::Budget { .. }
                | Self::ProviderKeyInvalid(_)
                | Self::ProviderAnswer(_)
        ) || self
            .retry_after()
            .is_some_and(|wait| wait > Duration::from_secs(60))
    }

    /// Where the person who granted can be shown what is missing, ready to be allowed or not; `origin`
    /// is the vault's. It names the grant and what is missing, and nothing secret: whoever else
    /// follows it finds nothing.
    #[must_use]
    pub fn step_up_url(&self, origin: &str) -> Option<String> {
        let (at, missing) = match self {
            // A name that no grant could hold is not offered.
            Self::ModelNotGranted { model, at, .. } => {
                let named = model.parse::<ModelPattern>().ok();
                (
                    at,
                    format!("model={}", named.filter(|_| !model.ends_with('*'))?),
                )
            }
            Self::CapabilityNotGranted { needed, at, .. } => (at, format!("capability={needed}")),
            Self::SpendLimit { limit_name, at, .. } => (at, format!("limit={limit_name}")),
            _ => return None,
        };
        let GrantedAt { grant, provider } = at.as_ref();
        (!origin.is_empty())
            .then(|| format!("{origin}/connected-apps/{grant}/allow?provider={provider}&{missing}"))
    }

    /// A request that cannot be checked because of one parameter.
    #[must_use]
    pub fn of_parameter(param: &str, message: impl Into<String>) -> Self {
        Self::Request {
            message: message.into(),
            param: Some(param.to_owned()),
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::Request {
            message: error.to_string(),
            param: error.member().map(str::to_owned),
        }
    }
}

impl From<AskError> for Refusal {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Unbounded(_) => Self::Unbounded(error.to_string()),
            other => Self::Request {
                message: other.to_string(),
                param: other.member().map(str::to_owned),
            },
        }
    }
}
