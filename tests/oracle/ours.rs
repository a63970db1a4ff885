//! Our own server: the consent service in this process, over a database of its own.

use actix_web::{
    body::to_bytes,
    test::{TestRequest, call_service, init_service},
};
use clock::Clock;
use futures_util::future::LocalBoxFuture;
use ids::{EventId, TenantId, UserId};
use key_vault::KeyService;
use postgres::{DatabaseSettings, Postgres, Scope};
use serde_json::{Value, json};
use server::{Environment, ServerSettings, Site, Surface};
use sessions::{ApiTokenRecord, Role, SessionRecord, Sessions};
use tests::{admin_database, told};
use tokio_postgres::NoTls;

use crate::server::{CALLBACK, Call, ISSUER, LOOPBACK, Parameters, Reply};

type Serve = Box<dyn Fn(TestRequest) -> LocalBoxFuture<'static, Reply>>;

pub struct Ours {
    serve: Serve,
    token: String,
    cookie: String,
    database: String,
    folder: std::path::PathBuf,
}

impl Ours {
    pub async fn open(clock: &Clock) -> Self {
        let unique = EventId::new(Clock::system().now())
            .uuid()
            .simple()
            .to_string();
        let database = format!("lk_oracle_{unique}");
        let folder = std::env::temp_dir().join(&database);
        std::fs::create_dir(&folder).unwrap();
        let password = told("LATCHKEY_ROLE_PASSWORD", "test");
        migrations::run(&admin_database().unwrap(), &database, &password)
            .await
            .unwrap();
        let url = |role: &str| {
            let told = told(
                "LATCHKEY_TEST_POSTGRES_URL",
                "postgres://postgres@127.0.0.1:5432/postgres",
            );
            let mut url = url::Url::parse(&told).unwrap();
            url.set_username(&format!("latchkey_{role}")).unwrap();
            url.set_password(Some(&password)).unwrap();
            url.set_path(&database);
            String::from(url)
        };
        let auth = Postgres::connect(&DatabaseSettings {
            url: url("auth"),
            connections: 2,
        })
        .unwrap();
        let settings = ServerSettings {
            public_url: ISSUER.parse().unwrap(),
            ..ServerSettings::default()
        };
        let site = Site::new(&settings, Sessions::new(auth.clone(), clock.clone()));
        let settings = consent::Settings {
            consent_database_url: url("consent"),
            redis_url: told("LATCHKEY_TEST_REDIS_URL", "redis://127.0.0.1:6379"),
            redis_namespace: format!("oracle-{unique}"),
            open_registration: false,
            check_keys_every: None,
            amqp_url: told(
                "LATCHKEY_TEST_AMQP_URL",
                "amqp://guest:guest@127.0.0.1:5672/%2f",
            ),
            amqp_prefix: format!("{database}."),
        };
        let keys = KeyService::local(&folder.join("wrapping-key"), "development").unwrap();
        let app = consent::App::build(
            &settings,
            Environment::Development,
            keys,
            &site,
            clock.clone(),
        )
        .unwrap();
        let (token, cookie) = signed_in(&site, &auth, clock).await;
        Self {
            serve: serving(&site, app).await,
            token,
            cookie,
            database,
            folder,
        }
    }

    /// Two clients, as the oracle knows them: the first may renew its tokens.
    pub async fn clients(&self) -> [String; 2] {
        let key =
            json!({"provider": "openai", "name": "Main", "secret": "sk-CANARY-openai-0123456789"});
        self.api("/provider-keys", key).await;
        let mut made = [String::new(), String::new()];
        for (number, types) in [
            &["authorization_code", "refresh_token"][..],
            &["authorization_code"],
        ]
        .iter()
        .enumerate()
        {
            let app =
                json!({"name": "App", "redirect_uris": [CALLBACK, LOOPBACK], "grant_types": types});
            made[number] = self.api("/apps", app).await.text("client_id").unwrap();
        }
        made
    }

    async fn api(&self, path: &str, body: Value) -> Reply {
        let post = TestRequest::post().uri(&format!("/api/v1{path}"));
        let post = post.insert_header(("authorization", format!("Bearer {}", self.token)));
        (self.serve)(post.set_json(body)).await
    }

    pub async fn call(&self, call: &Call) -> Reply {
        match call {
            Call::Authorize { query, yes } => self.authorize(query, *yes).await,
            Call::Post { path, form } => {
                (self.serve)(TestRequest::post().uri(path).set_form(form)).await
            }
        }
    }

    /// The whole way: to the page, and back once the person has answered.
    async fn authorize(&self, query: &Parameters, yes: bool) -> Reply {
        let uri = format!("/oauth/authorize?{}", crate::server::encoded(query));
        let asked = (self.serve)(self.browsing(&uri)).await;
        let Some(request) = asked
            .location
            .as_deref()
            .and_then(|to| to.strip_prefix("/requests/"))
        else {
            return asked;
        };
        let decision = if yes { "approve" } else { "deny" };
        let decided = self
            .api(&format!("/requests/{request}/{decision}"), json!({}))
            .await;
        assert!(matches!(decided.status, 200 | 204), "{decided:?}");
        if yes {
            return Reply {
                status: 303,
                location: decided.text("redirect_to"),
                body: Value::Null,
            };
        }
        // The browser that waits on the page is led back.
        (self.serve)(self.browsing(&format!("/requests/{request}"))).await
    }

    fn browsing(&self, uri: &str) -> TestRequest {
        TestRequest::get()
            .uri(uri)
            .insert_header(("cookie", self.cookie.as_str()))
            .insert_header(("sec-fetch-site", "same-origin"))
    }

    /// Forgets all data.
    pub async fn close(self) {
        let (admin, connection) = admin_database().unwrap().connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database);
        admin.batch_execute(&sql).await.unwrap();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

async fn serving(site: &Site, app: consent::App) -> Serve {
    let surface = Surface::new(site.clone()).app(move |config| app.routes(config));
    let service = std::rc::Rc::new(init_service(surface).await);
    Box::new(move |request: TestRequest| {
        let service = std::rc::Rc::clone(&service);
        Box::pin(async move {
            let response = call_service(&*service, request.to_request()).await;
            let status = response.status().as_u16();
            let location = response.headers().get("location");
            let location = location.map(|location| location.to_str().unwrap().to_owned());
            let body = to_bytes(response.into_body()).await.unwrap_or_default();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            Reply {
                status,
                location,
                body,
            }
        })
    })
}

async fn signed_in(site: &Site, auth: &Postgres, clock: &Clock) -> (String, String) {
    let (tenant, user, role) = (
        TenantId::new(clock.now()),
        UserId::new(clock.now()),
        Role::Owner,
    );
    let tx = auth.begin("sign in", Scope::Tenant(tenant)).await.unwrap();
    let expires_at = clock.now() + jiff::SignedDuration::from_hours(24 * 365);
    let label = "Test".to_owned();
    let token = ApiTokenRecord {
        tenant,
        user,
        role,
        label,
        expires_at,
    };
    let token = site
        .sessions()
        .issue_api_token(&tx, &token)
        .await
        .unwrap()
        .token;
    let name = "Alice Archer".to_owned();
    let session = SessionRecord {
        tenant,
        user,
        role,
        name,
    };
    let session = site.sessions().open(&tx, &session).await.unwrap();
    tx.commit().await.unwrap();
    let cookie = site.session_cookie(&session.token).stripped().to_string();
    (token.reveal().to_owned(), cookie)
}
