//! How this service is put together.

use std::{sync::Arc, time::Duration};

use actix_web::web;
use anyhow::{Context, bail};
use clock::Clock;
use event_bus::{BusSettings, EventBus};
use grant_access::{BudgetReader, GrantAccessReader};
use guarded_fetch::Reach;
use key_vault::{KeyService, Opener};
use postgres::{DatabaseSettings, Postgres};
use price_book::PriceBook;
use server::{Check, Environment, Shutdown};
use spend_limits::SpendLimits;
use tokio::task::JoinHandle;

use crate::{
    background,
    cache::{CacheBounds, ResponseCache},
    call::{Bounds, Drains, Gate, Latencies, LiveCalls, MostCalls, StalledApps},
    provider::{OverrideError, Providers},
    routes,
    settings::Settings,
    spool::{Register, Spool},
    wire::Wire,
};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const MEGABYTE: usize = 1024 * 1024;

/// The proxy service. Cheap to clone.
#[derive(Clone)]
pub struct App {
    gate: Arc<Gate>,
    postgres: Postgres,
    register: Register,
}

impl App {
    /// Puts the service together. The spool is opened and entered in the register, so the database
    /// must be there; nothing else is connected until it is first needed.
    ///
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When a setting cannot be used, or the database is not reached.
    pub async fn build(
        settings: &Settings,
        environment: Environment,
        keys: KeyService,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        if environment == Environment::Production && !settings.provider_urls.is_empty() {
            bail!(OverrideError::Production);
        }
        let postgres = Postgres::connect(&DatabaseSettings {
            url: settings.proxy_database_url.clone(),
            connections: settings.proxy_database_connections,
        })
        .context("the database settings are not valid")?;
        let bus = EventBus::connect(&BusSettings {
            url: settings.amqp_url.clone(),
            prefix: settings.amqp_prefix.clone(),
        })
        .context("the message bus settings are not valid")?;
        let limits = SpendLimits::connect(&settings.redis_url, &settings.redis_namespace)
            .context("the Redis settings are not valid")?;
        let spool = Spool::open(&settings.spool_dir, settings.spool_sync, clock.clone())?;
        let reach = Reach::fitting(environment == Environment::Production);
        let gate = Gate {
            providers: Providers::built_in(&settings.provider_urls)?,
            access: GrantAccessReader::new(postgres.clone(), clock.clone()),
            budgets: BudgetReader::new(postgres.clone()),
            limits,
            keys: Opener::new(keys, postgres.clone(), clock.clone()),
            prices: PriceBook::embedded().context("the price book cannot be read")?,
            wire: Wire::new(CONNECT_WITHIN, reach).context("TLS cannot be set up")?,
            cache: ResponseCache::new(CacheBounds {
                all: settings.response_cache_bytes,
                one: settings.response_cache_answer_bytes,
            }),
            spool,
            bus,
            live: LiveCalls::new(MostCalls {
                of_grant: settings.calls_of_a_grant,
                of_tenant: settings.calls_of_an_organization,
                in_all: settings.calls_at_once,
            }),
            clock,
            bounds: bounds(settings),
            drains: Drains::new(200),
            latencies: Latencies::default(),
            apps: StalledApps::new(settings.app_reads_within.max(settings.idle_within)),
        };
        let register = Register::new(postgres.clone());
        if let Some(number) = gate.spool.number() {
            let entered = register.enter(number).await;
            entered.context("the spool cannot be registered")?;
        }
        Ok(Self {
            gate: Arc::new(gate),
            postgres,
            register,
        })
    }

    /// The service's database.
    #[must_use]
    pub const fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Adds this service's routes.
    pub fn routes(&self, config: &mut web::ServiceConfig) {
        config.app_data(web::Data::new(Arc::clone(&self.gate)));
        routes::all(config);
    }

    /// Starts what runs beside the calls.
    #[must_use]
    pub fn background(&self, shutdown: &Shutdown) -> Vec<JoinHandle<()>> {
        background::start(&self.gate, &self.register, shutdown)
    }

    /// What must answer for this service to be of use.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let (postgres, gate) = (self.postgres.clone(), Arc::clone(&self.gate));
        let (of_limits, of_spool) = (Arc::clone(&self.gate), gate);
        vec![
            Check::new("proxy database", move || {
                let postgres = postgres.clone();
                async move { postgres.ping().await }
            }),
            Check::new("limits open", move || {
                let gate = Arc::clone(&of_limits);
                async move {
                    match gate.limits.is_open().await {
                        Ok(true) => Ok(()),
                        Ok(false) => Err("the limits are being restored".to_owned()),
                        Err(error) => Err(error.to_string()),
                    }
                }
            }),
            Check::new("spool", move || {
                let written = of_spool.spool.check();
                async move { written }
            }),
        ]
    }
}

fn bounds(settings: &Settings) -> Bounds {
    Bounds {
        output_cap: settings.output_cap,
        body: 10 * MEGABYTE,
        body_with_vision: 32 * MEGABYTE,
        body_within: Duration::from_secs(60),
        first_byte: settings.first_byte_within,
        idle: settings.idle_within,
        total: settings.call_within,
        drain: Duration::from_secs(30),
    }
}
