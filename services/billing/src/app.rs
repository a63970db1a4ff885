//! How this service is put together.

use actix_web::web;
use anyhow::Context;
use clock::Clock;
use event_bus::{BusSettings, EventBus};
use postgres::{DatabaseSettings, Postgres};
use server::{Check, Shutdown};
use spend_limits::SpendLimits;
use tokio::task::JoinHandle;

use crate::{
    export::Exports,
    recording::{Recorder, Recordings},
    refill::{Ledger, Refill},
    routes,
    settings::Settings,
    usage::Usage,
};

/// The billing service. Cheap to clone.
#[derive(Clone)]
pub struct App {
    postgres: Postgres,
    bus: EventBus,
    limits: SpendLimits,
    clock: Clock,
    usage: Usage,
    exports: Exports,
    recorder: Recorder,
    refill: Refill,
}

impl App {
    /// Puts the service together. Nothing is connected until it is first needed.
    ///
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When a setting does not parse.
    pub fn build(settings: &Settings, clock: Clock) -> anyhow::Result<Self> {
        let postgres = database(settings)?;
        let bus = EventBus::connect(&BusSettings {
            url: settings.amqp_url.clone(),
            prefix: settings.amqp_prefix.clone(),
        })
        .context("the message bus settings are not valid")?;
        let limits = SpendLimits::connect(&settings.redis_url, &settings.redis_namespace)
            .context("the Redis settings are not valid")?;
        let usage = Usage::new(postgres.clone());
        let recordings = Recordings::new(postgres.clone(), clock.clone());
        let recorder = Recorder::new(bus.clone(), recordings, usage.clone());
        let refill = Refill {
            clock: clock.clone(),
            limits: limits.clone(),
            ledger: Ledger::new(postgres.clone()),
            usage: usage.clone(),
            recorder: recorder.clone(),
            grace: spend_limits::GRACE.into(),
        };
        let exports = Exports::new(postgres.clone());
        Ok(Self {
            postgres,
            bus,
            limits,
            clock,
            usage,
            exports,
            recorder,
            refill,
        })
    }

    /// The books.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// What opens limits again.
    #[must_use]
    pub const fn refill(&self) -> &Refill {
        &self.refill
    }

    /// The service's database, for the sessions that its routes look up.
    #[must_use]
    pub const fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Adds the service's routes.
    pub fn routes(&self, config: &mut web::ServiceConfig) {
        config
            .app_data(web::Data::new(self.usage.clone()))
            .app_data(web::Data::new(self.exports.clone()))
            .app_data(web::Data::new(self.clock.clone()));
        routes::all(config);
    }

    /// Starts what runs beside the requests: the recorder, the books, and the keeper of limits.
    #[must_use]
    pub fn background(&self, shutdown: Shutdown) -> Vec<JoinHandle<()>> {
        let (recorder, usage, refill) = (
            self.recorder.clone(),
            self.usage.clone(),
            self.refill.clone(),
        );
        let (one, two) = (shutdown.clone(), shutdown.clone());
        vec![
            tokio::spawn(async move { recorder.run(one).await }),
            tokio::spawn(async move { usage.follow(two).await }),
            tokio::spawn(async move { refill.watch(shutdown).await }),
        ]
    }

    /// What must answer for this service to be of use.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let (postgres, bus, limits) =
            (self.postgres.clone(), self.bus.clone(), self.limits.clone());
        vec![
            Check::new("billing database", move || {
                let postgres = postgres.clone();
                async move { postgres.ping().await }
            }),
            Check::new("message bus", move || {
                let bus = bus.clone();
                async move { bus.ping().await }
            }),
            Check::new("limits", move || {
                let limits = limits.clone();
                async move { limits.check_server().await }
            }),
        ]
    }
}

/// The service's database.
///
/// # Errors
/// When its URL does not parse.
pub fn database(settings: &Settings) -> anyhow::Result<Postgres> {
    Postgres::connect(&DatabaseSettings {
        url: settings.billing_database_url.clone(),
        connections: settings.billing_database_connections,
    })
    .context("the database settings are not valid")
}
