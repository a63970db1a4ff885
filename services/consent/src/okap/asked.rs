//! What apps send: the OKAP 1.0 form and the flat form.

use events::{AppIdentity, RequestedDetail, Verification};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use server::{Problem, StrictJson};

use crate::access_request::details::{self, InvalidDetails, Members, plain_text};

/// The largest body of an access request, in bytes.
pub const LARGEST_BODY: usize = 16 * 1024;

/// What an app asked for, checked.
#[derive(Debug)]
pub struct Asked {
    /// Who says it asks. Unverified: a name that anyone can type.
    pub app: AppIdentity,
    /// What for.
    pub details: Vec<RequestedDetail>,
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

/// Reads an OKAP 1.0 request.
///
/// # Errors
/// Names the member that breaks a rule.
pub fn okap(body: &str, now: Timestamp) -> Result<Asked, InvalidDetails> {
    let wire: OkapBody<'_> = details::object(body, "body")?;
    version(&wire.okap)?;
    let client: OkapClient = details::object(wire.client.get(), "client")?;
    if client.callback.is_some() {
        return Err(InvalidDetails::new(
            "client.callback",
            "not offered yet; collect the answer at poll_url",
        ));
    }
    Ok(Asked {
        app: app(&client.name, client.url.as_deref(), "client")?,
        details: details::parse(wire.authorization_details.get(), now)?,
    })
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
    let checked = url
        .map(crate::registered_app::http::checked_url)
        .transpose();
    let url = checked.map_err(|_| {
        InvalidDetails::new(format!("{place}.url"), "an http or https address is needed")
    })?;
    Ok(AppIdentity {
        app: None,
        name,
        url,
        verification: Verification::Unverified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_the_released_sdk_sends_is_understood() {
        let body = r#"{"okap":"1.0","provider":"openai","models":["gpt-4","gpt-4o-mini"],"capabilities":["chat"],"limits":{"monthly_spend":10.0},"reason":"For AI-powered features","app_name":"My AI App","app_url":"https://app.test"}"#;
        let asked = flat(body, now()).unwrap();
        assert_eq!(asked.app.name, "My AI App");
        assert_eq!(
            asked.details[0].limits.monthly_spend,
            Some(money::Nanodollars::from_dollars(10))
        );
    }

    #[test]
    fn each_odd_request_is_refused_by_the_rule_it_breaks() {
        for (body, place) in [
            (r#"{"#, "body"),
            (r#"{"okap":"2.0","provider":"openai"}"#, "okap"),
            (
                r#"{"okap":"1.0","provider":"openai","provider":"google"}"#,
                "body",
            ),
            (r#"{"okap":"1.0","provider":"nobody"}"#, "request.provider"),
            (r#"{"okap":"1.0","provider":"mistral"}"#, "request.provider"),
            (
                r#"{"okap":"1.0","provider":"openai","expires":"tomorrow"}"#,
                "request.expires",
            ),
            (
                r#"{"okap":"1.0","provider":"openai","expires":"2020-01-01"}"#,
                "request.expires",
            ),
            (
                r#"{"okap":"1.0","provider":"openai","limits":{"monthly_spend":-1}}"#,
                "request.limits.monthly_spend",
            ),
            (
                r#"{"okap":"1.0","provider":"openai","limits":{"monthly_spend":"10"}}"#,
                "request.limits.monthly_spend",
            ),
            (
                r#"{"okap":"1.0","provider":"openai","limits":{"monthly_spend":1e400}}"#,
                "request.limits.monthly_spend",
            ),
            (
                r#"{"okap":"1.0","provider":"openai","limits":{"monthly_spend":0}}"#,
                "request.limits.monthly_spend",
            ),
            (
                r#"{"okap":"1.0","provider":"openai","limits":{"requests_per_minute":1.5}}"#,
                "request.limits.requests_per_minute",
            ),
            (
                r#"{"okap":"1.0","provider":"openai","limits":{"yearly":1}}"#,
                "request.limits",
            ),
            (
                r#"{"okap":"1.0","provider":"openai","capabilities":["fly"]}"#,
                "request.capabilities",
            ),
            (
                r#"{"okap":"1.0","provider":"openai","models":["gpt*4"]}"#,
                "request.models",
            ),
            (
                r#"{"okap":"1.0","provider":"openai","models":"gpt-4"}"#,
                "request.models",
            ),
            (
                r#"{"okap":"1.0","provider":"openai","app_url":"javascript:alert(1)"}"#,
                "request.url",
            ),
            (r#"{"okap":"1.0","provider":"openai","admin":true}"#, "body"),
            (
                r#"["1.0","openai",null,null,null,null,null,null,null,null]"#,
                "body",
            ),
        ] {
            assert_eq!(flat(body, now()).unwrap_err().place, place, "{body}");
        }
    }

    #[test]
    fn unknown_types_and_members_of_details_are_refused() {
        let okap_of = |details: &str| {
            let body = format!(
                r#"{{"okap":"1.0","authorization_details":{details},"client":{{"name":"App"}}}}"#
            );
            okap(&body, now())
                .map(|asked| asked.details.len())
                .map_err(|e| e.place)
        };
        let place = |place: &str| Err(place.to_owned());
        assert_eq!(
            okap_of(r#"[{"type":"ai_model_access","provider":"openai"}]"#),
            Ok(1)
        );
        assert_eq!(okap_of("[]"), place("authorization_details"));
        assert_eq!(okap_of("{}"), place("authorization_details"));
        assert_eq!(
            okap_of(r#"[{"type":"payment","provider":"openai"}]"#),
            place("authorization_details[0].type")
        );
        assert_eq!(
            okap_of(r#"[{"type":"ai_model_access","provider":"openai","base_url":"x"}]"#),
            place("authorization_details[0]")
        );
        assert_eq!(
            okap_of(
                r#"[{"type":"ai_model_access","provider":"openai"},{"type":"ai_model_access","provider":"openai"}]"#
            ),
            place("authorization_details[1].provider")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(body in ".{0,300}") {
            drop(flat(&body, now()));
            drop(okap(&body, now()));
        }

        #[test]
        fn no_member_makes_it_panic(name in "models|capabilities|limits|expires|reason|app_url", value in "[0-9eE.,:\"a-z*{}\\[\\]-]{0,30}") {
            let body = format!(r#"{{"okap":"1.0","provider":"openai","{name}":{value}}}"#);
            drop(flat(&body, now()));
        }
    }
}
