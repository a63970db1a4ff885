//! Where we mean to differ, each with its reason. One that no session meets any more is an error, too.

use std::sync::Mutex;

/// Another answer.
pub struct Meant {
    pub step: &'static str,
    /// A part of our outcome.
    pub ours: &'static str,
    /// A part of theirs.
    pub theirs: &'static str,
    pub because: &'static str,
}

/// A token that lives at one server alone.
pub struct Living {
    pub step: &'static str,
    /// Whether it lives at ours.
    pub ours: bool,
    pub because: &'static str,
}

const UNPROVEN: &str = "A spent code without its verifier revokes nothing: whoever saw it in an address could end the grant.";
const TWICE: &str = "What stands twice is refused (RFC 6749 section 3.1); they read the first and pass over the rest.";
const MISSING: &str = "What is missing or misshapen is told as that, before the code is looked at; they tell that the code does not fit.";
const NO_CLIENT: &str = "A request without a client_id is incomplete; they take it for a client that failed to prove itself.";
const UNKNOWN: &str = "Who is not known is told so with 401 and a challenge, at every endpoint; they say 400 to who tried no credentials.";

pub const MEANT: &[Meant] = &[
    meant("authorize: client_id twice", "direct", "iss", TWICE),
    meant("authorize: redirect_uri twice", "direct", "iss", TWICE),
    meant("authorize: state twice", "invalid_request", "iss", TWICE),
    meant(
        "authorize: response_type twice",
        "invalid_request",
        "iss",
        TWICE,
    ),
    meant(
        "push: client_id twice",
        "invalid_request 400",
        "done",
        TWICE,
    ),
    meant(
        "push: redirect_uri twice",
        "invalid_request 400",
        "done",
        TWICE,
    ),
    meant("push: state twice", "invalid_request 400", "done", TWICE),
    meant(
        "push: response_type twice",
        "invalid_request 400",
        "done",
        TWICE,
    ),
    meant(
        "redeem: no code_verifier",
        "invalid_request",
        "invalid_grant",
        MISSING,
    ),
    meant(
        "redeem: code_verifier short",
        "invalid_request",
        "invalid_grant",
        MISSING,
    ),
    meant(
        "redeem: no redirect_uri",
        "invalid_request",
        "invalid_grant",
        MISSING,
    ),
    meant(
        "redeem: no client_id",
        "invalid_request",
        "invalid_client",
        NO_CLIENT,
    ),
    meant(
        "push: no client_id",
        "invalid_request",
        "invalid_client",
        NO_CLIENT,
    ),
    meant(
        "redeem: unknown client_id",
        "invalid_client 401",
        "invalid_client 400",
        UNKNOWN,
    ),
    meant(
        "push: unknown client_id",
        "invalid_client 401",
        "invalid_client 400",
        UNKNOWN,
    ),
    meant(
        "renew: unknown client_id",
        "invalid_client 401",
        "invalid_client 400",
        UNKNOWN,
    ),
    meant(
        "revoke: unknown client_id",
        "invalid_client 401",
        "invalid_client 400",
        UNKNOWN,
    ),
];

const fn meant(
    step: &'static str,
    ours: &'static str,
    theirs: &'static str,
    because: &'static str,
) -> Meant {
    Meant {
        step,
        ours,
        theirs,
        because,
    }
}

pub const LIVING: &[Living] = &[
    Living {
        step: "redeem: no code_verifier",
        ours: true,
        because: UNPROVEN,
    },
    Living {
        step: "redeem: code_verifier of another",
        ours: true,
        because: UNPROVEN,
    },
    Living {
        step: "later",
        ours: true,
        because: "An app that does not renew has one token for as long as its grant; theirs last an hour.",
    },
    Living {
        step: "later",
        ours: false,
        because: "A token that was renewed ends a minute later; theirs lives on beside the next one.",
    },
];

static SEEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());

pub fn seen(number: usize) {
    SEEN.lock().unwrap().push(number);
}

pub fn all_were_seen() {
    let seen = SEEN.lock().unwrap();
    let never: Vec<&str> = (0..MEANT.len() + LIVING.len())
        .filter(|number| !seen.contains(number))
        .map(|number| {
            MEANT.get(number).map_or_else(
                || LIVING[number - MEANT.len()].because,
                |meant| meant.because,
            )
        })
        .collect();
    assert!(never.is_empty(), "these differences are gone: {never:#?}");
}
