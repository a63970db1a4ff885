#![doc = include_str!("../README.md")]

mod handle;
mod id;
mod key_thumbprint;
mod token;

pub use handle::{Handle, HandleError};
pub use id::{
    ApiTokenId, AppId, ApprovalRuleId, BlockedAppId, BudgetId, CallId, ConnectionId,
    CustomProviderId, EventId, GrantId, HandleId, ModelAliasId, ProviderKeyId, RegistrationTokenId,
    RequestId, SessionId, ShadowId, TenantId, TicketId, UserId,
};
pub use id::{Id, IdError, Kind, kinds};
pub use key_thumbprint::{KeyThumbprint, NotAThumbprint};
pub use token::{
    ApiToken, AuthorizationCode, ClientSecret, ConnectTicket, DeviceCode, NoRandomness, OkapToken,
    PollSecret, PushedRequest, RefreshToken, RegistrationAccess, RegistrationToken, SessionToken,
    SignInLink, Token, TokenDigest, TokenKind, TokenRefusal,
};
