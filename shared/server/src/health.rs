//! `/health/live`, `/health/ready` and `/metrics`: for machines that run this one.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use actix_web::{
    HttpResponse, get,
    http::header::{CACHE_CONTROL, ContentType},
    web,
};
use futures_util::future::join_all;
use serde::Serialize;

use crate::{shutdown::Shutdown, telemetry};

/// A check that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(2);

type Answer = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// One thing that must be reachable for this process to be of use.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    ask: Arc<dyn Fn() -> Answer + Send + Sync>,
}

impl Check {
    /// A named check. The error goes to the log, never to the caller.
    pub fn new<F, E>(name: &'static str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let ask = move || -> Answer {
            let asked = ask();
            Box::pin(async move { asked.await.map_err(|error| error.to_string()) })
        };
        Self {
            name,
            ask: Arc::new(ask),
        }
    }

    async fn outcome(&self) -> Outcome {
        let answer = tokio::time::timeout(PATIENCE, (self.ask)()).await;
        let error = match answer {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some("no answer in time".to_owned()),
        };
        if let Some(error) = &error {
            tracing::warn!(check = self.name, %error, "not ready");
        }
        Outcome {
            name: self.name,
            ok: error.is_none(),
        }
    }
}

/// Every check of this process.
#[derive(Clone, Default)]
pub(crate) struct Checks(pub(crate) Arc<Vec<Check>>);

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    checks: Vec<Outcome>,
}

#[derive(Serialize)]
struct Outcome {
    name: &'static str,
    ok: bool,
}

/// The process answers at all; restart it when it does not.
#[get("/health/live")]
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(Readiness {
            status: "live",
            checks: Vec::new(),
        })
}

/// The process can do its work; send it requests only then.
#[get("/health/ready")]
pub(crate) async fn ready(checks: web::Data<Checks>, stopping: Shutdown) -> HttpResponse {
    let outcomes = join_all(checks.0.iter().map(Check::outcome)).await;
    let (status, mut response) = if stopping.is_requested() {
        ("stopping", HttpResponse::ServiceUnavailable())
    } else if outcomes.iter().all(|outcome| outcome.ok) {
        ("ready", HttpResponse::Ok())
    } else {
        ("not_ready", HttpResponse::ServiceUnavailable())
    };
    response
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(Readiness {
            status,
            checks: outcomes,
        })
}

/// What Prometheus reads.
#[get("/metrics")]
pub(crate) async fn metrics() -> HttpResponse {
    match telemetry::recorder() {
        Some(recorder) => HttpResponse::Ok()
            .insert_header(ContentType(telemetry::exposition_format()))
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(recorder.render()),
        None => HttpResponse::NotFound().finish(),
    }
}
