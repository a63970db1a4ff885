//! What a caller sends.

use actix_web::test::TestRequest;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    board::{Board, member},
    desk::Desk,
    plan::{Caller, Move, Way},
};
use crate::{
    oauth::CALLBACK,
    world::{Answer, detail},
};

/// One who asks, and what it has to come back with.
pub struct Asker<'a, D> {
    pub number: usize,
    pub desk: &'a D,
    pub board: &'a Board,
    pub plan: &'a Caller,
    /// The id of its one call that asks, and of all that it does besides.
    pub calls: (Uuid, Uuid),
}

/// What its own request is known by, to it alone.
#[derive(Default)]
pub struct Own {
    request: Option<String>,
    secret: Option<String>,
}

/// Nobody knows another's verifier.
pub fn verifier(caller: usize) -> String {
    format!("{caller}").repeat(43)
}

pub fn challenge(caller: usize) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier(caller).as_bytes()))
}

impl<D: Desk> Asker<'_, D> {
    /// Does all that it means to do, one thing after the other.
    pub async fn act(&self, own: &std::cell::RefCell<Own>) {
        for next in &self.plan.moves {
            self.do_one(own, *next).await;
        }
    }

    pub async fn do_one(&self, own: &std::cell::RefCell<Own>, next: Move) {
        let (request, secret) = {
            let own = own.borrow();
            (own.request.clone(), own.secret.clone())
        };
        let secret = secret.unwrap_or_else(|| format!("ps_{}", "0".repeat(49)));
        let of_board = |number: usize| {
            self.board.see(|seen| {
                let count = seen.requests.len().max(1);
                seen.requests.get(number % count).cloned()
            })
        };
        match next {
            Move::Ask => self.ask(own).await,
            Move::Collect => self.collect(request, &secret).await,
            Move::PollAnother(number) => {
                if let Some(id) = of_board(number) {
                    self.poll("polls another's", &id, Some(&secret)).await;
                }
            }
            Move::PollWithout(number) => {
                if let Some(id) = of_board(number) {
                    let known = [None, Some(id.as_str()), Some(self.desk.address())];
                    self.poll("polls without a secret", &id, known[number % 3])
                        .await;
                }
            }
            Move::Guess(number) => {
                if let Some(id) = of_board(number) {
                    let near = format!("{}{:x}", &id[..id.len() - 1], number % 16);
                    self.poll("guesses", &near, Some(&secret)).await;
                }
            }
            Move::SendCode { code, to_own } => {
                let Some(seen) = self.seen_code(code) else {
                    return;
                };
                let to = request.filter(|_| to_own).unwrap_or(seen.request);
                self.send_code("sends a code to", &to, &secret, &seen.code)
                    .await;
            }
            Move::Redeem { code, proof } => {
                let Some(seen) = self.seen_code(code) else {
                    return;
                };
                let proofs = [verifier(self.number), challenge(0), String::new()];
                self.redeem("redeems another's code", &seen.code, &proofs[proof])
                    .await;
            }
        }
    }

    fn seen_code(&self, number: usize) -> Option<super::board::SeenCode> {
        self.board.see(|seen| {
            let count = seen.codes.len().max(1);
            seen.codes.get(number % count).cloned()
        })
    }

    async fn ask(&self, own: &std::cell::RefCell<Own>) {
        let call = self.calls.0;
        self.board.see(|seen| {
            seen.asking.push(call);
            seen.unanswered += 1;
            seen.calls.insert(call, self.number);
            if matches!(self.plan.way, Way::Held | Way::Flat) {
                seen.held.insert(self.number, call);
            }
        });
        let answer = self.send("asks", self.asking(), call).await;
        self.board.see(|seen| {
            seen.unanswered -= 1;
            seen.held.remove(&self.number);
        });
        let mut request = member(&answer, "request_id");
        if self.plan.way == Way::Oauth {
            let page = answer.header("location").rsplit('/').next();
            request = page.filter(|id| id.starts_with("req_")).map(str::to_owned);
        }
        if let Some(id) = &request {
            self.board.see(|seen| seen.note_request(id));
        }
        *own.borrow_mut() = Own {
            request,
            secret: member(&answer, "poll_secret"),
        };
    }

    fn asking(&self) -> TestRequest {
        let details = json!([detail(json!({}))]);
        let credentials = STANDARD.encode(format!("{}:", self.desk.address()));
        let at = |path: &str| {
            let request = TestRequest::post().uri(path);
            request.insert_header(("authorization", format!("Basic {credentials}")))
        };
        let mut client = json!({"name": "Notebook"});
        if self.plan.way == Way::Callback {
            client["callback"] = json!(CALLBACK);
        }
        let body = json!({"okap": "1.0", "authorization_details": details, "client": client});
        match self.plan.way {
            Way::Poll => at("/okap/authorize").insert_header(("prefer", "wait=0")).set_json(body),
            Way::Held => at("/okap/authorize").insert_header(("prefer", "wait=25")).set_json(body),
            Way::Callback => at("/okap/authorize").set_json(body),
            Way::Flat => at("/okap/request").set_json(json!({
                "okap": "1.0", "provider": "openai", "models": ["gpt-4o-mini"], "app_name": "Notebook"})),
            Way::Oauth => {
                let whose = if self.plan.copies_challenge { 0 } else { self.number };
                let query = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("response_type", "code")
                    .append_pair("client_id", self.desk.client())
                    .append_pair("redirect_uri", CALLBACK)
                    .append_pair("code_challenge", &challenge(whose))
                    .append_pair("code_challenge_method", "S256")
                    .append_pair("authorization_details", &details.to_string())
                    .finish();
                // A link that the person follows.
                let link = TestRequest::get().uri(&format!("/oauth/authorize?{query}"));
                self.desk.person().browsing(link)
            }
        }
    }

    async fn collect(&self, request: Option<String>, secret: &str) {
        // Whoever has its token does not come again.
        let Some(id) = request.filter(|_| !self.board.has_token(self.number)) else {
            return;
        };
        match (self.plan.way, self.board.code_for(&id)) {
            (Way::Oauth, Some(code)) => {
                self.redeem("redeems its code", &code, &verifier(self.number))
                    .await;
            }
            (Way::Oauth, None) => {}
            (Way::Callback, Some(code)) => {
                self.send_code("sends its code to", &id, secret, &code)
                    .await;
            }
            _ => self.poll("collects", &id, Some(secret)).await,
        }
    }

    async fn poll(&self, what: &str, id: &str, secret: Option<&str>) {
        let mut get = TestRequest::get().uri(&format!("/okap/requests/{id}"));
        if let Some(secret) = secret {
            get = get.insert_header(("authorization", format!("Bearer {secret}")));
        }
        self.send(&format!("{what} {id}"), get, self.calls.1).await;
    }

    async fn send_code(&self, what: &str, id: &str, secret: &str, code: &str) {
        let post = TestRequest::post()
            .uri(&format!("/okap/requests/{id}"))
            .insert_header(("authorization", format!("Bearer {secret}")))
            .set_json(json!({"code": code}));
        self.send(&format!("{what} {id}"), post, self.calls.1).await;
    }

    async fn redeem(&self, what: &str, code: &str, verifier: &str) {
        let post = TestRequest::post().uri("/oauth/token").set_form([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("client_id", self.desk.client()),
            ("redirect_uri", CALLBACK),
        ]);
        self.send(what, post, self.calls.1).await;
    }

    async fn send(&self, what: &str, request: TestRequest, call: Uuid) -> Answer {
        let request = request.insert_header(("x-request-id", call.to_string()));
        let answer = self.desk.send(request).await;
        self.board.answered(self.number, what, &answer);
        answer
    }
}
