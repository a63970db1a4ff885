//! A small service, and what is needed to call it.

use std::rc::Rc;

use actix_web::{
    Error, HttpResponse,
    body::to_bytes,
    get, post, put, test,
    test::TestRequest,
    web::{self, ServiceConfig},
};
use clock::Clock;
use ids::{GrantId, UserId};
use postgres::{DatabaseSettings, Postgres};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use server::{
    FormTarget, Nothing, PagePerson, Person, Problem, RequestId, SameOrigin, ServerSettings,
    SignedForm, Site, StrictForm, StrictJson, StrictQuery, Surface,
};
use sessions::{Permission, Sessions};

pub const ORIGIN: &str = "https://vault.example.com";

pub fn settings() -> ServerSettings {
    ServerSettings {
        public_url: ORIGIN.parse().unwrap(),
        ..ServerSettings::default()
    }
}

/// A surface whose database is never reached.
pub fn surface() -> Surface {
    let url = "postgres://nobody@127.0.0.1:9/nowhere".to_owned();
    let postgres = Postgres::connect(&DatabaseSettings {
        url,
        connections: 1,
    })
    .unwrap();
    surface_on(Sessions::new(postgres, Clock::system()))
}

pub fn surface_on(sessions: Sessions) -> Surface {
    Surface::new(Site::new(&settings(), sessions)).error_page(|problem, id| {
        format!(
            "<h1>{}</h1><p>{}</p><i>{id}</i>",
            problem.title(),
            problem.detail()
        )
    })
}

/// An application, put together anew for each request.
pub struct App {
    surface: Surface,
    routes: Rc<dyn Fn(&mut ServiceConfig)>,
}

pub fn serve(surface: Surface) -> App {
    serve_routes(surface, routes)
}

pub fn serve_routes(surface: Surface, routes: impl Fn(&mut ServiceConfig) + 'static) -> App {
    App {
        surface,
        routes: Rc::new(routes),
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: actix_web::http::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What kind of problem it is; the test ends when it is none.
    pub fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.body
        );
        let json = self.json();
        assert_eq!(json["status"], self.status);
        json["type"]
            .as_str()
            .unwrap()
            .trim_start_matches(server::PROBLEM_BASE)
            .to_owned()
    }
}

pub async fn ask(app: &App, request: TestRequest) -> Answer {
    let routes = Rc::clone(&app.routes);
    let service = test::init_service(app.surface.app(move |config| routes(config))).await;
    let response = test::call_service(&service, request.to_request()).await;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = to_bytes(response.into_body()).await.unwrap();
    Answer {
        status,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

pub fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

pub fn post(path: &str) -> TestRequest {
    TestRequest::post().uri(path)
}

pub fn post_json(path: &str, body: impl Into<web::Bytes>) -> TestRequest {
    post(path)
        .insert_header(("content-type", "application/json"))
        .set_payload(body)
}

pub fn post_form(path: &str, body: impl Into<web::Bytes>) -> TestRequest {
    post(path)
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload(body)
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrowing {
    pub name: String,
    pub limit: Option<u32>,
    #[serde(default)]
    pub models: Vec<String>,
}

fn routes(config: &mut ServiceConfig) {
    config
        .service(page)
        .service(redirecting_page)
        .service(answered_elsewhere)
        .service(answered_once)
        .service(echo_id)
        .service(grant)
        .service(put_grant)
        .service(take_json)
        .service(take_query)
        .service(take_form)
        .service(sign_in)
        .service(me)
        .service(api_post)
        .service(inbox)
        .service(approve)
        .service(sign_out)
        .service(plain_failure)
        .service(members)
        .service(link);
}

#[get("/page")]
async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body("<p>hello</p>")
}

#[get("/page/consent")]
async fn redirecting_page() -> HttpResponse {
    let mut response = HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body("<form>");
    FormTarget::allow(&mut response, &"https://app.example/cb".parse().unwrap());
    response
}

#[get("/okap/answered-once")]
async fn answered_once() -> HttpResponse {
    HttpResponse::Ok().body("a token")
}

#[get("/oauth/own-shape")]
async fn answered_elsewhere() -> HttpResponse {
    HttpResponse::BadRequest().json(serde_json::json!({ "error": "invalid_request" }))
}

#[get("/api/v1/request-id")]
async fn echo_id(id: RequestId) -> String {
    id.to_string()
}

#[get("/api/v1/grants/{id}")]
async fn grant(id: web::Path<GrantId>) -> String {
    id.to_string()
}

#[put("/api/v1/grants/{id}")]
async fn put_grant(_id: web::Path<GrantId>) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

#[post("/api/v1/json")]
async fn take_json(body: StrictJson<Narrowing>) -> HttpResponse {
    HttpResponse::Ok().json(body.0)
}

#[get("/api/v1/query")]
async fn take_query(query: StrictQuery<Narrowing>) -> HttpResponse {
    HttpResponse::Ok().json(query.0)
}

#[post("/oauth/form")]
async fn take_form(form: StrictForm<Narrowing>) -> HttpResponse {
    HttpResponse::Ok().json(form.0)
}

#[post("/sign-in")]
async fn sign_in(_: SameOrigin, _form: StrictForm<Narrowing>) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

#[get("/api/v1/me")]
async fn me(person: Person) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "user": person.user, "role": person.role }))
}

#[post("/api/v1/me")]
async fn api_post(person: Person) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "user": person.user }))
}

#[get("/api/v1/members")]
async fn members(person: Person) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageMembers)?;
    Ok(HttpResponse::NoContent().finish())
}

#[get("/inbox")]
async fn inbox(person: PagePerson) -> String {
    person.name.clone()
}

#[post("/requests/approve")]
async fn approve(form: SignedForm<Narrowing>) -> HttpResponse {
    let user: UserId = form.person.user;
    HttpResponse::Ok().json(serde_json::json!({ "user": user, "form": form.form }))
}

#[post("/sign-out")]
async fn sign_out(_: SignedForm<Nothing>) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

#[get("/api/v1/plain-failure")]
async fn plain_failure() -> Result<HttpResponse, Error> {
    Err(actix_web::error::ErrorInternalServerError(
        "secret: connection to 10.0.0.7 refused",
    ))
}

#[get("/sign-in/link/{token}")]
async fn link(_token: web::Path<String>) -> HttpResponse {
    HttpResponse::NoContent().finish()
}
