//! The control: a desk that takes callers with equal bodies for one, and answers whoever comes back.
//! The harness must find it out.

use std::{cell::RefCell, collections::HashMap};

use actix_web::{
    HttpMessage,
    dev::ServiceRequest,
    http::header::{HeaderMap, HeaderName, HeaderValue},
    test::TestRequest,
};
use clock::Clock;
use futures_util::StreamExt;
use ids::{TenantId, UserId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::{Desk, Origin};
use crate::world::{Answer, Person, at};

pub struct Merging {
    clock: Clock,
    person: Person,
    known: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    requests: Vec<Asked>,
    /// Poll secrets, each with the number of its request.
    secrets: HashMap<String, usize>,
}

struct Asked {
    id: String,
    body: String,
    call: Uuid,
    /// `None` while nobody has decided.
    approved: Option<bool>,
}

impl Merging {
    pub fn new() -> Self {
        let clock = Clock::set(at("2026-11-22T12:00:00Z"));
        let person = Person {
            tenant: TenantId::new(clock.now()),
            user: UserId::new(clock.now()),
            token: "program".into(),
            cookie: "cookie".into(),
        };
        Self {
            clock,
            person,
            known: RefCell::default(),
        }
    }

    fn asked(&self, body: String, call: Uuid) -> (u16, Value) {
        let mut known = self.known.borrow_mut();
        let same = known
            .requests
            .iter()
            .position(|asked| asked.body == body && asked.approved.is_none());
        let number = same.unwrap_or(known.requests.len());
        if same.is_none() {
            known.requests.push(Asked {
                id: format!("req_{number:032x}"),
                body,
                call,
                approved: None,
            });
        }
        let secret = format!("ps_{:049}", known.secrets.len());
        known.secrets.insert(secret.clone(), number);
        let id = known.requests[number].id.clone();
        (
            202,
            json!({"status": "pending", "request_id": id, "poll_secret": secret}),
        )
    }

    fn collected(&self, secret: &str) -> (u16, Value) {
        let known = self.known.borrow();
        let Some(number) = known.secrets.get(secret) else {
            return (401, json!({}));
        };
        match known.requests[*number].approved {
            None => (202, json!({"status": "pending"})),
            Some(false) => (200, json!({"status": "denied"})),
            Some(true) => (
                200,
                json!({"status": "granted", "token": format!("okap_{number}")}),
            ),
        }
    }

    fn inbox(&self) -> (u16, Value) {
        let known = self.known.borrow();
        let waiting = known
            .requests
            .iter()
            .filter(|asked| asked.approved.is_none());
        let items: Vec<Value> = waiting.map(|asked| json!({"id": asked.id})).collect();
        (200, json!({"items": items}))
    }

    fn decided(&self, id: &str, yes: bool) -> (u16, Value) {
        let mut known = self.known.borrow_mut();
        let asked = known.requests.iter_mut().find(|asked| asked.id == id);
        match asked.filter(|asked| asked.approved.is_none()) {
            Some(asked) => {
                asked.approved = Some(yes);
                (200, json!({"grant_id": "grant_1"}))
            }
            None => (409, json!({})),
        }
    }
}

fn header<'a>(request: &'a ServiceRequest, name: &str) -> &'a str {
    let value = request.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

async fn body_of(request: &mut ServiceRequest) -> String {
    let mut payload = request.take_payload();
    let mut body = Vec::new();
    while let Some(part) = payload.next().await {
        body.extend_from_slice(&part.unwrap());
    }
    String::from_utf8(body).unwrap()
}

impl Desk for Merging {
    fn person(&self) -> &Person {
        &self.person
    }

    fn address(&self) -> &'static str {
        "abcdefghijklmnopqrstuvwxyz"
    }

    fn client(&self) -> &'static str {
        "app_1"
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn later(&self, span: SignedDuration) {
        self.clock.move_to(self.clock.now() + span);
    }

    async fn send(&self, request: TestRequest) -> Answer {
        let mut request = request.to_srv_request();
        let body = body_of(&mut request).await;
        let call = header(&request, "x-request-id").parse().unwrap_or_default();
        let path = request.path().to_owned();
        let bearer = header(&request, "authorization").trim_start_matches("Bearer ");
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (status, body) = match (request.method().as_str(), parts.as_slice()) {
            ("POST", ["okap", "authorize" | "request"]) => self.asked(body, call),
            (_, ["okap", "requests", _]) => self.collected(bearer),
            ("GET", ["api", "v1", "requests"]) => self.inbox(),
            ("POST", ["api", "v1", "requests", id, deed]) => self.decided(id, *deed == "approve"),
            _ => (404, json!({})),
        };
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(HeaderName::from_static("content-type"), json);
        Answer {
            status,
            headers,
            body: body.to_string(),
        }
    }

    async fn request_of(&self, call: Uuid) -> Option<String> {
        let known = self.known.borrow();
        let asked = known.requests.iter().find(|asked| asked.call == call);
        asked.map(|asked| asked.id.clone())
    }

    async fn origin_of(&self, token: &str) -> Option<Origin> {
        let number: usize = token.strip_prefix("okap_")?.parse().ok()?;
        Some(Origin {
            call: self.known.borrow().requests.get(number)?.call,
            challenge: None,
        })
    }
}
