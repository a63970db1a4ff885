//! What is sent to both servers, and what of their answers is compared.

use serde_json::Value;

/// Where an app waits for its browser.
pub const CALLBACK: &str = "https://recipes.test/callback";
/// The same of a native app, at the port that it registered.
pub const LOOPBACK: &str = "http://127.0.0.1:8000/cb";
/// Both servers are this issuer.
pub const ISSUER: &str = "https://vault.example.com";

pub type Parameters = Vec<(String, String)>;

/// A request, as each server gets it.
#[derive(Debug, Clone)]
pub enum Call {
    /// The person's browser at the authorization endpoint, and what the person will say.
    Authorize { query: Parameters, yes: bool },
    /// A form to one of the other endpoints.
    Post {
        path: &'static str,
        form: Parameters,
    },
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub location: Option<String>,
    pub body: Value,
}

impl Reply {
    /// What it comes down to: `direct` to the person, back to the app with a code or an error, a
    /// success, or the error of an endpoint.
    pub fn outcome(&self, call: &Call) -> String {
        if let Some(location) = &self.location {
            let (to, parameters) = location.split_once('?').unwrap_or((location, ""));
            let parameters: Parameters = url::form_urlencoded::parse(parameters.as_bytes())
                .into_owned()
                .collect();
            let get = |name: &str| {
                parameters
                    .iter()
                    .find(|(n, _)| n == name)
                    .map(|(_, value)| value.as_str())
            };
            let what = get("error").unwrap_or(if get("code").is_some() {
                "code"
            } else {
                "nothing"
            });
            return format!(
                "to {to}: {what}, state {:?}, iss {:?}",
                get("state"),
                get("iss")
            );
        }
        if matches!(call, Call::Authorize { .. }) {
            // What stands on the page is for people, and no two servers say it alike.
            return "direct".to_owned();
        }
        match self.status {
            200 | 201 => "done".to_owned(),
            status => match self.body["error"].as_str() {
                Some(error) => format!("{error} {status}"),
                None => format!("nothing {status}"),
            },
        }
    }

    /// The code in the address that the browser is sent to.
    pub fn code(&self) -> Option<String> {
        let (_, query) = self.location.as_ref()?.split_once('?')?;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(name, _)| name == "code")
            .map(|(_, code)| code.into_owned())
    }

    pub fn text(&self, member: &str) -> Option<String> {
        self.body[member].as_str().map(str::to_owned)
    }
}

pub fn encoded(parameters: &Parameters) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish()
}
