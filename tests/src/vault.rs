//! A whole vault for one test: its own database, its own Redis namespace, its own queues, its own
//! simulator, all four services for real, and as many proxies as asked for.

use std::{net::TcpListener, path::PathBuf, sync::Arc};

use actix_web::{HttpServer, dev::ServerHandle, web};
use anyhow::{Context, Result};
use clock::Clock;
use key_vault::KeyService;
use postgres::{DatabaseSettings, Postgres};
use provider_simulator::{Running, Settings as SimulatorSettings, Simulator};
use server::{Environment, ServerSettings, Shutdown, Site, Stop, Surface};
use sessions::Sessions;
use tokio::task::JoinHandle;
use tokio_postgres::{Config, NoTls};

use crate::owner::Owner;

/// A running vault. [`Vault::close`] ends it and forgets its data.
pub struct Vault {
    /// Where it is reached: auth, consent, billing and the first proxy.
    pub url: String,
    /// Every proxy's address, the first included.
    pub proxies: Vec<String>,
    /// The organization's owner.
    pub owner: Owner,
    /// Every AI provider.
    pub simulator: Running,
    /// The database, as its administrator.
    pub admin: Config,
    settings: Parts,
    handles: Vec<ServerHandle>,
    tasks: Vec<JoinHandle<()>>,
    stop: Arc<Stop>,
}

#[derive(Clone)]
struct Parts {
    name: String,
    password: String,
    redis_url: String,
    amqp_url: String,
    folder: PathBuf,
}

/// The database server's administrator, as the test runner says.
///
/// # Errors
/// When the URL does not parse.
pub fn admin_database() -> Result<Config> {
    told(
        "LATCHKEY_TEST_POSTGRES_URL",
        "postgres://postgres@127.0.0.1:5432/postgres",
    )
    .parse()
    .context("the test database's URL")
}

/// What the test runner says about its servers.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told where the servers are by their runner"
)]
pub fn told(name: &str, otherwise: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

impl Vault {
    /// Starts a vault with this many proxies.
    ///
    /// # Errors
    /// When a server it needs does not answer.
    pub async fn open(proxies: usize) -> Result<Self> {
        let clock = Clock::system();
        let unique = ids::SessionId::new(clock.now()).uuid().simple().to_string();
        let settings = Parts {
            name: format!("lk_journey_{}", &unique[..20]),
            password: told("LATCHKEY_ROLE_PASSWORD", "test"),
            redis_url: told("LATCHKEY_TEST_REDIS_URL", "redis://127.0.0.1:6379"),
            amqp_url: told(
                "LATCHKEY_TEST_AMQP_URL",
                "amqp://guest:guest@127.0.0.1:5672/%2f",
            ),
            folder: std::env::temp_dir().join(format!("latchkey-journey-{unique}")),
        };
        std::fs::create_dir_all(&settings.folder)?;
        migrations::run(&admin_database()?, &settings.name, &settings.password).await?;
        let mut admin = admin_database()?;
        admin.dbname(&settings.name);
        let simulator = Simulator::start(&SimulatorSettings::for_tests())?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, shutdown) = Shutdown::pair();
        let mut vault = Self {
            url: url.clone(),
            proxies: vec![url.clone()],
            owner: Owner::nobody(&url),
            simulator,
            admin,
            settings,
            handles: Vec::new(),
            tasks: Vec::new(),
            stop: Arc::new(stop),
        };
        vault.start_all(listener, &shutdown, &clock).await?;
        for _ in 1..proxies {
            vault.start_proxy(&shutdown, &clock).await?;
        }
        vault.owner = vault.provision("Acme", &clock).await?;
        vault.ready().await?;
        Ok(vault)
    }

    /// How many calls reached a provider. That the vault itself looks whether a key is good, by a list of
    /// models, is none.
    #[must_use]
    pub fn calls_at_provider(&self) -> usize {
        let log = self.simulator.log();
        log.iter().filter(|call| call["route"] != "models").count()
    }

    async fn start_all(
        &mut self,
        listener: TcpListener,
        shutdown: &Shutdown,
        clock: &Clock,
    ) -> Result<()> {
        let site = self.site(clock)?;
        let keys = self.keys()?;
        let auth = auth::App::build(
            &self.auth_settings(),
            Environment::Development,
            keys.clone(),
            site.clone(),
            clock.clone(),
        )?;
        let consent = consent::App::build(
            &self.consent_settings(),
            Environment::Development,
            keys,
            &site,
            clock.clone(),
        )?;
        let billing = billing::App::build(&self.billing_settings(), clock.clone())?;
        let proxy = self.proxy("0", clock).await?;
        self.tasks.extend(auth.background(shutdown.clone()));
        self.tasks.extend(consent.background(shutdown));
        self.tasks.extend(billing.background(shutdown.clone()));
        self.tasks.extend(proxy.background(shutdown));
        let routes = move |config: &mut web::ServiceConfig| {
            config.configure(pages::assets);
            auth.routes(config);
            consent.routes(config);
            billing.routes(config);
            proxy.routes(config);
        };
        self.serve(listener, site, routes)
    }

    async fn start_proxy(&mut self, shutdown: &Shutdown, clock: &Clock) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        self.proxies
            .push(format!("http://{}", listener.local_addr()?));
        let proxy = self.proxy(&self.proxies.len().to_string(), clock).await?;
        self.tasks.extend(proxy.background(shutdown));
        let site = self.site(clock)?;
        self.serve(listener, site, move |config: &mut web::ServiceConfig| {
            proxy.routes(config);
        })
    }

    fn serve(
        &mut self,
        listener: TcpListener,
        site: Site,
        routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> Result<()> {
        listener.set_nonblocking(true)?;
        let surface = Surface::new(site);
        let server = HttpServer::new(move || surface.app(routes.clone()))
            .workers(2)
            .shutdown_timeout(1)
            .disable_signals()
            .listen(listener)?
            .run();
        self.handles.push(server.handle());
        self.tasks.push(tokio::spawn(
            async move { server.await.unwrap_or_default() },
        ));
        Ok(())
    }

    pub(crate) fn site(&self, clock: &Clock) -> Result<Site> {
        let postgres = Postgres::connect(&DatabaseSettings {
            url: self.role_url("auth"),
            connections: 4,
        })?;
        Ok(Site::new(
            &self.server_settings()?,
            Sessions::new(postgres, clock.clone()),
        ))
    }

    fn server_settings(&self) -> Result<ServerSettings> {
        use clap::Parser;
        #[derive(Parser)]
        struct Cli {
            #[command(flatten)]
            server: ServerSettings,
        }
        Ok(Cli::try_parse_from(["latchkey", "--public-url", &self.url])?.server)
    }

    fn keys(&self) -> Result<KeyService> {
        Ok(KeyService::local(
            &self.settings.folder.join("wrapping-key"),
            "development",
        )?)
    }

    /// The database under the role of a service.
    #[must_use]
    pub fn role_url(&self, role: &str) -> String {
        let mut url = url::Url::parse(&told(
            "LATCHKEY_TEST_POSTGRES_URL",
            "postgres://postgres@127.0.0.1:5432/postgres",
        ))
        .unwrap_or_else(|_| unreachable!("checked by admin_database"));
        url.set_username(&format!("latchkey_{role}"))
            .unwrap_or_default();
        url.set_password(Some(&self.settings.password))
            .unwrap_or_default();
        url.set_path(&self.settings.name);
        url.into()
    }

    fn auth_settings(&self) -> auth::Settings {
        auth::Settings {
            auth_database_url: self.role_url("auth"),
            auth_database_connections: 8,
            auth_sso_join: true,
        }
    }

    fn consent_settings(&self) -> consent::Settings {
        consent::Settings {
            consent_database_url: self.role_url("consent"),
            redis_url: self.settings.redis_url.clone(),
            redis_namespace: self.namespace(),
            amqp_url: self.settings.amqp_url.clone(),
            amqp_prefix: self.prefix(),
            open_registration: false,
            check_keys_every: None,
        }
    }

    fn billing_settings(&self) -> billing::Settings {
        billing::Settings {
            billing_database_url: self.role_url("billing"),
            billing_database_connections: 8,
            redis_url: self.settings.redis_url.clone(),
            redis_namespace: self.namespace(),
            amqp_url: self.settings.amqp_url.clone(),
            amqp_prefix: self.prefix(),
        }
    }

    fn namespace(&self) -> String {
        self.settings.name.replace('_', "-")
    }

    fn prefix(&self) -> String {
        format!("{}.", self.settings.name)
    }

    async fn proxy(&self, number: &str, clock: &Clock) -> Result<proxy::App> {
        let simulator = self.simulator.url();
        let provider_urls = format!(
            "openai={simulator}/openai/v1,anthropic={simulator}/anthropic/v1,google={simulator}/google,mistral={simulator}/mistral/v1"
        );
        let spool = self.settings.folder.join(format!("spool-{number}"));
        std::fs::create_dir_all(&spool)?;
        let settings = proxy_settings(&[
            ("--proxy-database-url", &self.role_url("proxy")),
            ("--redis-url", &self.settings.redis_url),
            ("--redis-namespace", &self.namespace()),
            ("--amqp-url", &self.settings.amqp_url),
            ("--amqp-prefix", &self.prefix()),
            ("--spool-dir", &spool.to_string_lossy()),
            ("--provider-url", &provider_urls),
        ])?;
        proxy::App::build(
            &settings,
            Environment::Development,
            self.keys()?,
            clock.clone(),
        )
        .await
    }

    /// Makes another organization with an owner of its own.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn provision(&self, organization: &str, clock: &Clock) -> Result<Owner> {
        let wanted = auth::provision::Provision {
            organization: organization.to_owned(),
            owner_name: "Alice Archer".to_owned(),
            owner_email: format!("alice@{}.test", organization.to_lowercase()),
            sso_issuer: None,
            sso_client_id: None,
            sso_client_secret: None,
            new_owner_token: true,
        };
        let made = auth::provision::run(
            &self.auth_settings(),
            &self.server_settings()?,
            self.keys()?,
            clock,
            &wanted,
        )
        .await?;
        Ok(Owner::new(&self.url, made))
    }

    async fn ready(&self) -> Result<()> {
        // The first epoch of limits opens in the background.
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
        let limits =
            spend_limits::SpendLimits::connect(&self.settings.redis_url, &self.namespace())?;
        while !limits.is_open().await? {
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "limits do not open");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// A connection to the vault's database as its administrator, for looking behind the scenes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(&self) -> Result<tokio_postgres::Client> {
        let (client, connection) = self.admin.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Ends everything and forgets the data.
    ///
    /// # Errors
    /// When the database cannot be removed.
    pub async fn close(self) -> Result<()> {
        for handle in &self.handles {
            handle.stop(false).await;
        }
        self.stop.request();
        for task in self.tasks {
            drop(tokio::time::timeout(std::time::Duration::from_secs(5), task).await);
        }
        let (admin, connection) = admin_database()?.connect(NoTls).await?;
        tokio::spawn(connection);
        admin
            .batch_execute(&format!(
                "DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)",
                self.settings.name
            ))
            .await?;
        std::fs::remove_dir_all(&self.settings.folder).unwrap_or_default();
        Ok(())
    }
}

fn proxy_settings(flags: &[(&str, &str)]) -> Result<proxy::Settings> {
    use clap::Parser;
    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        proxy: proxy::Settings,
    }
    let flags = flags.iter().flat_map(|(name, value)| [*name, *value]);
    Ok(Cli::try_parse_from(std::iter::once("proxy").chain(flags))?.proxy)
}
