//! `/` and `/simulator/*`: the page that says what this is, the scripts and the log.

use actix_web::{
    HttpResponse, Responder, delete, get, post,
    web::{Bytes, Data, Query, ServiceConfig},
};
use serde::Deserialize;
use serde_json::json;

use crate::{call::Shared, outbound::SIMULATOR, rules::Rule};

const PAGE: &str = include_str!("page.html");
const MOST_ITEMS: usize = 10_000;

/// Adds the routes.
pub fn routes(services: &mut ServiceConfig) {
    services
        .service(front_page)
        .service(list_scripts)
        .service(set_script)
        .service(forget_scripts)
        .service(read_log)
        .service(forget_log)
        .service(read_totals);
}

#[get("/")]
async fn front_page() -> impl Responder {
    HttpResponse::Ok()
        .insert_header((SIMULATOR, "1"))
        .content_type("text/html; charset=utf-8")
        .body(PAGE)
}

#[get("/simulator/script")]
async fn list_scripts(shared: Data<Shared>) -> impl Responder {
    answer(&json!({ "items": shared.rules.list() }))
}

#[post("/simulator/script")]
async fn set_script(shared: Data<Shared>, body: Bytes) -> HttpResponse {
    let rule: Rule = match serde_json::from_slice(&body) {
        Ok(rule) => rule,
        Err(error) => return refuse(&error.to_string()),
    };
    if let Err(error) = rule.script.check() {
        return refuse(&error.to_string());
    }
    let said = answer(&json!(rule));
    shared.rules.add(rule);
    said
}

#[delete("/simulator/script")]
async fn forget_scripts(shared: Data<Shared>) -> impl Responder {
    shared.rules.clear();
    HttpResponse::NoContent()
        .insert_header((SIMULATOR, "1"))
        .finish()
}

#[derive(Deserialize)]
#[serde(default)]
struct Page {
    after: u64,
    limit: usize,
    headers: u8,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            after: 0,
            limit: 1000,
            headers: 0,
        }
    }
}

#[get("/simulator/log")]
async fn read_log(shared: Data<Shared>, page: Query<Page>) -> impl Responder {
    answer(
        &shared
            .ledger
            .page(page.after, page.limit.min(MOST_ITEMS), page.headers != 0),
    )
}

#[delete("/simulator/log")]
async fn forget_log(shared: Data<Shared>) -> impl Responder {
    shared.ledger.clear();
    HttpResponse::NoContent()
        .insert_header((SIMULATOR, "1"))
        .finish()
}

#[get("/simulator/totals")]
async fn read_totals(shared: Data<Shared>) -> impl Responder {
    answer(&shared.ledger.totals())
}

fn answer(body: &serde_json::Value) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((SIMULATOR, "1"))
        .json(body)
}

fn refuse(message: &str) -> HttpResponse {
    let body = json!({ "error": message });
    HttpResponse::BadRequest()
        .insert_header((SIMULATOR, "1"))
        .json(body)
}
