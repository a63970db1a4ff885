#![doc = include_str!("../README.md")]

mod authorization;
mod call;
mod consent;
mod organization;
mod payload;

pub use authorization::{
    AuthorizationDetail, Capability, GrantedLimits, LimitName, ModelPattern, ModelPatternError,
    Models, Provider, ProviderError, RequestedDetail, RequestedLimits, SECONDS_PER_DAY, TYPE,
};
pub use call::{CallEvent, CallOutcome, CallRecord, Measurement, TokenUsage};
pub use consent::{
    AccessRequestEvent, AppEvent, AppIdentity, GrantEvent, ProviderKeyEvent, Transport,
    Verification,
};
pub use organization::{OrganizationEvent, UserEvent};
pub use payload::{EventPayload, Unreadable};
