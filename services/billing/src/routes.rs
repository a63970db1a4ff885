//! Every route of this service.

use actix_web::web;
use utoipa::OpenApi;
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};

use crate::{export, usage};

/// What the generated document says about itself.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Latchkey billing",
        description = "What it cost: usage added up, call by call, and as files. Money is in US \
                       dollars, as decimal strings, exact to the nano-dollar; days and months are \
                       UTC. Errors are problem details (RFC 9457)."
    ),
    tags((name = "usage", description = "What it cost"))
)]
struct Api;

pub(crate) fn all(config: &mut web::ServiceConfig) {
    api(&mut ServiceConfig::new(config));
    config
        .service(usage::usage_page)
        .service(usage::shadow_page);
}

fn api(config: &mut ServiceConfig) {
    config
        .service(usage::show_usage)
        .service(usage::list_calls)
        .service(usage::show_shadow_use)
        .service(export::export_usage)
        .service(export::usage_manifest);
}

/// The management API of this service.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let app = actix_web::App::new()
        .into_utoipa_app()
        .openapi(Api::openapi());
    app.configure(api).split_for_parts().1
}
