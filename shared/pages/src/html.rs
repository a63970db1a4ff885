//! A template as an answer.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::ContentType},
};
use askama::Template;

/// A page, 200.
pub fn html<T: Template>(page: &T) -> HttpResponse {
    html_with(StatusCode::OK, page)
}

/// A page with another status, such as 422 for a form to be corrected.
pub fn html_with<T: Template>(status: StatusCode, page: &T) -> HttpResponse {
    match page.render() {
        Ok(text) => HttpResponse::build(status)
            .content_type(ContentType::html())
            .body(text),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            HttpResponse::InternalServerError().finish()
        }
    }
}
