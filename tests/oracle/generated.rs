//! Sessions that a number makes: what apps send, mostly right, often a little wrong.

use serde_json::json;

use crate::server::{CALLBACK, Call, LOOPBACK, Parameters};

/// The example of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const NOBODY: &str = "app_00000000000070008000000000000000";

/// SplitMix64.
pub struct Seeded(pub u64);

impl Seeded {
    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % most as u64).unwrap()
    }

    /// The first, half of the time; else one of the others.
    fn mostly<T: Copy>(&mut self, of: &[T]) -> T {
        if self.below(2) == 0 {
            of[0]
        } else {
            of[self.below(of.len())]
        }
    }
}

/// One thing that happens. Numbers choose among what there is by then.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    Authorize {
        client: usize,
        wrong: &'static str,
        yes: bool,
    },
    Push {
        client: usize,
        wrong: &'static str,
    },
    OpenPushed {
        which: usize,
        client: usize,
    },
    Redeem {
        which: usize,
        wrong: &'static str,
    },
    Renew {
        which: usize,
        wrong: &'static str,
    },
    Revoke {
        which: usize,
        wrong: &'static str,
    },
    Later(i64),
}

const ASKED_WRONG: [&str; 24] = [
    "",
    "native port",
    "no client_id",
    "unknown client_id",
    "client_id twice",
    "no redirect_uri",
    "redirect_uri with a slash",
    "redirect_uri elsewhere",
    "redirect_uri twice",
    "redirect_uri with a fragment",
    "native host by name",
    "no response_type",
    "response_type token",
    "no code_challenge",
    "code_challenge short",
    "no code_challenge_method",
    "code_challenge_method plain",
    "authorization_details no JSON",
    "authorization_details of another type",
    "authorization_details not an array",
    "state twice",
    "no state",
    "unknown parameter",
    "response_type twice",
];
const REDEEMED_WRONG: [&str; 13] = [
    "",
    "no code",
    "unknown code",
    "no code_verifier",
    "code_verifier of another",
    "code_verifier short",
    "no redirect_uri",
    "redirect_uri elsewhere",
    "another client",
    "unknown client_id",
    "no client_id",
    "no grant_type",
    "grant_type unknown",
];
const RENEWED_WRONG: [&str; 6] = [
    "",
    "no refresh_token",
    "unknown refresh_token",
    "another client",
    "unknown client_id",
    "an access token",
];
const REVOKED_WRONG: [&str; 5] = [
    "",
    "no token",
    "unknown token",
    "another client",
    "unknown client_id",
];

impl Step {
    pub fn of(seeded: &mut Seeded) -> Self {
        let which = seeded.below(8);
        let client = usize::from(seeded.below(3) == 0);
        match seeded.below(16) {
            0..=4 => Self::Authorize {
                client,
                wrong: seeded.mostly(&ASKED_WRONG),
                yes: seeded.below(6) > 0,
            },
            5 => Self::Push {
                client,
                wrong: seeded.mostly(&ASKED_WRONG),
            },
            6 => Self::OpenPushed { which, client },
            7..=10 => Self::Redeem {
                which,
                wrong: seeded.mostly(&REDEEMED_WRONG),
            },
            11 | 12 => Self::Renew {
                which,
                wrong: seeded.mostly(&RENEWED_WRONG),
            },
            13 => Self::Revoke {
                which,
                wrong: seeded.mostly(&REVOKED_WRONG),
            },
            _ => Self::Later([1, 58, 59, 60, 61, 3_599, 3_601][seeded.below(7)]),
        }
    }

    /// What the table of differences knows it by.
    pub fn name(&self) -> String {
        let (what, wrong) = match self {
            Self::Authorize { wrong, .. } => ("authorize", *wrong),
            Self::Push { wrong, .. } => ("push", *wrong),
            Self::OpenPushed { .. } => ("open pushed", ""),
            Self::Redeem { wrong, .. } => ("redeem", *wrong),
            Self::Renew { wrong, .. } => ("renew", *wrong),
            Self::Revoke { wrong, .. } => ("revoke", *wrong),
            Self::Later(_) => ("later", ""),
        };
        if wrong.is_empty() {
            what.to_owned()
        } else {
            format!("{what}: {wrong}")
        }
    }
}

fn pairs(of: &[(&str, &str)]) -> Parameters {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn set(parameters: &mut Parameters, name: &str, value: &str) {
    parameters.retain(|(n, _)| n != name);
    parameters.push((name.to_owned(), value.to_owned()));
}

/// Breaks one parameter as `wrong` says; the clients are the sender's own and the other one.
fn break_one(parameters: &mut Parameters, wrong: &str, other: &str) {
    if let Some(name) = wrong.strip_prefix("no ").filter(|name| !name.contains(' ')) {
        parameters.retain(|(n, _)| n != name);
        return;
    }
    if let Some(name) = wrong.strip_suffix(" twice") {
        let again = if name == "redirect_uri" {
            "https://evil.test/"
        } else {
            "again"
        };
        parameters.push((name.to_owned(), again.to_owned()));
        return;
    }
    let (name, value) = match wrong {
        "native port" => ("redirect_uri", "http://127.0.0.1:51234/cb".to_owned()),
        "native host by name" => ("redirect_uri", "http://localhost:8000/cb".to_owned()),
        "redirect_uri with a slash" => ("redirect_uri", format!("{CALLBACK}/")),
        "redirect_uri with a fragment" => ("redirect_uri", format!("{CALLBACK}#x")),
        "redirect_uri elsewhere" => ("redirect_uri", LOOPBACK.replace("/cb", "/elsewhere")),
        "unknown client_id" => ("client_id", NOBODY.to_owned()),
        "another client" => ("client_id", other.to_owned()),
        "response_type token" => ("response_type", "token".to_owned()),
        "code_challenge short" => ("code_challenge", "short".to_owned()),
        "code_challenge_method plain" => ("code_challenge_method", "plain".to_owned()),
        "authorization_details no JSON" => ("authorization_details", "{".to_owned()),
        "authorization_details of another type" => (
            "authorization_details",
            r#"[{"type":"payment"}]"#.to_owned(),
        ),
        "authorization_details not an array" => (
            "authorization_details",
            r#"{"type":"ai_model_access"}"#.to_owned(),
        ),
        "unknown parameter" => ("wibble", "x".to_owned()),
        "code_verifier of another" => ("code_verifier", "x".repeat(43)),
        "code_verifier short" => ("code_verifier", "short".to_owned()),
        "unknown code" => ("code", "nonsense".to_owned()),
        "grant_type unknown" => ("grant_type", "password".to_owned()),
        "unknown refresh_token" => ("refresh_token", "nonsense".to_owned()),
        "unknown token" => ("token", "nonsense".to_owned()),
        _ => return,
    };
    set(parameters, name, &value);
}

/// A good authorization request of a client, with this wrong in it.
pub fn asking(client: &str, other: &str, state: usize, wrong: &str) -> Parameters {
    let details =
        json!([{"type": "ai_model_access", "provider": "openai", "models": ["gpt-4o-mini"]}])
            .to_string();
    let mut parameters = pairs(&[
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("authorization_details", &details),
        ("state", &format!("state {state}")),
    ]);
    break_one(&mut parameters, wrong, other);
    parameters
}

pub fn redeeming(
    (client, other): (&str, &str),
    code: &str,
    redirect_uri: &str,
    wrong: &str,
) -> Call {
    let mut form = pairs(&[
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("client_id", client),
        ("redirect_uri", redirect_uri),
    ]);
    break_one(&mut form, wrong, other);
    Call::Post {
        path: "/oauth/token",
        form,
    }
}

pub fn renewing((client, other): (&str, &str), token: &str, wrong: &str) -> Call {
    let mut form = pairs(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", client),
    ]);
    break_one(&mut form, wrong, other);
    Call::Post {
        path: "/oauth/token",
        form,
    }
}

pub fn about(path: &'static str, (client, other): (&str, &str), token: &str, wrong: &str) -> Call {
    let mut form = pairs(&[("token", token), ("client_id", client)]);
    break_one(&mut form, wrong, other);
    Call::Post { path, form }
}
