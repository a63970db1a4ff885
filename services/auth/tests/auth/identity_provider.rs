//! A small OpenID provider on this machine, honest unless it is told to be otherwise.

use std::{
    collections::HashMap,
    net::TcpListener,
    sync::{Arc, Mutex},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::header,
    web::{self, Data},
};
use aws_lc_rs::digest;
use clock::Clock;
use serde_json::{Value, json};
use url::Url;

use crate::signer::{Signer, base64};

/// Somebody who has an account there.
#[derive(Debug, Clone)]
pub struct Account {
    pub sub: &'static str,
    pub name: &'static str,
    pub email: &'static str,
    pub email_verified: bool,
}

pub const ADA: Account = Account {
    sub: "acme-ada",
    name: "Ada L.",
    email: "ada@acme.test",
    email_verified: true,
};
pub const BOB: Account = Account {
    sub: "acme-bob",
    name: "Bob",
    email: "bob@acme.test",
    email_verified: true,
};

pub const CLIENT_ID: &str = "latchkey";
pub const CLIENT_SECRET: &str = "a secret: with/odd+characters %";

type Change = Box<dyn Fn(&mut Value) + Send>;

/// What it does wrong.
#[derive(Default)]
pub struct Faults {
    /// Changes what a token says before it is signed.
    pub claims: Option<Change>,
    /// Changes the discovery document.
    pub discovery: Option<Change>,
    /// Answers discovery with this instead.
    pub discovery_answer: Option<fn() -> HttpResponse>,
    /// Changes what `/userinfo` says.
    pub userinfo: Option<Change>,
    /// Leaves name and address out of the ID token.
    pub lean_token: bool,
    /// Refuses every code.
    pub refuse_code: bool,
}

struct State {
    issuer: String,
    clock: Clock,
    signer: Signer,
    published: Vec<Value>,
    codes: HashMap<String, Pending>,
    codes_made: usize,
    sessions: HashMap<String, Account>,
    faults: Faults,
    asked: HashMap<&'static str, usize>,
}

struct Pending {
    account: Account,
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

pub struct IdentityProvider {
    pub issuer: String,
    state: Arc<Mutex<State>>,
    server: ServerHandle,
}

impl IdentityProvider {
    pub async fn start(clock: &Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let signer = Signer::new("ES256", "key-1");
        let state = Arc::new(Mutex::new(State {
            issuer: issuer.clone(),
            clock: clock.clone(),
            published: vec![signer.jwk()],
            signer,
            codes: HashMap::new(),
            codes_made: 0,
            sessions: HashMap::new(),
            faults: Faults::default(),
            asked: HashMap::new(),
        }));
        let data = Data::from(Arc::clone(&state));
        let http = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route(
                    "/.well-known/openid-configuration",
                    web::get().to(discovery),
                )
                .route("/elsewhere", web::get().to(document))
                .route("/jwks", web::get().to(jwks))
                .route("/token", web::post().to(token))
                .route("/userinfo", web::get().to(userinfo))
        });
        let server = http
            .workers(1)
            .disable_signals()
            .listen(listener)
            .unwrap()
            .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            issuer,
            state,
            server: handle,
        }
    }

    pub fn be(&self, faults: Faults) {
        self.state.lock().unwrap().faults = faults;
    }

    /// Signs with a new key from now on; `published` says whether it can be looked up.
    pub fn rotate_key(&self, kid: &str, published: bool) {
        let mut state = self.state.lock().unwrap();
        state.signer = Signer::new("ES256", kid);
        if published {
            state.published = vec![state.signer.jwk()];
        }
    }

    pub fn times_asked(&self, what: &str) -> usize {
        self.state
            .lock()
            .unwrap()
            .asked
            .get(what)
            .copied()
            .unwrap_or_default()
    }

    /// What its sign-in page does when somebody who was sent there signs in: gives the query with
    /// which the browser goes back.
    pub fn sign_in(&self, asked: &Url, account: &Account) -> String {
        let mut state = self.state.lock().unwrap();
        let query: HashMap<_, _> = asked.query_pairs().into_owned().collect();
        assert_eq!(query["client_id"], CLIENT_ID);
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["code_challenge_method"], "S256");
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"));
        assert!(
            query["nonce"].len() >= 22 && query["state"].len() >= 22,
            "at least 128 bits"
        );
        state.codes_made += 1;
        let code = format!("code-{}", state.codes_made);
        let pending = Pending {
            account: account.clone(),
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
        };
        state.codes.insert(code.clone(), pending);
        let iss: String = url::form_urlencoded::byte_serialize(state.issuer.as_bytes()).collect();
        format!(
            "code={code}&state={}&iss={iss}&session_state=ignored",
            query["state"]
        )
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        // Asked to stop at once; nobody waits for it.
        drop(self.server.stop(false));
    }
}

type Shared = Data<Mutex<State>>;

async fn discovery(state: Shared) -> HttpResponse {
    let mut state = state.lock().unwrap();
    *state.asked.entry("discovery").or_default() += 1;
    if let Some(answer) = state.faults.discovery_answer {
        return answer();
    }
    document_of(&state)
}

/// The document itself, also at another address.
async fn document(state: Shared) -> HttpResponse {
    document_of(&state.lock().unwrap())
}

fn document_of(state: &State) -> HttpResponse {
    let at = |path: &str| format!("{}{path}", state.issuer);
    let mut document = json!({
        "issuer": state.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "ES256K"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_response_iss_parameter_supported": true,
        "unknown_member": {"x": 1},
    });
    if let Some(change) = &state.faults.discovery {
        change(&mut document);
    }
    HttpResponse::Ok().json(document)
}

async fn jwks(state: Shared) -> HttpResponse {
    let mut state = state.lock().unwrap();
    *state.asked.entry("jwks").or_default() += 1;
    HttpResponse::Ok().json(json!({ "keys": state.published }))
}

async fn token(
    request: HttpRequest,
    state: Shared,
    form: web::Form<HashMap<String, String>>,
) -> HttpResponse {
    let mut state = state.lock().unwrap();
    let refused = |error: &str| HttpResponse::BadRequest().json(json!({ "error": error }));
    let encoded =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = format!("{}:{}", encoded(CLIENT_ID), encoded(CLIENT_SECRET));
    let expected = format!("Basic {}", base64_padded(&credentials));
    if request
        .headers()
        .get(header::AUTHORIZATION)
        .is_none_or(|sent| *sent != *expected)
    {
        return HttpResponse::Unauthorized().json(json!({ "error": "invalid_client" }));
    }
    let Some(pending) = state.codes.remove(&form["code"]) else {
        return refused("invalid_grant");
    };
    let verifier = digest::digest(&digest::SHA256, form["code_verifier"].as_bytes());
    let fits =
        base64(verifier) == pending.challenge && form["redirect_uri"] == pending.redirect_uri;
    if !fits || state.faults.refuse_code || form["grant_type"] != "authorization_code" {
        return refused("invalid_grant");
    }
    let access_token = format!("access-{}", form["code"]);
    let half = digest::digest(&digest::SHA256, access_token.as_bytes());
    let now = state.clock.now().as_second();
    let mut claims = json!({
        "iss": state.issuer, "aud": CLIENT_ID, "sub": pending.account.sub, "nonce": pending.nonce,
        "iat": now, "exp": now + 300, "at_hash": base64(&half.as_ref()[..16]),
    });
    if !state.faults.lean_token {
        claims["name"] = json!(pending.account.name);
        claims["email"] = json!(pending.account.email);
        claims["email_verified"] = json!(pending.account.email_verified);
    }
    if let Some(change) = &state.faults.claims {
        change(&mut claims);
    }
    let id_token = state.signer.sign(&claims);
    state.sessions.insert(access_token.clone(), pending.account);
    HttpResponse::Ok().json(json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": 600, "id_token": id_token,
    }))
}

async fn userinfo(request: HttpRequest, state: Shared) -> HttpResponse {
    let mut state = state.lock().unwrap();
    *state.asked.entry("userinfo").or_default() += 1;
    let sent = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|sent| sent.to_str().ok());
    let token = sent
        .and_then(|sent| sent.strip_prefix("Bearer "))
        .unwrap_or_default();
    let Some(account) = state.sessions.get(token) else {
        return HttpResponse::Unauthorized().finish();
    };
    let mut said = json!({
        "sub": account.sub, "name": account.name, "email": account.email,
        "email_verified": account.email_verified,
    });
    if let Some(change) = &state.faults.userinfo {
        change(&mut said);
    }
    HttpResponse::Ok().json(said)
}

fn base64_padded(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(text)
}
