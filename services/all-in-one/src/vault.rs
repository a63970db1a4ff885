//! The four services, put together.

use actix_web::web;
use anyhow::Result;
use clap::Args;
use clock::Clock;
use jiff::SignedDuration;
use key_vault::KeyServiceSettings;
use server::{Check, Environment, ServerSettings, Shutdown, Site};
use sessions::Sessions;
use tokio::task::JoinHandle;

/// Settings of all four services. What several of them share is asked once, as the proxy's.
#[derive(Args, Clone)]
#[group(skip)]
pub struct Settings {
    /// How provider keys are sealed.
    #[command(flatten)]
    pub keys: KeyServiceSettings,
    /// Of the auth service.
    #[command(flatten)]
    pub auth: auth::Settings,
    /// Of the proxy service, and of Redis and RabbitMQ for all.
    #[command(flatten)]
    pub proxy: proxy::Settings,
    /// The database, under consent's role.
    #[arg(long, env = "LATCHKEY_CONSENT_DATABASE_URL", hide_env_values = true)]
    pub consent_database_url: String,
    /// Lets apps register themselves without a token of an organization (RFC 7591). They are unverified, and each
    /// organization says whether its people may approve them.
    #[arg(long, env = "LATCHKEY_OPEN_REGISTRATION")]
    pub open_registration: bool,
    /// Has the provider asked about each key that was neither used nor checked for so long, such as `24h`; an hour
    /// at least. Without it a key is checked when it is stored or replaced, and when its owner asks.
    #[arg(long, env = "LATCHKEY_CHECK_KEYS_EVERY", value_parser = consent::Settings::check_every)]
    pub check_keys_every: Option<SignedDuration>,
    /// The database, under billing's role.
    #[arg(long, env = "LATCHKEY_BILLING_DATABASE_URL", hide_env_values = true)]
    pub billing_database_url: String,
}

/// The four services.
#[derive(Clone)]
pub struct Vault {
    auth: auth::App,
    consent: consent::App,
    proxy: proxy::App,
    billing: billing::App,
}

impl Settings {
    fn consent(&self) -> consent::Settings {
        consent::Settings {
            consent_database_url: self.consent_database_url.clone(),
            redis_url: self.proxy.redis_url.clone(),
            redis_namespace: self.proxy.redis_namespace.clone(),
            amqp_url: self.proxy.amqp_url.clone(),
            amqp_prefix: self.proxy.amqp_prefix.clone(),
            open_registration: self.open_registration,
            check_keys_every: self.check_keys_every,
        }
    }

    fn billing(&self) -> billing::Settings {
        billing::Settings {
            billing_database_url: self.billing_database_url.clone(),
            billing_database_connections: 16,
            redis_url: self.proxy.redis_url.clone(),
            redis_namespace: self.proxy.redis_namespace.clone(),
            amqp_url: self.proxy.amqp_url.clone(),
            amqp_prefix: self.proxy.amqp_prefix.clone(),
        }
    }

    /// The sessions that every page looks up, and what surrounds the routes.
    ///
    /// # Errors
    /// When the database URL does not parse.
    pub fn site(&self, server: &ServerSettings, clock: &Clock) -> Result<Site> {
        Ok(Site::new(
            server,
            Sessions::new(self.auth.postgres()?, clock.clone()),
        ))
    }
}

impl Vault {
    /// Puts the four services together.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub async fn build(
        settings: &Settings,
        environment: Environment,
        site: &Site,
        clock: &Clock,
    ) -> Result<Self> {
        let keys = settings.keys.connect(environment.as_str()).await?;
        Ok(Self {
            auth: auth::App::build(
                &settings.auth,
                environment,
                keys.clone(),
                site.clone(),
                clock.clone(),
            )?,
            consent: consent::App::build(
                &settings.consent(),
                environment,
                keys.clone(),
                site,
                clock.clone(),
            )?,
            proxy: proxy::App::build(&settings.proxy, environment, keys, clock.clone()).await?,
            billing: billing::App::build(&settings.billing(), clock.clone())?,
        })
    }

    /// Adds the routes of all four.
    pub fn routes(&self, config: &mut web::ServiceConfig) {
        self.auth.routes(config);
        self.consent.routes(config);
        self.proxy.routes(config);
        self.billing.routes(config);
    }

    /// What readiness asks.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let mut checks = self.consent.checks();
        checks.extend(self.proxy.checks());
        checks.extend(self.billing.checks());
        checks
    }

    /// What runs beside the requests.
    #[must_use]
    pub fn background(&self, shutdown: &Shutdown) -> Vec<JoinHandle<()>> {
        let mut tasks = self.auth.background(shutdown.clone());
        tasks.extend(self.consent.background(shutdown));
        tasks.extend(self.proxy.background(shutdown));
        tasks.extend(self.billing.background(shutdown.clone()));
        tasks
    }
}
