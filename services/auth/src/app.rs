//! How the service is put together.

use std::sync::Arc;

use anyhow::{Context, Result};
use clock::Clock;
use key_vault::{KeyService, SmallSecrets};
use postgres::Postgres;
use server::{Check, Environment, RateLimit, Shutdown, Site, Surface};
use sessions::Sessions;
use tokio::task::JoinHandle;

use crate::{
    account::http::Account,
    api_token::ApiTokens,
    routes,
    settings::Settings,
    sign_in::SignIns,
    sso::{Providers, Reach, Sso},
};

/// The auth service. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) postgres: Postgres,
    pub(crate) sign_ins: SignIns,
    pub(crate) sso: Sso,
    pub(crate) tokens: ApiTokens,
    pub(crate) account: Account,
    pub(crate) limits: Limits,
}

/// How often one address may ask for what anybody may ask for.
#[derive(Clone)]
pub(crate) struct Limits {
    pub(crate) links: RateLimit,
    pub(crate) departures: RateLimit,
    pub(crate) arrivals: RateLimit,
}

impl App {
    /// Puts the service together. Connects to nothing yet.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn build(
        settings: &Settings,
        environment: Environment,
        keys: KeyService,
        site: Site,
        clock: Clock,
    ) -> Result<Self> {
        let postgres = settings.postgres()?;
        let sessions = Sessions::new(postgres.clone(), clock.clone());
        let sign_ins = SignIns::new(postgres.clone(), sessions.clone(), clock.clone());
        let tokens = ApiTokens::new(postgres.clone(), sessions, clock.clone());
        let providers = Providers::new(
            Reach::fitting(environment == Environment::Production),
            clock.clone(),
        )
        .context("cannot set up the client for identity providers")?;
        let sso = Sso {
            postgres: postgres.clone(),
            providers,
            secrets: Arc::new(SmallSecrets::new(keys)),
            sign_ins: sign_ins.clone(),
            joining: settings.joining(),
            site,
            clock,
        };
        let account = Account {
            postgres: postgres.clone(),
            tokens: tokens.clone(),
        };
        Ok(Self {
            postgres,
            sign_ins,
            sso,
            tokens,
            account,
            limits: Limits::new(),
        })
    }

    /// What must be reachable for this service to be of use.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let postgres = self.postgres.clone();
        vec![Check::new("postgres", move || {
            let postgres = postgres.clone();
            async move { postgres.ping().await }
        })]
    }

    /// What surrounds the routes when the service runs by itself.
    #[must_use]
    pub fn surface(&self) -> Surface {
        let site = self.sso.site.clone();
        Surface::new(site)
            .checks(self.checks())
            .error_page(|problem, request| {
                let (status, id) = (problem.status().as_u16(), request.to_string());
                pages::error_page(status, problem.title(), problem.detail(), &id)
            })
    }

    /// The pool of this service's role.
    #[must_use]
    pub const fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Every route of the service.
    pub fn routes(&self, config: &mut actix_web::web::ServiceConfig) {
        routes::all(self, config);
    }

    /// Nothing runs beside the requests: the relay of the store publishes this service's events.
    #[must_use]
    pub fn background(&self, _: Shutdown) -> Vec<JoinHandle<()>> {
        Vec::new()
    }
}

impl Limits {
    fn new() -> Self {
        use std::num::NonZeroU32;
        const SOME: NonZeroU32 = NonZeroU32::new(120).unwrap();
        const MANY: NonZeroU32 = NonZeroU32::new(300).unwrap();
        Self {
            links: RateLimit::per_minute("sign-in-link", MANY),
            departures: RateLimit::per_minute("sign-in-sso", SOME),
            arrivals: RateLimit::per_minute("sso-callback", SOME),
        }
    }
}
