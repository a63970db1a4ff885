//! The forms of OAuth, as OpenAPI describes them. They are read by [`super::parameters`], which takes any
//! name and ignores what it does not know (RFC 6749 section 3.1): these say what it knows.

use utoipa::ToSchema;

/// How a client says which one it is, in any of these forms or as HTTP Basic credentials.
#[derive(ToSchema)]
pub struct ClientForm {
    /// The client.
    pub client_id: Option<String>,
    /// Its secret, if it has one.
    pub client_secret: Option<String>,
    /// Always `urn:ietf:params:oauth:client-assertion-type:jwt-bearer` (RFC 7523 section 2.2).
    pub client_assertion_type: Option<String>,
    /// A signed assertion.
    pub client_assertion: Option<String>,
}

/// `POST /oauth/token` (RFC 6749 section 4.1.3 and 6, RFC 8628 section 3.4).
#[derive(ToSchema)]
pub struct TokenForm {
    /// `authorization_code`, `refresh_token`, `urn:ietf:params:oauth:grant-type:device_code`, or
    /// `urn:ietf:params:oauth:grant-type:token-exchange`.
    #[schema(example = "authorization_code")]
    pub grant_type: String,
    /// The code that came back, with `authorization_code`.
    pub code: Option<String>,
    /// The same as in the authorization request.
    pub redirect_uri: Option<String>,
    /// What the challenge was made of (RFC 7636 section 4.5).
    pub code_verifier: Option<String>,
    /// The token to renew, with `refresh_token`.
    pub refresh_token: Option<String>,
    /// The device's code, with `device_code`.
    pub device_code: Option<String>,
    /// The token to exchange for one of a child grant (RFC 8693 section 2.1).
    pub subject_token: Option<String>,
    /// Always `urn:ietf:params:oauth:token-type:access_token`, in an exchange.
    pub subject_token_type: Option<String>,
    /// The same, or left out.
    pub requested_token_type: Option<String>,
    /// The name of the provider that it is for, in an exchange.
    pub audience: Option<String>,
    /// The details to narrow this token to, as JSON (RFC 9396 section 6).
    pub authorization_details: Option<String>,
    /// The provider that it is for (RFC 8707).
    pub resource: Option<String>,
    /// Who asks.
    #[serde(flatten)]
    pub client: ClientForm,
}

/// `POST /oauth/revoke` (RFC 7009 section 2.1) and `POST /oauth/introspect` (RFC 7662 section 2.1).
#[derive(ToSchema)]
pub struct TokenInHandForm {
    /// The token.
    pub token: String,
    /// What kind of token it is.
    pub token_type_hint: Option<String>,
    /// Who asks.
    #[serde(flatten)]
    pub client: ClientForm,
}

/// `POST /oauth/par` (RFC 9126 section 2.1).
#[derive(ToSchema)]
pub struct PushedForm {
    /// Always `code`.
    #[schema(example = "code")]
    pub response_type: String,
    /// One of the registered ones.
    pub redirect_uri: String,
    /// The S256 challenge (RFC 7636 section 4.2).
    pub code_challenge: String,
    /// Always `S256`.
    #[schema(example = "S256")]
    pub code_challenge_method: String,
    /// What is asked for, as JSON (RFC 9396).
    pub authorization_details: String,
    /// Given back as it came.
    pub state: Option<String>,
    /// The provider that the token will be for (RFC 8707).
    pub resource: Option<String>,
    /// Who asks.
    #[serde(flatten)]
    pub client: ClientForm,
}

/// `POST /oauth/device_authorization` (RFC 8628 section 3.1).
#[derive(ToSchema)]
pub struct DeviceForm {
    /// What is asked for, as JSON (RFC 9396).
    pub authorization_details: String,
    /// Who asks.
    #[serde(flatten)]
    pub client: ClientForm,
}
