//! The auth service, whole, with a database of its own, and what people do with it.

use std::{cell::RefCell, collections::BTreeMap, path::PathBuf, rc::Rc};

use actix_web::{
    body::{BoxBody, to_bytes},
    dev::ServiceResponse,
    http::{StatusCode, header},
    test::{self, TestRequest},
};
use auth::{
    App, Settings,
    provision::{self, Provision, Provisioned},
};
use clock::Clock;
use futures_util::future::LocalBoxFuture;
use jiff::{SignedDuration, Timestamp};
use key_vault::KeyService;
use serde::Serialize;
use serde_json::Value;
use server::{Environment, ServerSettings, Site, Surface};
use sessions::Sessions;

use crate::scratch::Scratch;

type Door = Rc<dyn Fn(TestRequest) -> LocalBoxFuture<'static, ServiceResponse<BoxBody>>>;

/// A running auth service.
pub struct Vault {
    pub scratch: Scratch,
    pub clock: Clock,
    pub settings: Settings,
    pub server: ServerSettings,
    key_file: PathBuf,
    door: Door,
}

/// How a vault is set up, where it differs.
pub struct Setup {
    pub public_url: &'static str,
    pub environment: Environment,
    pub strangers_join: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let public_url = "http://127.0.0.1:8080";
        Self {
            public_url,
            environment: Environment::Development,
            strangers_join: true,
        }
    }
}

impl Vault {
    pub async fn open() -> Self {
        Self::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> Self {
        let scratch = Scratch::new().await;
        let url = scratch.url();
        Self::on(scratch, url, setup).await
    }

    /// A vault whose database does not answer.
    pub async fn without_database() -> Self {
        let scratch = Scratch::new().await;
        let url = "postgres://latchkey_auth:test@127.0.0.1:1/nowhere".to_owned();
        Self::on(scratch, url, Setup::default()).await
    }

    async fn on(scratch: Scratch, auth_database_url: String, setup: Setup) -> Self {
        let clock = Clock::set("2026-11-22T12:00:00Z".parse().unwrap());
        let settings = Settings {
            auth_database_url,
            auth_database_connections: 10,
            auth_sso_join: setup.strangers_join,
        };
        let server = ServerSettings {
            public_url: setup.public_url.parse().unwrap(),
            environment: setup.environment,
            ..ServerSettings::default()
        };
        let unique = ids::EventId::new(Clock::system().now());
        let key_file = std::env::temp_dir().join(format!("latchkey-auth-test-{unique}"));
        let site = Site::new(
            &server,
            Sessions::new(settings.postgres().unwrap(), clock.clone()),
        );
        let keys = KeyService::local(&key_file, "test").unwrap();
        let app = App::build(
            &settings,
            server.environment,
            keys,
            site.clone(),
            clock.clone(),
        )
        .unwrap();
        let surface = Surface::new(site)
            .checks(app.checks())
            .error_page(|problem, request| {
                let (status, title, detail) =
                    (problem.status().as_u16(), problem.title(), problem.detail());
                pages::error_page(status, title, detail, &request.to_string())
            });
        let service =
            Rc::new(test::init_service(surface.app(move |config| app.routes(config))).await);
        let door: Door = Rc::new(move |request: TestRequest| {
            let service = Rc::clone(&service);
            Box::pin(async move { test::call_service(&*service, request.to_request()).await })
        });
        Self {
            scratch,
            clock,
            settings,
            server,
            key_file,
            door,
        }
    }

    pub fn keys(&self) -> KeyService {
        KeyService::local(&self.key_file, "test").unwrap()
    }

    pub fn origin(&self) -> String {
        self.server.public_url.origin().ascii_serialization()
    }

    pub fn pass(&self, time: SignedDuration) {
        self.clock.move_to(self.clock.now() + time);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn try_provision(&self, asked: &Provision) -> anyhow::Result<Provisioned> {
        provision::run(
            &self.settings,
            &self.server,
            self.keys(),
            &self.clock,
            asked,
        )
        .await
    }

    pub async fn provision(&self, asked: &Provision) -> Provisioned {
        self.try_provision(asked).await.unwrap()
    }

    /// An organization of this name with an owner called Ada.
    pub async fn found(&self, organization: &str) -> Provisioned {
        self.provision(&asked(organization)).await
    }

    /// Somebody's browser, or a program that keeps cookies.
    pub fn browser(&self) -> Browser {
        let (door, origin) = (Rc::clone(&self.door), self.origin());
        Browser {
            door,
            origin,
            cookies: RefCell::default(),
            accept: "text/html",
        }
    }

    /// A program with an API token.
    pub fn program(&self, token: &str) -> Program {
        Program {
            door: Rc::clone(&self.door),
            token: token.to_owned(),
        }
    }

    /// The owner of an organization, signed in.
    pub async fn owner(&self, provisioned: &Provisioned) -> Browser {
        let browser = self.browser();
        let answer = browser.follow_link(&provisioned.sign_in_url).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        browser
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        std::fs::remove_file(&self.key_file).ok();
    }
}

/// What an operator asks for.
pub fn asked(organization: &str) -> Provision {
    Provision {
        organization: organization.to_owned(),
        owner_name: "Ada".to_owned(),
        owner_email: "ada@acme.test".to_owned(),
        sso_issuer: None,
        sso_client_id: None,
        sso_client_secret: None,
        new_owner_token: false,
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub text: String,
}

impl Answer {
    async fn read(response: ServiceResponse<BoxBody>) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body()).await.unwrap();
        Self {
            status,
            headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// The last part of the problem's type, such as `not-found`.
    pub fn problem(&self) -> String {
        let kind = self.json()["type"].as_str().unwrap().to_owned();
        kind.rsplit('/').next().unwrap().to_owned()
    }

    pub fn set_cookies(&self) -> Vec<String> {
        let all = self.headers.get_all("set-cookie");
        all.map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }
}

pub struct Browser {
    door: Door,
    origin: String,
    pub cookies: RefCell<BTreeMap<String, String>>,
    pub accept: &'static str,
}

impl Browser {
    pub async fn get(&self, path: &str) -> Answer {
        self.send(TestRequest::get().uri(path)).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = TestRequest::post().uri(path).set_form(form);
        self.send(request.insert_header(("sec-fetch-site", "same-origin")))
            .await
    }

    /// As a page of another site would make it do.
    pub async fn post_from_elsewhere(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = TestRequest::post().uri(path).set_form(form);
        self.send(request.insert_header(("sec-fetch-site", "cross-site")))
            .await
    }

    pub async fn send(&self, request: TestRequest) -> Answer {
        let mut request = request.insert_header((header::ACCEPT, self.accept));
        let cookies: Vec<_> = self
            .cookies
            .borrow()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.insert_header((header::COOKIE, cookies.join("; ")));
        }
        let answer = Answer::read((self.door)(request).await).await;
        for cookie in answer.set_cookies() {
            let pair = cookie.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies
                    .borrow_mut()
                    .insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// The path of a link within this vault.
    pub fn path<'a>(&self, url: &'a str) -> &'a str {
        url.strip_prefix(&self.origin).unwrap_or(url)
    }

    pub async fn follow_link(&self, url: &str) -> Answer {
        self.post(self.path(url), &[("next", "/inbox")]).await
    }

    /// Who this browser is signed in as; the whole answer of the API.
    pub async fn session(&self) -> Answer {
        self.get("/api/v1/session").await
    }

    pub async fn is_signed_in(&self) -> bool {
        self.session().await.status == StatusCode::OK
    }

    pub async fn csrf(&self) -> String {
        self.session().await.json()["csrf_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Posts a form of a signed-in page.
    pub async fn submit(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        let mut form = form.to_vec();
        form.push(("csrf", &csrf));
        self.post(path, &form).await
    }
}

pub struct Program {
    door: Door,
    token: String,
}

impl Program {
    pub async fn get(&self, path: &str) -> Answer {
        self.send(TestRequest::get().uri(path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(TestRequest::delete().uri(path)).await
    }

    pub async fn post(&self, path: &str, body: impl Serialize) -> Answer {
        self.send(TestRequest::post().uri(path).set_json(body))
            .await
    }

    pub async fn send(&self, request: TestRequest) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        Answer::read((self.door)(request.insert_header((header::AUTHORIZATION, bearer))).await)
            .await
    }
}
