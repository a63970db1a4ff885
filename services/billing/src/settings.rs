//! Every setting of this service.

use clap::Args;

/// What billing works with.
#[derive(Clone, Args)]
#[group(skip)]
pub struct Settings {
    /// The database, under the role of this service: postgres://…
    #[arg(long, env = "LATCHKEY_BILLING_DATABASE_URL", hide_env_values = true)]
    pub billing_database_url: String,

    /// Most connections to the database at once.
    #[arg(
        long,
        env = "LATCHKEY_BILLING_DATABASE_CONNECTIONS",
        default_value_t = 16
    )]
    pub billing_database_connections: usize,

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
}
