//! Every setting of this service.

use clap::Args;
use jiff::SignedDuration;

/// Settings of the consent service.
#[derive(Args, Clone)]
#[group(skip)]
pub struct Settings {
    /// The database, under this service's role.
    #[arg(long, env = "LATCHKEY_CONSENT_DATABASE_URL", hide_env_values = true)]
    pub consent_database_url: String,
    /// Redis, where limits are enforced.
    #[arg(
        long,
        env = "LATCHKEY_REDIS_URL",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379"
    )]
    pub redis_url: String,
    /// Keeps this installation's keys apart from others on the same Redis.
    #[arg(long, env = "LATCHKEY_REDIS_NAMESPACE", default_value = "lk")]
    pub redis_namespace: String,
    /// RabbitMQ, where events are published.
    #[arg(
        long,
        env = "LATCHKEY_AMQP_URL",
        hide_env_values = true,
        default_value = "amqp://guest:guest@127.0.0.1:5672/%2f"
    )]
    pub amqp_url: String,
    /// Lets apps register themselves without a token of an organization (RFC 7591). They are unverified, and each
    /// organization says whether its people may approve them.
    #[arg(long, env = "LATCHKEY_OPEN_REGISTRATION")]
    pub open_registration: bool,
    /// Has the provider asked about each key that was neither used nor checked for so long, such as `24h`; an hour
    /// at least. Without it a key is checked when it is stored or replaced, and when its owner asks.
    #[arg(long, env = "LATCHKEY_CHECK_KEYS_EVERY", value_parser = Settings::check_every)]
    pub check_keys_every: Option<SignedDuration>,
    /// Keeps this installation's queues apart from others on the same RabbitMQ.
    #[arg(long, env = "LATCHKEY_AMQP_PREFIX", default_value = "")]
    pub amqp_prefix: String,
}

impl Settings {
    /// Reads how long a key may be idle before it is checked.
    ///
    /// # Errors
    /// When it is no duration, or less than an hour.
    pub fn check_every(text: &str) -> Result<SignedDuration, String> {
        let every: SignedDuration = text
            .parse()
            .map_err(|error: jiff::Error| error.to_string())?;
        if every >= SignedDuration::from_hours(1) {
            Ok(every)
        } else {
            Err("must be an hour or more".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_keys_are_checked_once_an_hour_at_most() {
        for (text, good) in [
            ("24h", true),
            ("1h", true),
            ("59m", false),
            ("-2h", false),
            ("soon", false),
        ] {
            assert_eq!(Settings::check_every(text).is_ok(), good, "{text}");
        }
    }
}
