//! The service's own parts over a scratch of their own.

use clock::Clock;
use consent::{
    App, Settings,
    client_metadata::Published,
    policy::Policy,
    vault::{Parts, Vault},
};
use event_bus::{BusSettings, EventBus, Relay};
use guarded_fetch::Reach;
use key_vault::{KeyService, Sealer};
use postgres::{DatabaseSettings, Postgres};
use server::{Environment, Site};
use spend_limits::SpendLimits;
use tokio::sync::broadcast;

use crate::scratch::{Scratch, amqp_url, redis_url};

pub fn pool(scratch: &Scratch, role: &str, connections: usize) -> Postgres {
    Postgres::connect(&DatabaseSettings {
        url: scratch.url_of(role),
        connections,
    })
    .unwrap()
}

pub fn keys(scratch: &Scratch) -> KeyService {
    KeyService::local(&scratch.folder.join("wrapping-key"), "development").unwrap()
}

/// A developer's machine, where apps do not register openly.
pub const HERE: (Environment, bool) = (Environment::Development, false);

pub fn app(
    scratch: &Scratch,
    site: &Site,
    clock: &Clock,
    redis_url: &str,
    (environment, open_registration): (Environment, bool),
) -> App {
    let settings = Settings {
        consent_database_url: scratch.url_of("consent"),
        redis_url: redis_url.to_owned(),
        redis_namespace: scratch.namespace(),
        amqp_url: amqp_url(),
        amqp_prefix: scratch.amqp_prefix(),
        open_registration,
        check_keys_every: None,
    };
    App::build(&settings, environment, keys(scratch), site, clock.clone()).unwrap()
}

pub fn vault(scratch: &Scratch, clock: &Clock) -> Vault {
    vault_over(&pool(scratch, "consent", 8), scratch, clock)
}

/// The rooms over a pool that others may use, too.
pub fn vault_over(postgres: &Postgres, scratch: &Scratch, clock: &Clock) -> Vault {
    Vault::new(Parts {
        postgres: postgres.clone(),
        clock: clock.clone(),
        policy: Policy::default(),
        sealer: Sealer::new(keys(scratch), clock.clone()),
        spend_limits: SpendLimits::connect(&redis_url(), &scratch.namespace()).unwrap(),
        published: Published::new(Reach::InternetAndThisMachine, clock.clone()).unwrap(),
        open_registration: false,
        public_url: crate::world::ORIGIN.to_owned(),
        relay: Relay::new(postgres.clone(), bus(scratch), "relay"),
        changes: broadcast::channel(16).0,
    })
}

/// A broker that nobody connects to until something is published.
pub fn bus(scratch: &Scratch) -> EventBus {
    EventBus::connect(&BusSettings {
        url: amqp_url(),
        prefix: scratch.amqp_prefix(),
    })
    .unwrap()
}
