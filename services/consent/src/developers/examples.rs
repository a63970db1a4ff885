//! The examples, taken from the very files that the tests run.

/// One file.
pub(super) struct Example {
    /// Its name, unique on the page.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// What to know before.
    pub before: &'static str,
    /// Every byte of it.
    pub text: &'static str,
}

/// Takes a file of `tests/examples` as it is.
macro_rules! example {
    ($name:literal, $title:literal, $before:literal) => {
        Example {
            name: $name,
            title: $title,
            before: $before,
            text: include_str!(concat!("../../../../tests/examples/", $name)),
        }
    };
}

/// To a first answer, with nothing but a terminal.
pub(super) const FIRST: [Example; 2] = [
    example!(
        "connect.sh",
        "A token, from a connect ticket",
        "Make a ticket under “Connect an app” with the sandbox within its ceiling. It works once, \
         so keep the token that this prints."
    ),
    example!(
        "call.sh",
        "A call",
        "The token stands where a provider key stood. Everything else is as the provider has it."
    ),
];

/// How an app asks a person.
pub(super) const ASKING: [Example; 5] = [
    example!(
        "oauth_code.py",
        "A web redirect in Python, with Authlib",
        "Needs authlib, httpx and openai. Register the app for authorization_code and \
         refresh_token, with the redirect URI http://127.0.0.1/callback."
    ),
    example!(
        "oauth_code.mjs",
        "A web redirect in JavaScript, with openid-client",
        "Needs openid-client. Registered like the one before."
    ),
    example!(
        "device.sh",
        "By code in a terminal, with curl",
        "Needs curl and jq. Register the app for device codes alone."
    ),
    example!(
        "device.mjs",
        "By code in JavaScript, with openid-client",
        "Needs openid-client. Registered like the one before."
    ),
    example!(
        "okap_sdk.py",
        "At an address in Python, with the OKAP SDK",
        "Needs okap and openai, and a ticket or a handle from “Connect an app”; no registration."
    ),
];

/// How an app calls, and what it does when a call fails.
pub(super) const CALLING: [Example; 2] = [
    example!(
        "vercel_ai.mjs",
        "In JavaScript, with the Vercel AI SDK",
        "Needs ai and @ai-sdk/openai."
    ),
    example!(
        "errors.py",
        "In Python: every error, and what to do",
        "Needs openai. Each of the sandbox's models fails in its own way."
    ),
];
