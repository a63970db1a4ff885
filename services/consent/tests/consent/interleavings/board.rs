//! What has happened so far: what anybody can see, what each caller has, and what came out.

use std::{cell::RefCell, collections::HashMap};

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{answer::parameters_of, world::Answer};

/// A code as it stood in an address, and the request that it was for.
#[derive(Debug, Clone)]
pub struct SeenCode {
    pub request: String,
    pub code: String,
}

#[derive(Default)]
pub struct Seen {
    /// Every request id that was in any answer. Ids are no secrets.
    pub requests: Vec<String>,
    /// Every code that was in any address: as if each address leaked.
    pub codes: Vec<SeenCode>,
    /// Whose call each was.
    pub calls: HashMap<Uuid, usize>,
    /// What each caller was given, token by token.
    pub received: Vec<(usize, String)>,
    /// What the person approved, and when.
    pub approved: HashMap<String, Timestamp>,
    pub denied: Vec<String>,
    /// Callers that are held, by the call that is.
    pub held: HashMap<usize, Uuid>,
    /// The calls that ask, in the order in which they began.
    pub asking: Vec<Uuid>,
    /// How many of those have no answer yet.
    pub unanswered: usize,
    /// Whether the last answer to a caller was that there is none at the moment.
    pub turned_away: bool,
    log: Vec<String>,
}

/// The same, for everybody who takes part.
#[derive(Default)]
pub struct Board(RefCell<Seen>);

impl Board {
    pub fn see<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.borrow_mut())
    }

    pub fn has_token(&self, caller: usize) -> bool {
        self.see(|seen| seen.received.iter().any(|(who, _)| *who == caller))
    }

    /// A code of this request, if one was in an address.
    pub fn code_for(&self, request: &str) -> Option<String> {
        self.see(|seen| {
            let found = seen.codes.iter().find(|seen| seen.request == request);
            found.map(|found| found.code.clone())
        })
    }

    /// What a caller is answered: every token in it counts as received.
    pub fn answered(&self, caller: usize, what: &str, answer: &Answer) {
        let everything = format!("{:?} {}", answer.headers, answer.body);
        self.see(|seen| {
            seen.log
                .push(format!("caller {caller}: {what} → {}", answer.status));
            seen.turned_away = answer.status == 503;
            let tokens = tokens_in(&everything);
            seen.received
                .extend(tokens.into_iter().map(|token| (caller, token)));
            if let Some(id) = member(answer, "request_id") {
                seen.note_request(&id);
            }
        });
    }

    /// What the person's browser or program is answered, and where it is sent.
    pub fn decided(&self, what: &str, request: &str, answer: &Answer) {
        let to = match member(answer, "redirect_to") {
            Some(to) => to,
            None => answer.header("location").to_owned(),
        };
        self.see(|seen| {
            seen.log
                .push(format!("person: {what} {request} → {}", answer.status));
            let tokens = tokens_in(&format!("{:?} {}", answer.headers, answer.body));
            assert!(tokens.is_empty(), "the person's browser was given a token");
            let (_, parameters) = parameters_of(&to);
            let code = parameters.into_iter().find(|(name, _)| name == "code");
            seen.codes.extend(code.map(|(_, code)| SeenCode {
                request: request.to_owned(),
                code,
            }));
        });
    }

    pub fn note(&self, what: String) {
        self.see(|seen| seen.log.push(what));
    }

    pub fn story(&self) -> String {
        self.see(|seen| seen.log.join("\n"))
    }
}

impl Seen {
    pub fn note_request(&mut self, id: &str) {
        if !self.requests.iter().any(|known| known == id) {
            self.requests.push(id.to_owned());
        }
    }
}

/// A member of an answer that is JSON, if it is there.
pub fn member(answer: &Answer, name: &str) -> Option<String> {
    let body: Value = serde_json::from_str(&answer.body).ok()?;
    body[name].as_str().map(str::to_owned)
}

fn tokens_in(text: &str) -> Vec<String> {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    text.match_indices("okap_")
        .map(|(at, _)| text[at..].split(ends).next().unwrap_or_default().to_owned())
        .collect()
}
