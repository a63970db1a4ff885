#![doc = include_str!("../README.md")]

mod app;
mod authorization;
mod budget;
mod call;
mod consent;
mod custom_provider;
mod model_alias;
mod organization;
mod organization_policy;
mod payload;
mod shadow;
mod standing_decision;

pub use app::{
    AppEvent, AppIdentity, ClientAuthentication, ClientKeys, GrantType, SelfRegistration,
    Verification,
};
pub use authorization::{
    AuthorizationDetail, Capability, Ceiling, Dollars, GrantedLimits, LimitName, ModelPattern,
    ModelPatternError, Models, Provider, ProviderError, RequestedDetail, RequestedLimits,
    SECONDS_PER_DAY, TYPE, WireDetail, WireLimits, base_url,
};
pub use budget::{BudgetAmounts, BudgetEvent, BudgetScope, BudgetShadow};
pub use call::{CallEvent, CallOutcome, CallRecord, Measurement, TokenUsage};
pub use consent::{AccessRequestEvent, GrantEvent, ProviderKeyEvent, Transport};
pub use custom_provider::{CustomProvider, CustomProviderEvent, ProviderKind, TokenPrice};
pub use model_alias::{
    AliasCandidate, AliasName, AliasNameError, ModelAlias, ModelAliasEvent, RouteStrategy,
};
pub use organization::{OrganizationEvent, UserEvent};
pub use organization_policy::{DynamicApps, OrganizationPolicyEvent, PolicyRules, ResponseCache};
pub use payload::{EventPayload, Unreadable};
pub use shadow::{Shadow, ShadowLimits, ShadowVerdict};
pub use standing_decision::{AppKey, ApprovalRuleEvent, BlockedAppEvent, RuleTerms};
