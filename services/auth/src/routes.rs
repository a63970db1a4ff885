//! Every route of the service, on one page.

use actix_web::web::{self, Data, ServiceConfig};
use utoipa::OpenApi;
use utoipa_actix_web::{AppExt, service_config::ServiceConfig as ApiConfig};

use crate::{account, api_token, app::App, sign_in, sso, user};

#[derive(OpenApi)]
#[openapi(
    info(title = "Latchkey auth", description = "Who is this? People, sign-in, API tokens."),
    tags(
        (name = "session", description = "Who is calling."),
        (name = "members", description = "The people of an organization."),
        (name = "sso", description = "The identity providers of an organization."),
        (name = "api-tokens", description = "Tokens for one's own programs."),
    )
)]
struct Api;

pub(crate) fn all(app: &App, config: &mut ServiceConfig) {
    config
        .app_data(Data::new(app.postgres.clone()))
        .app_data(Data::new(app.sign_ins.clone()))
        .app_data(Data::new(app.sso.clone()))
        .app_data(Data::new(app.tokens.clone()))
        .app_data(Data::new(app.account.clone()));
    api(&mut ApiConfig::new(config));
    pages(app, config);
}

/// The management API. OpenAPI is made from this very list.
fn api(config: &mut ApiConfig) {
    config
        .service(sign_in::http::tell_session)
        .service(sign_in::http::tell_page_session)
        .service(user::http::list)
        .service(sso::api::list)
        .service(sso::api::connect)
        .service(api_token::http::list)
        .service(api_token::http::issue)
        .service(api_token::http::revoke);
}

/// What people see.
fn pages(app: &App, config: &mut ServiceConfig) {
    let limits = &app.limits;
    config
        .route("/sign-in", web::get().to(sign_in::http::page))
        .service(
            web::resource("/sign-in/link/{token}")
                .wrap(limits.links.clone())
                .route(web::get().to(sign_in::http::link_page))
                .route(web::post().to(sign_in::http::follow_link)),
        )
        .service(
            web::resource("/sign-in/sso")
                .wrap(limits.departures.clone())
                .route(web::post().to(sso::http::leave)),
        )
        .service(
            web::resource("/sso/{connection}/callback")
                .wrap(limits.arrivals.clone())
                .route(web::get().to(sso::http::arrive)),
        )
        .route("/sign-out", web::post().to(sign_in::http::sign_out))
        .route("/account", web::get().to(account::http::page))
        .route("/account/api-tokens", web::post().to(account::http::issue))
        .route(
            "/account/api-tokens/{id}/revoke",
            web::post().to(account::http::revoke),
        );
}

/// The description of the management API.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = actix_web::App::new()
        .into_utoipa_app()
        .openapi(Api::openapi())
        .configure(api)
        .split_for_parts()
        .1;
    server::complete_openapi(&mut document);
    document
}
