//! The service as one interleaving has it: real rooms over real Postgres, and a clock of its own.

use std::rc::Rc;

use actix_web::{
    body::to_bytes,
    http::Method,
    test::{TestRequest, call_service, init_service},
};
use clock::Clock;
use consent::App;
use futures_util::future::LocalBoxFuture;
use ids::{TenantId, TokenDigest};
use jiff::{SignedDuration, Timestamp};
use postgres::Postgres;
use serde_json::json;
use server::{ServerSettings, Site, Surface};
use sessions::{Role, Sessions};
use tokio_postgres::Client;
use uuid::Uuid;

use super::desk::{Desk, Origin};
use crate::{
    oauth::CALLBACK,
    scratch::Scratch,
    world::{self, Answer, ORIGIN, Person, at, pool},
};

/// What the lanes of one thread share.
pub struct Ground {
    pub scratch: Scratch,
    consent: Postgres,
    auth: Postgres,
    owner: Rc<Client>,
}

impl Ground {
    pub async fn new() -> Self {
        let scratch = Scratch::new().await;
        let owner = scratch.owner().await;
        // Nothing here outlives the test: what is committed need not be on the disk.
        let hurry = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$";
        owner.batch_execute(hurry).await.unwrap();
        let index = "CREATE INDEX ON store.events (correlation_id)";
        owner.batch_execute(index).await.unwrap();
        Self {
            consent: pool(&scratch, "consent", 12),
            auth: pool(&scratch, "auth", 2),
            owner: Rc::new(owner),
            scratch,
        }
    }
}

type Serve = Rc<dyn Fn(TestRequest) -> LocalBoxFuture<'static, Answer>>;

pub struct Lane {
    clock: Clock,
    serve: Serve,
    site: Site,
    auth: Postgres,
    owner: Rc<Client>,
    person: Person,
    address: String,
    client: String,
}

impl Lane {
    pub async fn open(ground: &Ground) -> Self {
        let clock = Clock::set(at("2026-11-22T12:00:00Z"));
        let server = ServerSettings {
            public_url: ORIGIN.parse().unwrap(),
            ..ServerSettings::default()
        };
        let sessions = Sessions::new(ground.auth.clone(), clock.clone());
        let site = Site::new(&server, sessions);
        let vault = world::vault_over(&ground.consent, &ground.scratch, &clock);
        let app = App::over(vault, world::bus(&ground.scratch));
        let routes = app.clone();
        let surface = Surface::new(site.clone()).app(move |config| routes.routes(config));
        let service = Rc::new(init_service(surface).await);
        let serve: Serve = Rc::new(move |request: TestRequest| {
            let service = Rc::clone(&service);
            Box::pin(async move {
                let response = call_service(&*service, request.to_request()).await;
                let (status, headers) = (response.status().as_u16(), response.headers().clone());
                let body = to_bytes(response.into_body()).await.unwrap_or_default();
                Answer {
                    status,
                    headers,
                    body: String::from_utf8_lossy(&body).into_owned(),
                }
            })
        });
        let mut lane = Self {
            person: signed_in(&site, &ground.auth, &clock).await,
            clock,
            serve,
            site,
            auth: ground.auth.clone(),
            owner: Rc::clone(&ground.owner),
            address: String::new(),
            client: String::new(),
        };
        lane.furnish().await;
        lane
    }

    /// Somebody new, in an organization of their own: nothing is left of who was here before.
    pub async fn renew(&mut self) {
        self.person = signed_in(&self.site, &self.auth, &self.clock).await;
        self.furnish().await;
    }

    /// How many tokens were made for one request of this person at most.
    pub async fn most_tokens_of_a_request(&self) -> i64 {
        let sql = "SELECT coalesce(max(n), 0) FROM (
                     SELECT count(*) AS n FROM consent.grant_access a
                       JOIN consent.grants g ON g.grant_id = a.grant_id
                      WHERE a.user_id = $1 GROUP BY g.request_id) AS of_each";
        let row = self.owner.query_one(sql, &[&self.person.user.uuid()]).await;
        row.unwrap().get(0)
    }

    async fn furnish(&mut self) {
        let key =
            json!({"provider": "openai", "name": "Main", "secret": "sk-CANARY-openai-0123456789"});
        self.made("/provider-keys", key).await;
        let handle = self.made("/handles", json!({"label": "Test"})).await;
        let url = url::Url::parse(&handle.text("url")).unwrap();
        url.username().clone_into(&mut self.address);
        let app = json!({"name": "Notebook", "redirect_uris": [CALLBACK]});
        self.client = self.made("/apps", app).await.text("client_id");
    }

    async fn made(&self, path: &str, body: serde_json::Value) -> Answer {
        let request = TestRequest::default()
            .method(Method::POST)
            .uri(&format!("/api/v1{path}"));
        let answer = self
            .send(self.person.programming(request).set_json(body))
            .await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.body);
        answer
    }
}

async fn signed_in(site: &Site, auth: &Postgres, clock: &Clock) -> Person {
    let tenant = TenantId::new(clock.now());
    world::sign_in(site, auth, clock, (tenant, Role::Owner)).await
}

impl Desk for Lane {
    fn person(&self) -> &Person {
        &self.person
    }

    fn address(&self) -> &str {
        &self.address
    }

    fn client(&self) -> &str {
        &self.client
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn later(&self, span: SignedDuration) {
        self.clock.move_to(self.clock.now() + span);
    }

    async fn send(&self, request: TestRequest) -> Answer {
        (self.serve)(request).await
    }

    async fn request_of(&self, call: Uuid) -> Option<String> {
        let sql =
            "SELECT substr(stream, 16) FROM store.events WHERE type = 'access_request.received'
                   AND correlation_id = $1 AND tenant_id = $2";
        let row = self
            .owner
            .query_opt(sql, &[&call.to_string(), &self.person.tenant.uuid()])
            .await
            .unwrap()?;
        let id: Uuid = row.get::<_, &str>(0).parse().unwrap();
        Some(ids::RequestId::from_uuid(id).to_string())
    }

    async fn origin_of(&self, token: &str) -> Option<Origin> {
        let sql = "SELECT e.correlation_id, c.oauth->>'code_challenge'
                     FROM consent.grant_access a
                     JOIN consent.grants g ON g.grant_id = a.grant_id
                     JOIN consent.delivery_channels c ON c.request_id = g.request_id
                     JOIN store.events e ON e.stream = 'access_request-' || g.request_id AND e.version = 1
                    WHERE a.token_digest = $1";
        let digest = TokenDigest::of(token);
        let row = self
            .owner
            .query_opt(sql, &[&digest.as_bytes().as_slice()])
            .await
            .unwrap()?;
        Some(Origin {
            call: row.get::<_, &str>(0).parse().unwrap(),
            challenge: row.get(1),
        })
    }
}
