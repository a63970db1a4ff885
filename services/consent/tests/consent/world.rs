//! The consent service on real servers, the people in it, and what is needed to call it.

use std::time::Duration;

use actix_web::{
    body::to_bytes,
    http::Method,
    test::{TestRequest, call_service, init_service},
};
use clock::Clock;
use consent::{App, access_request::Requests, vault::Vault};
use ids::{RequestId, TenantId, UserId};
use jiff::{SignedDuration, Timestamp};
use postgres::{Postgres, Scope};
use serde_json::{Value, json};
use server::{Environment, ServerSettings, Site, Surface};
use sessions::{ApiTokenRecord, Role, SessionRecord, Sessions};

pub use crate::{
    answer::{Answer, parameters_of},
    asked::{asking, detail},
    parts::{bus, pool, vault_over},
    person::Person,
};
use crate::{
    parts::{HERE, app, vault},
    scratch::{Scratch, redis_url},
};

pub const ORIGIN: &str = "https://vault.example.com";

/// A running consent service with everything it needs.
pub struct World {
    pub clock: Clock,
    pub scratch: Scratch,
    pub app: App,
    /// The same rooms without HTTP, as another process has them.
    pub vault: Vault,
    surface: Surface,
    site: Site,
}

impl World {
    pub async fn open() -> Self {
        Self::open_with(&redis_url()).await
    }

    /// A world whose Redis is elsewhere.
    pub async fn open_with(redis_url: &str) -> Self {
        let scratch = Scratch::new().await;
        let clock = Clock::set(at("2026-11-22T12:00:00Z"));
        let sessions = Sessions::new(pool(&scratch, "auth", 4), clock.clone());
        let server = ServerSettings {
            public_url: ORIGIN.parse().unwrap(),
            ..ServerSettings::default()
        };
        let site = Site::new(&server, sessions);
        let surface = Surface::new(site.clone());
        let app = app(&scratch, &site, &clock, redis_url, HERE);
        let vault = vault(&scratch, &clock);
        Self {
            clock,
            scratch,
            app,
            vault,
            surface,
            site,
        }
    }

    /// The service as it is after a restart: nothing in memory.
    pub fn restarted(&mut self) {
        self.restarted_as(HERE.0, HERE.1);
    }

    /// The same in another environment, and with apps that register openly or not.
    pub fn restarted_as(&mut self, environment: Environment, open_registration: bool) {
        let settings = (environment, open_registration);
        self.app = app(
            &self.scratch,
            &self.site,
            &self.clock,
            &redis_url(),
            settings,
        );
    }

    pub fn requests(&self) -> Requests {
        Requests::new(self.vault.clone())
    }

    pub fn later(&self, span: SignedDuration) {
        self.clock.move_to(self.clock.now() + span);
    }

    pub async fn person(&self, role: Role) -> Person {
        self.member(TenantId::new(self.clock.now()), role).await
    }

    pub async fn member(&self, tenant: TenantId, role: Role) -> Person {
        let postgres = pool(&self.scratch, "auth", 1);
        sign_in(&self.site, &postgres, &self.clock, (tenant, role)).await
    }

    /// Sends any request.
    pub async fn send(&self, request: TestRequest) -> Answer {
        let app = self.app.clone();
        let service = init_service(self.surface.app(move |config| app.routes(config))).await;
        let response = call_service(&service, request.to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = to_bytes(response.into_body()).await.unwrap_or_default();
        Answer {
            status,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// Calls the management API as a program of this person.
    pub async fn api(
        &self,
        person: &Person,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let request = TestRequest::default()
            .method(method)
            .uri(&format!("/api/v1{path}"));
        let request = person.programming(request);
        self.send(match body {
            Some(body) => request.set_json(body),
            None => request,
        })
        .await
    }

    /// Calls the management API and is answered that it is done.
    pub async fn done(&self, person: &Person, method: Method, path: &str, body: Option<Value>) {
        let answer = self.api(person, method, path, body).await;
        assert_eq!(answer.status, 204, "{path}: {}", answer.body);
    }

    pub async fn get(&self, person: &Person, path: &str) -> Answer {
        self.api(person, Method::GET, path, None).await
    }

    pub async fn post(&self, person: &Person, path: &str, body: Value) -> Answer {
        self.api(person, Method::POST, path, Some(body)).await
    }

    /// Opens an address in this person's browser.
    pub async fn browse(&self, person: &Person, path: &str) -> Answer {
        self.send(person.browsing(TestRequest::get().uri(path)))
            .await
    }

    /// Fills in the form at `action` of a page with these fields, and sends it.
    pub async fn submit(
        &self,
        person: &Person,
        page: &str,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let page = self.browse(person, page).await;
        let (_, token) = page.body.split_once("name=\"csrf\" value=\"").unwrap();
        let token = token.split('"').next().unwrap();
        let mut form = vec![("csrf", token)];
        form.extend(fields);
        let request = TestRequest::post()
            .uri(action)
            .insert_header(("cookie", person.cookie.as_ref()))
            .insert_header(("origin", ORIGIN));
        self.send(request.set_form(form)).await
    }

    /// Stores a provider key; gives its id.
    pub async fn key(&self, person: &Person, provider: &str) -> String {
        let body = json!({"provider": provider, "name": "Main", "secret": format!("sk-CANARY-{provider}-0123456789")});
        let answer = self.post(person, "/provider-keys", body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.text("id")
    }

    pub async fn handle(&self, person: &Person) -> String {
        let answer = self
            .post(person, "/handles", json!({"label": "Test"}))
            .await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        user_of(&answer.text("url"))
    }

    pub async fn ticket(&self, person: &Person, ceiling: Value) -> String {
        let answer = self
            .post(
                person,
                "/connect-tickets",
                json!({"label": "Test", "ceiling": ceiling}),
            )
            .await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        user_of(&answer.text("url"))
    }

    /// Asks at `/okap/authorize` and does not wait.
    pub async fn ask(&self, address: &str, details: Value) -> Answer {
        self.send(asking(address, &details).insert_header(("prefer", "wait=0")))
            .await
    }

    /// Asks at a handle of this person, who is to decide; gives the answer with the poll secret.
    pub async fn pending(&self, person: &Person, details: Value) -> Answer {
        let answer = self.ask(&self.handle(person).await, details).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer
    }

    /// Twenty requests from wherever anybody knows an address of this person: as many as may wait.
    pub async fn fill_inbox(&self, person: &Person) {
        for _ in 0..4 {
            let address = self.handle(person).await;
            for _ in 0..5 {
                assert_eq!(
                    self.ask(&address, json!([detail(json!({}))])).await.status,
                    202
                );
            }
        }
        assert_eq!(self.waiting(person).await, 20);
    }

    /// How many requests wait for this person.
    pub async fn waiting(&self, person: &Person) -> usize {
        let waiting = self.get(person, "/requests").await.json();
        waiting["items"].as_array().unwrap().len()
    }

    pub async fn poll(&self, request: &str, secret: &str) -> Answer {
        let poll = TestRequest::get().uri(&format!("/okap/requests/{request}"));
        self.send(poll.insert_header(("authorization", format!("Bearer {secret}"))))
            .await
    }

    pub async fn approve(&self, person: &Person, request: &str) -> Answer {
        self.post(person, &format!("/requests/{request}/approve"), json!({}))
            .await
    }

    pub async fn deny(&self, person: &Person, request: &str) -> Answer {
        self.post(person, &format!("/requests/{request}/deny"), json!({}))
            .await
    }

    /// A grant with its token, through a handle: gives the grant's id and the token.
    pub async fn granted(&self, person: &Person, details: Value) -> (String, String) {
        let pending = self.pending(person, details).await;
        let approved = self.approve(person, &pending.text("request_id")).await;
        assert_eq!(approved.status, 200, "{}", approved.body);
        let collected = self
            .poll(&pending.text("request_id"), &pending.text("poll_secret"))
            .await;
        assert_eq!(collected.status, 200, "{}", collected.body);
        (approved.text("grant_id"), collected.text("token"))
    }

    /// The request in this person's inbox, as soon as it is there.
    pub async fn the_request(&self, person: &Person) -> String {
        until("the request", async || {
            self.get(person, "/requests").await.json()["items"][0]["id"]
                .as_str()
                .map(str::to_owned)
        })
        .await
    }

    /// One number or text from the database, as its owner sees it.
    pub async fn look<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, sql: &str) -> T {
        self.scratch
            .owner()
            .await
            .query_one(sql, &[])
            .await
            .unwrap()
            .get(0)
    }

    /// How many grants' tokens would be let in.
    pub async fn live_tokens(&self) -> i64 {
        self.look("SELECT count(*) FROM consent.grant_access WHERE closed_at IS NULL")
            .await
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.look(&format!("SELECT count(*) FROM {table}")).await
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn request_id(text: &str) -> RequestId {
    text.parse().unwrap()
}

/// Asks again and again until the answer is there, which must be soon.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what} did not come"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn user_of(url: &str) -> String {
    url::Url::parse(url).unwrap().username().to_owned()
}

/// Signs somebody new of this organization in.
pub async fn sign_in(
    site: &Site,
    postgres: &Postgres,
    clock: &Clock,
    (tenant, role): (TenantId, Role),
) -> Person {
    let user = UserId::new(clock.now());
    let tx = postgres
        .begin("sign in", Scope::Tenant(tenant))
        .await
        .unwrap();
    let token = ApiTokenRecord {
        tenant,
        user,
        role,
        label: "Test".to_owned(),
        expires_at: clock.now() + SignedDuration::from_hours(24 * 365),
    };
    let sessions = site.sessions();
    let token = sessions.issue_api_token(&tx, &token).await.unwrap().token;
    let session = SessionRecord {
        tenant,
        user,
        role,
        name: "Alice Archer".to_owned(),
    };
    let session = sessions.open(&tx, &session).await.unwrap();
    tx.commit().await.unwrap();
    let cookie = site.session_cookie(&session.token).stripped().to_string();
    Person {
        tenant,
        user,
        token: token.reveal().into(),
        cookie: cookie.into(),
    }
}
