//! Log lines and metrics of the whole process.

use std::{
    io::IsTerminal,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use actix_web::mime::Mime;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::settings::LogFormat;

/// What is logged unless `RUST_LOG` says otherwise.
const USUAL_FILTER: &str = "info,actix_server=warn";
/// Crates that write down what they send and receive: parameters of queries, headers, frames. They
/// hold credentials, so below a warning nothing of theirs is logged, whatever `RUST_LOG` says.
const TALKATIVE: [&str; 14] = [
    "actix_http",
    "amq_protocol",
    "aws_",
    "deadpool",
    "h2",
    "hyper",
    "lapin",
    "oauth2",
    "openidconnect",
    "redis",
    "reqwest",
    "rustls",
    "tokio_postgres",
    "tower",
];
/// From a Redis round trip to a long stream, in seconds.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0,
];
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
static STARTING: Mutex<()> = Mutex::new(());

/// Why log lines or metrics could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Another part of the process has set up logging already.
    #[error("logging is set up already")]
    Logging,
    /// The metrics recorder could not be installed.
    #[error("metrics could not be set up")]
    Metrics(#[from] BuildError),
}

/// Starts log lines on standard error and metrics, once for the process.
///
/// # Errors
/// When either was started before.
pub fn start(format: LogFormat) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL_FILTER));
    let lines = tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(is_discreet));
    let started = match format {
        LogFormat::Json => {
            let json = fmt::layer()
                .json()
                .flatten_event(true)
                .with_span_list(false);
            lines.with(json.with_writer(std::io::stderr)).try_init()
        }
        LogFormat::Pretty => {
            let pretty = fmt::layer().compact().with_target(false);
            let colours = std::io::stderr().is_terminal();
            lines
                .with(pretty.with_ansi(colours).with_writer(std::io::stderr))
                .try_init()
        }
    };
    started.map_err(|_| TelemetryError::Logging)?;
    start_metrics()
}

/// Starts metrics alone, for tests; starting them again changes nothing.
///
/// # Errors
/// When another recorder is installed.
pub fn start_metrics() -> Result<(), TelemetryError> {
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if RECORDER.get().is_some() {
        return Ok(());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .install_recorder()?;
    RECORDER.get_or_init(|| recorder);
    describe();
    Ok(())
}

/// Whether a log line may be written without its text being known to us.
fn is_discreet(line: &Metadata<'_>) -> bool {
    *line.level() <= Level::WARN || !TALKATIVE.iter().any(|name| line.target().starts_with(name))
}

/// What renders the metrics; `None` until they are started.
pub(crate) fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER.get()
}

/// Moves histogram samples into their buckets now and then, so that memory stays bounded even
/// when nobody reads the metrics.
pub(crate) async fn keep_up() {
    let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        interval.tick().await;
        if let Some(recorder) = recorder() {
            recorder.run_upkeep();
        }
    }
}

/// The media type of Prometheus' text format.
pub(crate) fn exposition_format() -> Mime {
    let exact = "text/plain; version=0.0.4; charset=utf-8".parse();
    exact.unwrap_or(actix_web::mime::TEXT_PLAIN_UTF_8)
}

fn describe() {
    metrics::describe_counter!(
        "latchkey_http_requests_total",
        "Requests answered, by route, method and status."
    );
    metrics::describe_histogram!(
        "latchkey_http_request_seconds",
        metrics::Unit::Seconds,
        "Time until the head of the answer was ready, by route."
    );
    metrics::describe_counter!(
        "latchkey_throttled_total",
        "Requests refused because their caller asked too often, by limit."
    );
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn drivers_write_nothing_below_a_warning_whatever_is_asked_for() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::registry()
            .with(EnvFilter::new("trace,tokio_postgres::query=trace"))
            .with(filter_fn(is_discreet))
            .with(fmt::layer().with_writer(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "tokio_postgres::query", "parameters: CANARY");
            tracing::trace!(target: "h2::codec", "CANARY");
            tracing::trace!(target: "aws_sigv4::http_request", "CANARY");
            tracing::warn!(target: "lapin", "connection lost");
            tracing::trace!(target: "consent::grant", "decided");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("CANARY"), "{text}");
        assert!(
            text.contains("connection lost") && text.contains("decided"),
            "{text}"
        );
    }

    #[test]
    fn metrics_are_started_once_however_often_they_are_asked_for() {
        let starting = || std::thread::spawn(start_metrics);
        for start in [starting(), starting(), starting()] {
            assert!(start.join().unwrap().is_ok());
        }
    }
}
