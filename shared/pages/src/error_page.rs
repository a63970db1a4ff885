//! The page that says why there is no page.

use askama::Template;

use crate::layout::Layout;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    layout: Layout,
    status: u16,
    detail: &'a str,
    request_id: &'a str,
}

/// A whole HTML document for a refusal: what happened, what to do, and the id to name when asking
/// for help.
#[must_use]
pub fn error_page(status: u16, title: &str, detail: &str, request_id: &str) -> String {
    let page = ErrorPage {
        layout: Layout::signed_out(title),
        status,
        detail,
        request_id,
    };
    page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "the error page could not be rendered");
        "<!doctype html><title>Latchkey</title><p>Something went wrong.</p>".to_owned()
    })
}
