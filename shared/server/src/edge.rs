//! The outermost middleware: every request passes it first, every answer last.

use std::{borrow::Cow, time::Instant};

use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
    web,
};
use tracing::Instrument;

use crate::{
    error_pages::{Asker, ErrorPages, shape, wants_html},
    headers::{FormTarget, secure},
    request_id::{REQUEST_ID, RequestId},
    site::Site,
    tally,
};

/// Names the route in the log and in metrics: put into a response's extensions by a handler that
/// finds its routes itself.
#[derive(Debug, Clone, Copy)]
pub struct RouteName(pub &'static str);

/// Gives a request its id and its span, and an answer its headers, its form, its log line and its
/// metrics.
pub(crate) async fn edge<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id);
    let asker = Asker {
        wants_html: wants_html(request.path(), request.headers()),
        id,
    };
    let method = request.method().clone();
    let bodiless = answer_head_like_get(&mut request);
    let pages = request.app_data::<web::Data<ErrorPages>>().cloned();
    let https = request
        .app_data::<web::Data<Site>>()
        .is_some_and(|site| site.is_https());

    let span = tracing::info_span!("request", request.id = %id, tenant.id = tracing::field::Empty);
    async move {
        let answer = next.call(request).await?;
        let pages = pages
            .map(|pages| pages.get_ref().clone())
            .unwrap_or_default();
        let mut answer = shape(answer, &pages, &asker);
        let target = answer.response().extensions().get::<FormTarget>().cloned();
        secure(answer.headers_mut(), target.as_ref(), https);
        answer.headers_mut().insert(REQUEST_ID, id.header());
        record(&answer, &method, began);
        Ok(if bodiless {
            answer.map_body(|_, _| BoxBody::new(()))
        } else {
            answer
        })
    }
    .instrument(span)
    .await
}

/// RFC 9110 section 9.3.2: HEAD is GET without the body. Routes name GET only. Calls to providers
/// are left alone: they cost money. So are the doors of apps: an answer there goes out once, and
/// must not go without its body.
fn answer_head_like_get(request: &mut ServiceRequest) -> bool {
    let path = request.path();
    let acts = path.starts_with("/v1/") || path.starts_with("/okap/");
    let ours = *request.method() == Method::HEAD && !acts;
    if ours {
        request.head_mut().method = Method::GET;
    }
    ours
}

/// One log line and two metrics. The line names the route, never the address: addresses may hold
/// a sign-in link or a handle, and queries more.
fn record(answer: &ServiceResponse, method: &Method, began: Instant) {
    let named = answer.response().extensions().get::<RouteName>().copied();
    let route = match named {
        Some(RouteName(route)) => Cow::Borrowed(route),
        None => Cow::Owned(pattern(answer)),
    };
    let method = known(method);
    let status = answer.status();
    let seconds = began.elapsed().as_secs_f64();
    let duration_ms = seconds * 1_000.0;
    if is_routine(&route) {
        tracing::debug!(
            http.status = status.as_u16(),
            duration_ms,
            "{method} {route}"
        );
    } else {
        tracing::info!(
            http.status = status.as_u16(),
            duration_ms,
            "{method} {route}"
        );
    }
    tally::count(route, method, status, seconds);
}

/// The pattern of the route that answered.
fn pattern(answer: &ServiceResponse) -> String {
    let route = answer.request().match_pattern();
    route
        .filter(|route| !route.is_empty())
        .unwrap_or_else(|| "unmatched".to_owned())
}

/// Asked for all day long by machines or with every page.
fn is_routine(route: &str) -> bool {
    route.starts_with("/health/") || route == "/metrics" || route.starts_with("/assets/")
}

/// A label must not be whatever a caller makes up.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
