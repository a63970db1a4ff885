//! Every setting of this service.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::{provider::ProviderUrl, spool::SpoolSync};

/// Settings of the proxy service.
#[derive(Clone, Args)]
#[group(skip)]
pub struct Settings {
    /// The database, under this service's role: postgres://…
    #[arg(long, env = "LATCHKEY_PROXY_DATABASE_URL", hide_env_values = true)]
    pub proxy_database_url: String,

    /// Most connections to the database at once.
    #[arg(
        long,
        env = "LATCHKEY_PROXY_DATABASE_CONNECTIONS",
        default_value_t = 16
    )]
    pub proxy_database_connections: usize,

    /// The Redis that holds limits: redis://…
    #[arg(
        long,
        env = "LATCHKEY_REDIS_URL",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379"
    )]
    pub redis_url: String,

    /// Put before every key in Redis, to keep installations on one Redis apart.
    #[arg(long, env = "LATCHKEY_REDIS_NAMESPACE", default_value = "lk")]
    pub redis_namespace: String,

    /// The message bus: amqp://…
    #[arg(
        long,
        env = "LATCHKEY_AMQP_URL",
        hide_env_values = true,
        default_value = "amqp://guest:guest@127.0.0.1:5672/%2f"
    )]
    pub amqp_url: String,

    /// Put before every name on the message bus, to keep installations on one broker apart.
    #[arg(long, env = "LATCHKEY_AMQP_PREFIX", default_value = "")]
    pub amqp_prefix: String,

    /// Where the records of calls are kept until the message bus has them. Survives a restart;
    /// several proxies on one machine may share it.
    #[arg(long, env = "LATCHKEY_SPOOL_DIR")]
    pub spool_dir: PathBuf,

    /// When a record counts as kept: `always` when it would survive a loss of power; `soon` and
    /// `none` when it would survive the end of the process, where `soon` also brings it to the disk
    /// within some 20 ms.
    #[arg(long, env = "LATCHKEY_SPOOL_SYNC", value_enum, default_value = "soon")]
    pub spool_sync: SpoolSync,

    /// Other addresses for built-in providers, such as `openai=http://127.0.0.1:9100/v1`; several
    /// are separated by commas. Refused in production.
    #[arg(
        long = "provider-url",
        env = "LATCHKEY_PROVIDER_URLS",
        value_delimiter = ','
    )]
    pub provider_urls: Vec<ProviderUrl>,

    /// The cap on output tokens that is put into a call that names none.
    #[arg(long, env = "LATCHKEY_OUTPUT_CAP", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    pub output_cap: u32,

    /// The most calls of one grant at one time in this process.
    #[arg(long, env = "LATCHKEY_CALLS_OF_A_GRANT", default_value_t = 1_000)]
    pub calls_of_a_grant: usize,

    /// The most calls of one organization at one time in this process, so that it leaves room for others.
    #[arg(
        long,
        env = "LATCHKEY_CALLS_OF_AN_ORGANIZATION",
        default_value_t = 8_000
    )]
    pub calls_of_an_organization: usize,

    /// The most calls in this process at one time.
    #[arg(long, env = "LATCHKEY_CALLS_AT_ONCE", default_value_t = 10_000)]
    pub calls_at_once: usize,

    /// The most bytes of answers that are kept in memory for apps that ask for it; 0 keeps none.
    #[arg(
        long,
        env = "LATCHKEY_RESPONSE_CACHE_BYTES",
        default_value_t = 64 * 1024 * 1024
    )]
    pub response_cache_bytes: u64,

    /// The most bytes of one answer that is kept.
    #[arg(
        long,
        env = "LATCHKEY_RESPONSE_CACHE_ANSWER_BYTES",
        default_value_t = 1024 * 1024
    )]
    pub response_cache_answer_bytes: usize,

    /// How long a provider may take to begin its answer.
    #[arg(long, env = "LATCHKEY_FIRST_BYTE_WITHIN", default_value = "120s", value_parser = parse_duration)]
    pub first_byte_within: Duration,

    /// How long a provider may be silent in the midst of an answer.
    #[arg(long, env = "LATCHKEY_IDLE_WITHIN", default_value = "60s", value_parser = parse_duration)]
    pub idle_within: Duration,

    /// How long an app may stop reading before its answer is taken from it.
    #[arg(long, env = "LATCHKEY_APP_READS_WITHIN", default_value = "90s", value_parser = parse_duration)]
    pub app_reads_within: Duration,

    /// How long a call may take.
    #[arg(long, env = "LATCHKEY_CALL_WITHIN", default_value = "15m", value_parser = parse_duration)]
    pub call_within: Duration,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration = text
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    match Duration::try_from(signed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("must be longer than nothing".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        proxy: Settings,
    }

    fn parse(flags: &[&str]) -> Result<Settings, clap::Error> {
        let needed = [
            "proxy",
            "--proxy-database-url",
            "postgres://x",
            "--spool-dir",
            "/tmp/x",
        ];
        Cli::try_parse_from(needed.iter().chain(flags)).map(|cli| cli.proxy)
    }

    #[test]
    fn several_providers_may_be_elsewhere() {
        let one = "openai=http://127.0.0.1:1/v1,google=http://127.0.0.1:1/google";
        let settings = parse(&["--provider-url", one, "--provider-url", "groq=http://a"]).unwrap();
        assert_eq!(settings.provider_urls.len(), 3);
        assert!(parse(&["--provider-url", "nobody=http://a"]).is_err());
    }

    #[test]
    fn times_are_longer_than_nothing() {
        assert!(parse(&["--idle-within", "0s"]).is_err());
        assert!(parse(&["--idle-within", "soon"]).is_err());
        assert_eq!(parse(&[]).unwrap().call_within, Duration::from_secs(900));
    }
}
