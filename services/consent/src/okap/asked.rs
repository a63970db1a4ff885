//! What apps send: the OKAP 1.0 form and the flat form.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use events::{AppIdentity, RequestedDetail, Verification};
use ids::{GrantId, TokenDigest};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use server::{Problem, StrictJson};

use crate::{
    access_request::details::{self, InvalidDetails, Members, plain_text},
    grant::narrowing::named_members,
    way_back::{Callback, Channel, Opener},
};

/// The largest body of an access request, in bytes.
pub const LARGEST_BODY: usize = 16 * 1024;

/// What an app asked for, checked.
#[derive(Debug)]
pub struct Asked {
    /// Who says it asks. Unverified: a name that anyone can type.
    pub app: AppIdentity,
    /// What for.
    pub details: Vec<RequestedDetail>,
    /// Which members each of them has.
    pub named: Vec<BTreeSet<String>>,
    /// The grant that it asks to widen, if it does.
    pub extends: Option<GrantId>,
    /// How the answer goes back through the person's browser, if it does.
    pub back: Option<Channel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OkapBody<'a> {
    okap: String,
    #[serde(borrow)]
    authorization_details: &'a RawValue,
    #[serde(borrow)]
    client: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OkapClient {
    name: String,
    url: Option<String>,
    callback: Option<String>,
    code_challenge: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlatBody<'a> {
    okap: String,
    provider: String,
    #[serde(borrow)]
    models: Option<&'a RawValue>,
    #[serde(borrow)]
    capabilities: Option<&'a RawValue>,
    #[serde(borrow)]
    limits: Option<&'a RawValue>,
    expires: Option<String>,
    reason: Option<String>,
    app_name: Option<String>,
    app_url: Option<String>,
    redirect_uri: Option<String>,
}

/// Reads an OKAP 1.0 request that came by HTTP.
///
/// # Errors
/// Names the member that breaks a rule.
pub fn okap(body: &str, now: Timestamp) -> Result<Asked, InvalidDetails> {
    let (client, (details, named)) = read(body, now)?;
    if client.code_challenge.is_some() {
        let reason = "only in an okap: link; here the poll secret is given in the answer";
        return Err(InvalidDetails::new("client.code_challenge", reason));
    }
    let app = app(&client.name, client.url.as_deref(), "client")?;
    let Some(callback) = client.callback else {
        return Ok(Asked {
            app,
            details,
            named,
            extends: None,
            back: None,
        });
    };
    let callback = checked_callback(&callback)?;
    Ok(Asked {
        app: callback.identify(app),
        details,
        named,
        extends: None,
        back: Some(Channel::Callback(callback)),
    })
}

/// Reads an OKAP 1.0 request that came in a native app's link, and the digest of the secret that
/// its answer is collected with: the app made it itself, as nothing can be given back to it.
///
/// # Errors
/// Names the member that breaks a rule.
pub fn native(text: &str, now: Timestamp) -> Result<(Asked, TokenDigest), InvalidDetails> {
    let (client, (details, named)) = read(text, now)?;
    let missing = |name: &str, reason: &str| InvalidDetails::new(format!("client.{name}"), reason);
    let challenge = client.code_challenge.ok_or_else(|| {
        missing(
            "code_challenge",
            "needed: BASE64URL(SHA-256(code verifier)), as in RFC 7636",
        )
    })?;
    let secret = digest_of(&challenge)
        .ok_or_else(|| missing("code_challenge", "43 characters of base64url are needed"))?;
    let callback = client.callback.ok_or_else(|| {
        missing(
            "callback",
            "needed: the answer of a link has no other way back",
        )
    })?;
    let callback = checked_callback(&callback)?;
    let app = app(&client.name, client.url.as_deref(), "client")?;
    let asked = Asked {
        app: callback.identify(app),
        details,
        named,
        extends: None,
        back: Some(Channel::Callback(callback)),
    };
    Ok((asked, secret))
}

/// Reads an OKAP 1.0 request of the page at `origin`, which the browser vouches for.
///
/// # Errors
/// Names the member that breaks a rule.
pub fn of_page(text: &str, origin: Opener, now: Timestamp) -> Result<Asked, InvalidDetails> {
    let (client, (details, named)) = read(text, now)?;
    for (name, given) in [
        ("callback", &client.callback),
        ("code_challenge", &client.code_challenge),
    ] {
        if given.is_some() {
            let place = format!("client.{name}");
            return Err(InvalidDetails::new(
                place,
                "a page is answered by a message; leave it out",
            ));
        }
    }
    let claimed = app(&client.name, client.url.as_deref(), "client")?;
    let elsewhere = claimed.url.as_deref().is_some_and(|url| {
        url::Url::parse(url).is_ok_and(|url| url.origin().ascii_serialization() != origin.as_str())
    });
    if elsewhere {
        return Err(InvalidDetails::new(
            "client.url",
            "not where the page that asks is",
        ));
    }
    let verification = if origin.proves_domain() {
        Verification::DomainVerified
    } else {
        Verification::Unverified
    };
    Ok(Asked {
        app: AppIdentity {
            url: Some(origin.as_str().to_owned()),
            verification,
            ..claimed
        },
        details,
        named,
        extends: None,
        back: Some(Channel::Opener(origin)),
    })
}

/// What is asked, and which members each part of it has.
type Parts = (Vec<RequestedDetail>, Vec<BTreeSet<String>>);

fn read(text: &str, now: Timestamp) -> Result<(OkapClient, Parts), InvalidDetails> {
    let wire: OkapBody<'_> = details::object(text, "body")?;
    version(&wire.okap)?;
    let client: OkapClient = details::object(wire.client.get(), "client")?;
    let json = wire.authorization_details.get();
    Ok((client, (details::parse(json, now)?, named_members(json))))
}

fn checked_callback(text: &str) -> Result<Callback, InvalidDetails> {
    Callback::parse(text).map_err(|error| InvalidDetails::new("client.callback", error.to_string()))
}

/// The digest that an S256 challenge is (RFC 7636 section 4.2): what is stored of a secret, too.
fn digest_of(challenge: &str) -> Option<TokenDigest> {
    let bytes = URL_SAFE_NO_PAD.decode(challenge).ok()?;
    TokenDigest::from_bytes(&bytes)
}

/// Reads a request in the flat form of the released Python SDK.
///
/// # Errors
/// Names the member that breaks a rule.
pub fn flat(body: &str, now: Timestamp) -> Result<Asked, InvalidDetails> {
    let wire: FlatBody<'_> = details::object(body, "body")?;
    version(&wire.okap)?;
    if wire.redirect_uri.is_some() {
        return Err(InvalidDetails::new(
            "redirect_uri",
            "this form answers on the connection; leave it out",
        ));
    }
    let members = Members {
        provider: &wire.provider,
        models: wire.models,
        capabilities: wire.capabilities,
        limits: wire.limits,
        expires: wire.expires.as_deref(),
        reason: wire.reason.as_deref(),
    };
    let detail = details::check(&members, "request", now)?;
    if !detail.provider.is_built_in() {
        return Err(details::unknown_provider("request.provider"));
    }
    if !matches!(
        detail.provider.as_str(),
        "openai" | "anthropic" | "google" | "ollama"
    ) {
        let reason =
            "this form of the protocol cannot name it in an answer; ask at /okap/authorize";
        return Err(InvalidDetails::new("request.provider", reason));
    }
    let name = wire.app_name.as_deref().unwrap_or("Unnamed app");
    Ok(Asked {
        app: app(name, wire.app_url.as_deref(), "request")?,
        details: vec![detail],
        named: Vec::new(),
        extends: None,
        back: None,
    })
}

/// A body as the strict reader gives it: one JSON object, nothing twice in it at any depth.
pub type Body = Result<StrictJson<Box<RawValue>>, Problem>;

/// The text of a body.
///
/// # Errors
/// When the reader refused it, or it is larger than an access request may be.
pub fn text(body: Body) -> Result<Box<RawValue>, Problem> {
    let StrictJson(text) = body?;
    if text.get().len() <= LARGEST_BODY {
        return Ok(text);
    }
    Err(Problem::too_large(format!(
        "An access request has at most {LARGEST_BODY} bytes."
    )))
}

fn version(text: &str) -> Result<(), InvalidDetails> {
    if text == "1.0" {
        Ok(())
    } else {
        Err(InvalidDetails::new("okap", "only version 1.0 is spoken"))
    }
}

fn app(name: &str, url: Option<&str>, place: &str) -> Result<AppIdentity, InvalidDetails> {
    let name = plain_text(name);
    if !(1..=80).contains(&name.chars().count()) {
        return Err(InvalidDetails::new(
            format!("{place}.name"),
            "1 to 80 characters are needed",
        ));
    }
    let url = url.filter(|url| !url.is_empty());
    let checked = url.map(crate::registered_app::address).transpose();
    let url = checked.map_err(|_| {
        InvalidDetails::new(format!("{place}.url"), "an http or https address is needed")
    })?;
    Ok(AppIdentity {
        app: None,
        name,
        url,
        verification: Verification::Unverified,
        registration: None,
    })
}

#[cfg(test)]
mod tests;
