//! What every service process is told about its place on the network.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use clap::{Args, ValueEnum};
use url::{Host, Url};

/// Where the process listens and what the world calls it.
#[derive(Debug, Clone, Args)]
pub struct ServerSettings {
    /// Address to listen on.
    #[arg(long, env = "LATCHKEY_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// Port to listen on; 0 takes any free one.
    #[arg(long, env = "LATCHKEY_PORT", default_value_t = 8080)]
    pub port: u16,

    /// The one origin under which people and apps reach the vault, such as `https://vault.example.com`.
    #[arg(
        long,
        env = "LATCHKEY_PUBLIC_URL",
        default_value = "http://127.0.0.1:8080",
        value_parser = parse_origin,
    )]
    pub public_url: Url,

    /// Production refuses every convenience of development, plain http among them.
    #[arg(
        long,
        env = "LATCHKEY_ENVIRONMENT",
        value_enum,
        default_value = "development"
    )]
    pub environment: Environment,

    /// Threads that answer requests; one for each processor when absent.
    #[arg(long, env = "LATCHKEY_WORKERS")]
    pub workers: Option<usize>,

    /// Addresses of gateways whose `X-Forwarded-For` may be believed. From everybody else it is ignored.
    #[arg(long, env = "LATCHKEY_GATEWAYS", value_delimiter = ',')]
    pub gateways: Vec<IpAddr>,

    /// How log lines are written; `json` in production and `pretty` otherwise when absent.
    #[arg(long, env = "LATCHKEY_LOG_FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,

    /// How long to go on answering after a stop is asked for, while gateways notice, such as `5s`.
    #[arg(long, env = "LATCHKEY_DRAIN", default_value = "0s", value_parser = parse_duration)]
    pub drain: Duration,

    /// How long requests under way may take to finish once no more are taken, such as `30s`.
    #[arg(long, env = "LATCHKEY_STOP_TIMEOUT", default_value = "30s", value_parser = parse_duration)]
    pub stop_timeout: Duration,
}

/// What the process is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Environment {
    /// On a developer's machine or in a test.
    Development,
    /// For real keys and real people.
    Production,
}

impl Environment {
    /// Its name, as it is given in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// Coloured text, for people.
    Pretty,
}

/// Why the settings do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Session cookies and tokens would cross the network in the clear.
    #[error("in production the public URL must begin with https://")]
    PlainHttp,
}

impl ServerSettings {
    /// Whether this process must refuse conveniences of development.
    #[must_use]
    pub const fn is_production(&self) -> bool {
        matches!(self.environment, Environment::Production)
    }

    /// The log format asked for, or the one that fits the environment.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        let fitting = if self.is_production() {
            LogFormat::Json
        } else {
            LogFormat::Pretty
        };
        self.log_format.unwrap_or(fitting)
    }

    /// Where to listen.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// Refuses settings that do not fit together.
    ///
    /// # Errors
    /// Names the rule they break.
    pub fn checked(&self) -> Result<(), SettingsError> {
        if self.is_production() && self.public_url.scheme() != "https" {
            return Err(SettingsError::PlainHttp);
        }
        Ok(())
    }
}

impl Default for ServerSettings {
    /// The settings of a development server, as with no flag and no variable set.
    fn default() -> Self {
        Self {
            host: IpAddr::from([127, 0, 0, 1]),
            port: 8080,
            public_url: default_public_url(),
            environment: Environment::Development,
            workers: None,
            gateways: Vec::new(),
            log_format: None,
            drain: Duration::ZERO,
            stop_timeout: Duration::from_secs(30),
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "the text is a constant and a test reads it"
)]
fn default_public_url() -> Url {
    "http://127.0.0.1:8080"
        .parse()
        .expect("a constant URL parses")
}

fn parse_origin(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    let beyond_origin = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
    if beyond_origin || !url.username().is_empty() || url.password().is_some() {
        return Err("must be an origin only: scheme, host and port".to_owned());
    }
    match url.host() {
        Some(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)) => Ok(url),
        None => Err("must name a host".to_owned()),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration = text
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(signed).map_err(|_| "must not be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        server: ServerSettings,
    }

    fn parse(flags: &[&str]) -> Result<ServerSettings, clap::Error> {
        let line = std::iter::once("vault").chain(flags.iter().copied());
        Cli::try_parse_from(line).map(|cli| cli.server)
    }

    #[test]
    fn without_flags_the_settings_are_the_default_ones() {
        let parsed = parse(&[]).unwrap();
        assert_eq!(
            format!("{parsed:?}"),
            format!("{:?}", ServerSettings::default())
        );
    }

    #[test]
    fn the_public_url_is_an_origin() {
        for bad in [
            "vault",
            "ftp://a",
            "https://a/path",
            "https://u@a",
            "https://a?x",
            "https://a#x",
        ] {
            assert!(parse(&["--public-url", bad]).is_err(), "{bad}");
        }
        assert!(parse(&["--public-url", "https://vault.example.com"]).is_ok());
    }

    #[test]
    fn production_refuses_plain_http() {
        let plain = parse(&["--environment", "production"]).unwrap();
        assert_eq!(plain.checked(), Err(SettingsError::PlainHttp));
        let flags = [
            "--environment",
            "production",
            "--public-url",
            "https://vault.example.com",
        ];
        assert_eq!(parse(&flags).unwrap().checked(), Ok(()));
    }

    #[test]
    fn logs_are_json_in_production_unless_asked_otherwise() {
        assert_eq!(parse(&[]).unwrap().log_format(), LogFormat::Pretty);
        let production = parse(&["--environment", "production"]).unwrap();
        assert_eq!(production.log_format(), LogFormat::Json);
    }
}
