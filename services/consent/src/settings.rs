//! Every setting of this service.

use clap::Args;

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
    /// Keeps this installation's queues apart from others on the same RabbitMQ.
    #[arg(long, env = "LATCHKEY_AMQP_PREFIX", default_value = "")]
    pub amqp_prefix: String,
}
