//! The oracle: `oauth-as` over its own memory, with our clock.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{Method, Request, header};
use oauth_as::{
    client::{Client, ClientAuth, ClientId},
    grant::GrantType,
    http::{ApprovalDecision, AuthorizationService, ServiceBuilder},
    par::ParConfig,
    scope::ScopeSet,
    server::{AuthorizationServer, ServerConfig},
    store::MemoryStorage,
};

use crate::server::{CALLBACK, Call, ISSUER, LOOPBACK, Parameters, Reply, encoded};

pub struct SetClock(clock::Clock);

impl oauth_as::server::Clock for SetClock {
    fn now(&self) -> SystemTime {
        let seconds = u64::try_from(self.0.now().as_second()).unwrap();
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }
}

pub struct Theirs {
    server: Arc<AuthorizationServer<MemoryStorage, SetClock>>,
    service: AuthorizationService<MemoryStorage, SetClock>,
}

impl Theirs {
    /// A server that knows the same two clients: the first may renew its tokens.
    pub async fn open(clock: &clock::Clock, clients: &[String; 2]) -> Self {
        let mut config = ServerConfig::new(ISSUER, format!("{ISSUER}/device"));
        let at = |path: &str| Some(format!("{ISSUER}{path}"));
        config.authorization_endpoint = at("/oauth/authorize");
        config.token_endpoint = at("/oauth/token");
        config.introspection_endpoint = at("/oauth/introspect");
        config.revocation_endpoint = at("/oauth/revoke");
        config.authorization_details_types_supported = Some(vec!["ai_model_access".to_owned()]);
        config.refresh_token_ttl = Some(Duration::from_secs(30 * 86_400));
        let mut par = ParConfig::new();
        par.pushed_authorization_request_endpoint = at("/oauth/par");
        config.par = Some(Box::new(par));
        let server =
            AuthorizationServer::with_clock(config, MemoryStorage::new(), SetClock(clock.clone()));
        for (number, id) in clients.iter().enumerate() {
            let mut grant_types = vec![GrantType::AuthorizationCode];
            if number == 0 {
                grant_types.push(GrantType::RefreshToken);
            }
            let client = Client {
                client_id: ClientId::new(id.clone()),
                auth: ClientAuth::Public,
                grant_types,
                redirect_uris: vec![CALLBACK.to_owned(), LOOPBACK.to_owned()],
                allowed_scopes: ScopeSet::default(),
                default_scopes: ScopeSet::default(),
                name: None,
                registration: None,
            };
            server.register_client(client).await.unwrap();
        }
        let server = Arc::new(server);
        let service = ServiceBuilder::new(Arc::clone(&server))
            .with_subject_resolver(|_| Some("alice".to_owned()))
            .with_approval_resolver(|request| match request.headers.get("x-answer") {
                Some(answer) if answer == "yes" => ApprovalDecision::Approve,
                _ => ApprovalDecision::Deny,
            })
            .build()
            .unwrap();
        Self { server, service }
    }

    /// Whether an access token is good. Its own endpoint tells that to clients with a secret alone.
    pub async fn is_good(&self, token: &str) -> bool {
        self.server.introspect(token).await.unwrap().is_some()
    }

    pub async fn call(&self, call: &Call) -> Reply {
        match call {
            Call::Authorize { query, yes } => {
                let uri = format!("{ISSUER}/oauth/authorize?{}", encoded(query));
                let request = Request::builder()
                    .method(Method::GET)
                    .uri(uri)
                    .header("x-answer", if *yes { "yes" } else { "no" });
                self.answered(request.body(String::new()).unwrap()).await
            }
            Call::Post { path, form } => self.post(path, form).await,
        }
    }

    async fn post(&self, path: &str, form: &Parameters) -> Reply {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{ISSUER}{path}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.answered(request.body(encoded(form)).unwrap()).await
    }

    async fn answered(&self, request: Request<String>) -> Reply {
        let response = self.service.handle(request).await;
        let location = response.headers().get(header::LOCATION);
        let location = location.map(|location| location.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().into_bytes();
        Reply {
            status,
            location,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }
}
