//! The process is killed at each step between a person's yes and the answer of the app: whoever asked
//! gets its one token afterwards, or the request has ended; never are there two.

mod held;
mod points;
mod process;
mod tickets;

use std::cell::RefCell;

use actix_web::http::Method;
use base64::{Engine, engine::general_purpose::STANDARD};
use clock::Clock;
use ids::TokenDigest;
use serde_json::json;
use sessions::Role;

use self::{
    points::Points,
    process::{Process, Sent},
};
use crate::{
    answer::parameters_of,
    oauth::{CALLBACK, asking, redeeming},
    refresh::renewing,
    world::{Answer, Person, World, detail},
};

/// How the app asks, and so how its answer goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Poll,
    Callback,
    Oauth,
}

/// One request, from the app's and from the person's side.
struct Asked {
    request: String,
    secret: String,
}

struct Stage {
    world: World,
    person: Person,
    handle: String,
    client: String,
    points: Points,
    way: Way,
}

impl Stage {
    async fn set(way: Way) -> Self {
        let world = World::open().await;
        // The process has a clock of its own.
        world.clock.move_to(Clock::system().now());
        let person = world.person(Role::Owner).await;
        world.key(&person, "openai").await;
        let handle = world.handle(&person).await;
        let client = renewing(&world, &person).await;
        let points = Points::set(&world).await;
        Self {
            world,
            person,
            handle,
            client,
            points,
            way,
        }
    }

    async fn ask(&self, process: &Process) -> Asked {
        let credentials = format!("Basic {}", STANDARD.encode(format!("{}:", self.handle)));
        let mut client = json!({"name": "Notebook"});
        if self.way == Way::Callback {
            client["callback"] = json!(CALLBACK);
        }
        let body =
            json!({"okap": "1.0", "authorization_details": [detail(json!({}))], "client": client});
        if self.way != Way::Oauth {
            let ask = Sent::json("/okap/authorize", &body)
                .with("authorization", &credentials)
                .with("prefer", "wait=0");
            let answer = process.send(&ask).await.unwrap();
            return Asked {
                request: answer.text("request_id"),
                secret: answer.text("poll_secret"),
            };
        }
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(asking(&self.client))
            .finish();
        let page = process
            .send(&self.browsing(&format!("/oauth/authorize?{query}")))
            .await
            .unwrap();
        let request = page
            .header("location")
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
        Asked {
            request,
            secret: String::new(),
        }
    }

    fn browsing(&self, path: &str) -> Sent {
        // Without TLS the cookie has another name.
        let cookie = self
            .person
            .cookie
            .replace("__Host-latchkey", "latchkey_session");
        Sent::get(path)
            .with("cookie", &cookie)
            .with("sec-fetch-site", "same-origin")
    }

    /// The person says yes; where the browser goes, if it goes anywhere.
    async fn approve(&self, process: &Process, asked: &Asked) -> Option<Answer> {
        let path = format!("/api/v1/requests/{}/approve", asked.request);
        let token = format!("Bearer {}", self.person.token);
        process
            .send(&Sent::json(&path, &json!({})).with("authorization", &token))
            .await
    }

    /// The code that an answer sends the browser back with.
    fn code_in(answer: &Answer) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let to = body["redirect_to"]
            .as_str()
            .unwrap_or_else(|| answer.header("location"));
        parameters_of(to)
            .1
            .into_iter()
            .find(|(name, _)| name == "code")
            .map(|(_, code)| code)
    }

    /// The app comes for its answer.
    async fn collect(
        &self,
        process: &Process,
        asked: &Asked,
        code: Option<&str>,
    ) -> Option<Answer> {
        let path = format!("/okap/requests/{}", asked.request);
        let secret = format!("Bearer {}", asked.secret);
        let sent = match (self.way, code) {
            (Way::Poll, _) | (Way::Callback, None) => Sent::get(&path),
            (Way::Callback, Some(code)) => Sent::json(&path, &json!({"code": code})),
            (Way::Oauth, code) => {
                return process
                    .send(&Sent::form(
                        "/oauth/token",
                        &redeeming(&self.client, code.unwrap_or("oc_none")),
                    ))
                    .await;
            }
        };
        process.send(&sent.with("authorization", &secret)).await
    }

    /// Everything from the yes to the token, as far as it comes; the code, once the app has it, is kept.
    async fn whole(
        &self,
        process: &Process,
        asked: &Asked,
        code: &RefCell<Option<String>>,
    ) -> Option<Answer> {
        let approved = self.approve(process, asked).await?;
        *code.borrow_mut() = Self::code_in(&approved);
        let known = code.borrow().clone();
        self.collect(process, asked, known.as_deref()).await
    }

    /// What is left to do after the process is there again: by the person, by their browser, by the app.
    async fn resume(
        &self,
        process: &Process,
        asked: &Asked,
        known: Option<String>,
    ) -> Option<String> {
        let approved = self.approve(process, asked).await.unwrap();
        let mut code = known;
        if approved.status == 200 {
            code = Self::code_in(&approved);
        } else {
            assert_eq!(approved.status, 409, "{}", approved.body);
            if code.is_none() && self.way == Way::Oauth {
                let page = process
                    .send(&self.browsing(&format!("/requests/{}", asked.request)))
                    .await
                    .unwrap();
                code = Self::code_in(&page);
            }
        }
        let answer = self.collect(process, asked, code.as_deref()).await.unwrap();
        assert!(
            matches!(answer.status, 200 | 400 | 409 | 410),
            "{} {}",
            answer.status,
            answer.body
        );
        token_of(&answer)
    }

    /// How many tokens were ever made for a request, and how many of them live.
    async fn tokens(&self, asked: &Asked) -> (i64, i64) {
        let of = |what: &str| {
            format!(
                "SELECT count({what}) FROM consent.grant_access a JOIN consent.grants g ON g.grant_id = a.grant_id
                  WHERE g.request_id = '{}'",
                crate::world::request_id(&asked.request).uuid()
            )
        };
        (
            self.world.look(&of("*")).await,
            self.world
                .look(&of("CASE WHEN a.closed_at IS NULL THEN 1 END"))
                .await,
        )
    }

    /// The person ends whatever they see under connected apps; then no token lives.
    async fn ends_everything(&self) {
        let grants = self.world.get(&self.person, "/grants?limit=100").await;
        for grant in grants.json()["items"].as_array().unwrap() {
            let path = format!("/grants/{}/revoke", grant["id"].as_str().unwrap());
            self.world
                .done(&self.person, Method::POST, &path, None)
                .await;
        }
        assert_eq!(self.world.live_tokens().await, 0);
    }

    async fn is_live(&self, token: &str) -> bool {
        let digest = TokenDigest::of(token).to_hex();
        let sql = format!(
            "SELECT count(*) FROM consent.grant_access WHERE token_digest = '\\x{digest}' AND closed_at IS NULL"
        );
        self.world.look::<i64>(&sql).await == 1
    }
}

fn token_of(answer: &Answer) -> Option<String> {
    let body = answer.json();
    ["token", "access_token"]
        .iter()
        .find_map(|name| body[name].as_str())
        .or_else(|| body["token"]["token"].as_str())
        .map(str::to_owned)
}

/// Kills at each point in turn until none is left; gives how many there were, and after how many of
/// them the app had its token.
async fn killed_everywhere(way: Way) -> (i64, i64) {
    let stage = Stage::set(way).await;
    let mut process = Process::start(&stage.world).await;
    let (mut point, mut collected) = (0, 0);
    loop {
        point += 1;
        let asked = stage.ask(&process).await;
        stage.points.choose(point).await;
        let code = RefCell::default();
        let mut whole = Box::pin(stage.whole(&process, &asked, &code));
        if let Some(outcome) = stage.points.unless_reached(&mut whole).await {
            // Nobody was at this point any more: the one before was the last.
            stage.points.release().await;
            let answer = outcome.unwrap();
            assert!(
                token_of(&answer).is_some(),
                "{way:?} at {point}: {} {}",
                answer.status,
                answer.body
            );
            println!(
                "{way:?}: {} points, the token collected after {collected}",
                point - 1
            );
            return (point - 1, collected);
        }
        drop(whole);
        process.kill();
        stage.points.release().await;
        let before = stage.tokens(&asked).await;
        assert!(before.0 <= 1, "{way:?} at {point}: {before:?}");
        process = Process::start(&stage.world).await;
        let token = stage.resume(&process, &asked, code.into_inner()).await;
        let (ever, live) = stage.tokens(&asked).await;
        assert!(
            ever <= 1 && live <= 1,
            "{way:?} at {point}: {ever} tokens, {live} live"
        );
        if let Some(token) = token {
            assert!(stage.is_live(&token).await, "{way:?} at {point}");
            collected += 1;
        }
        let state = stage
            .world
            .get(&stage.person, &format!("/requests/{}", asked.request))
            .await;
        assert_ne!(state.text("state"), "pending", "{way:?} at {point}");
        // Who comes once more gets nothing more.
        let again = stage
            .world
            .api(
                &stage.person,
                Method::POST,
                &format!("/requests/{}/approve", asked.request),
                Some(json!({})),
            )
            .await;
        assert_eq!(again.status, 409);
    }
}

#[actix_web::test]
async fn a_kill_between_a_yes_and_a_collected_token_leaves_one_token_or_none() {
    let (points, collected) = killed_everywhere(Way::Poll).await;
    // Only who was being answered at the moment of the commit cannot come again.
    assert!(
        points >= 8 && collected >= points - 2,
        "{points} {collected}"
    );
}

#[actix_web::test]
async fn a_kill_between_a_yes_and_a_callback_s_code_leaves_one_token_or_none() {
    let (points, collected) = killed_everywhere(Way::Callback).await;
    assert!(
        points >= 9 && collected >= points - 5,
        "{points} {collected}"
    );
}

#[actix_web::test]
async fn a_kill_between_a_yes_and_a_redeemed_code_leaves_one_token_or_none() {
    let (points, collected) = killed_everywhere(Way::Oauth).await;
    assert!(
        points >= 10 && collected >= points - 2,
        "{points} {collected}"
    );
}
