//! How this service is built.

use std::sync::Arc;

use actix_web::web;
use clock::Clock;
use event_bus::{BusSettings, EventBus, Relay};
use guarded_fetch::Reach;
use jiff::SignedDuration;
use key_vault::{KeyService, Sealer};
use postgres::{DatabaseSettings, Postgres};
use server::{AnswerKeeper, Check, Environment, Shutdown, Site};
use spend_limits::SpendLimits;
use tokio::{sync::broadcast, task::JoinHandle};

use crate::{
    access_request::{Requests, overdue},
    address::Addresses,
    approval_rule::ApprovalRules,
    blocked_app::BlockedApps,
    budget::Budgets,
    client_metadata::Published,
    custom_provider::CustomProviders,
    grant::Grants,
    kept_answers::KeptAnswers,
    leftovers,
    model_alias::ModelAliases,
    oauth::{Pace, RegistrationPace, device::page::Attempts},
    okap::Knocks,
    organization_policy::Policies,
    policy::Policy,
    provider_key::{ProviderKeys, idle, told},
    registered_app::Apps,
    registration_token::RegistrationTokens,
    routes,
    settings::Settings,
    vault::{Parts, Vault},
};

/// How many changes a slow listener may be behind before it looks at the table instead.
const CHANGES: usize = 1_024;
/// How many connections this service holds to its database at most.
const CONNECTIONS: usize = 24;

/// The consent service.
#[derive(Clone)]
pub struct App {
    vault: Vault,
    knocks: Knocks,
    pace: Pace,
    registrations: RegistrationPace,
    attempts: Attempts,
    keys: ProviderKeys,
    check_keys_every: Option<SignedDuration>,
    bus: EventBus,
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
        site: &Site,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let database = DatabaseSettings {
            url: settings.consent_database_url.clone(),
            connections: CONNECTIONS,
        };
        let postgres = Postgres::connect(&database)?;
        let bus = EventBus::connect(&BusSettings {
            url: settings.amqp_url.clone(),
            prefix: settings.amqp_prefix.clone(),
        })?;
        let relay = Relay::new(postgres.clone(), bus.clone(), "relay");
        let published_clock = clock.clone();
        let vault = Vault::new(Parts {
            postgres: postgres.clone(),
            clock: clock.clone(),
            policy: Policy::default(),
            sealer: Sealer::new(keys, clock),
            spend_limits: SpendLimits::connect(&settings.redis_url, &settings.redis_namespace)?,
            published: Published::new(
                Reach::fitting(environment == Environment::Production),
                published_clock,
            )?,
            open_registration: settings.open_registration,
            public_url: site.origin().to_owned(),
            relay,
            changes: broadcast::channel(CHANGES).0,
        });
        Ok(Self {
            check_keys_every: settings.check_keys_every,
            ..Self::over(vault, bus)
        })
    }

    /// The service over parts that are there already, as several on one pool of connections have
    /// them.
    #[must_use]
    pub fn over(vault: Vault, bus: EventBus) -> Self {
        Self {
            keys: ProviderKeys::new(vault.clone()),
            check_keys_every: None,
            vault,
            knocks: Knocks::new(),
            pace: Pace::new(),
            registrations: RegistrationPace::new(),
            attempts: Attempts::new(),
            bus,
        }
    }

    /// Adds this service's routes.
    pub fn routes(&self, config: &mut web::ServiceConfig) {
        let vault = &self.vault;
        config
            .app_data(web::Data::new(vault.clone()))
            .app_data(web::Data::new(Requests::new(vault.clone())))
            .app_data(web::Data::new(Grants::new(vault.clone())))
            .app_data(web::Data::new(self.keys.clone()))
            .app_data(web::Data::new(Addresses::new(vault.clone())))
            .app_data(web::Data::new(Apps::new(vault.clone())))
            .app_data(web::Data::new(Policies::new(vault.clone())))
            .app_data(web::Data::new(Budgets::new(vault.clone())))
            .app_data(web::Data::new(CustomProviders::new(vault.clone())))
            .app_data(web::Data::new(ModelAliases::new(vault.clone())))
            .app_data(web::Data::new(BlockedApps::new(vault.clone())))
            .app_data(web::Data::new(ApprovalRules::new(vault.clone())))
            .app_data(web::Data::new(self.knocks.clone()))
            .app_data(web::Data::new(RegistrationTokens::new(vault.clone())))
            .app_data(self.keeper())
            .app_data(web::Data::new(self.pace.clone()))
            .app_data(web::Data::new(self.registrations.clone()))
            .app_data(web::Data::new(self.attempts.clone()));
        routes::api(&mut utoipa_actix_web::service_config::ServiceConfig::new(
            config,
        ));
        routes::unlisted(config);
    }

    /// Where answers to calls with an idempotency key are kept.
    fn keeper(&self) -> web::Data<dyn AnswerKeeper> {
        let keeper: Arc<dyn AnswerKeeper> = Arc::new(KeptAnswers::new(self.vault.clone()));
        web::Data::from(keeper)
    }

    /// The service's database, for the sessions that its routes look up.
    #[must_use]
    pub fn postgres(&self) -> &Postgres {
        &self.vault.postgres
    }

    /// What readiness asks.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let postgres = self.vault.postgres.clone();
        vec![Check::new("consent-postgres", move || {
            let postgres = postgres.clone();
            async move { postgres.ping().await }
        })]
    }

    /// What runs beside the requests: the relay of all decisions, taking note of what
    /// providers say of keys, having idle ones checked, ending access requests that nobody decided in time, and removing what is
    /// spent or expired.
    #[must_use]
    pub fn background(&self, shutdown: &Shutdown) -> Vec<JoinHandle<()>> {
        let relayed = tokio::spawn(self.vault.relay.clone().run(shutdown.requested()));
        let noted = tokio::spawn(told::note(
            self.keys.clone(),
            self.bus.clone(),
            shutdown.requested(),
        ));
        let checked = tokio::spawn(idle::check(
            self.keys.clone(),
            self.check_keys_every,
            shutdown.requested(),
        ));
        let ended = tokio::spawn(overdue::end(
            Requests::new(self.vault.clone()),
            shutdown.requested(),
        ));
        let swept = tokio::spawn(leftovers::sweep(self.vault.clone(), shutdown.requested()));
        vec![relayed, noted, checked, ended, swept]
    }
}
