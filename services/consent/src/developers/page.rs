//! The page.

use actix_web::{HttpRequest, HttpResponse, get, web};
use askama::Template;
use pages::Layout;
use server::{Problem, signed_in};

use super::examples::{ASKING, CALLING, Example, FIRST};
use crate::vault::Vault;

/// Adds the route.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(show);
}

#[derive(Template)]
#[template(path = "developers.html")]
struct DevelopersPage {
    layout: Layout,
    url: String,
    first: &'static [Example],
    asking: &'static [Example],
    calling: &'static [Example],
}

/// Open to everybody: whoever builds an app need not have a key here.
#[get("/developers")]
async fn show(request: HttpRequest, vault: web::Data<Vault>) -> Result<HttpResponse, Problem> {
    let title = "Build an app";
    let layout = match signed_in(&request).await? {
        Some(person) => Layout::new(title, &person),
        None => Layout::signed_out(title),
    };
    Ok(pages::html(&DevelopersPage {
        layout,
        url: vault.public_url.clone(),
        first: &FIRST,
        asking: &ASKING,
        calling: &CALLING,
    }))
}
