//! Every route of this service, on one page.

use actix_web::web;
use utoipa::OpenApi;
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};

use crate::{
    access_request, address, approval_rule, audit, blocked_app, budget, consent_page,
    custom_provider, developers, grant, history, inbox, model_alias, oauth, okap,
    organization_policy, provider_key, registered_app, registration_token,
};

/// What programs use; described by OpenAPI.
pub(crate) fn api(config: &mut ServiceConfig<'_>) {
    config
        // What an app asks for.
        .service(okap::authorize::authorize)
        .service(okap::authorize::authorize_at_handle)
        .service(okap::flat::request_at_handle)
        .service(okap::authorize::poll)
        .service(okap::redeem::redeem)
        .service(okap::flat::request)
        .service(okap::popup::ask)
        .service(okap::popup::hand_over::collect)
        .service(okap::popup::hand_over::give_up)
        .service(oauth::metadata::metadata)
        .service(oauth::resource::of_all)
        .service(oauth::resource::of_provider)
        .service(oauth::authorize::authorize)
        .service(oauth::pushed::push)
        .service(oauth::device::authorize_device)
        .service(oauth::token::token)
        .service(oauth::revoke::revoke)
        .service(oauth::introspect::introspect)
        .service(oauth::register::register)
        .service(oauth::register::show)
        .service(oauth::register::end)
        // What a person decides.
        .service(access_request::http::list)
        .service(access_request::http::show)
        .service(access_request::http::approve)
        .service(access_request::http::deny)
        .service(grant::http::list)
        .service(grant::http::show)
        .service(grant::http::change)
        .service(grant::http::revoke)
        .service(grant::shadow::http::adopt)
        .service(grant::shadow::http::remove)
        .service(grant::of_app::http::list_grants)
        .service(grant::of_app::http::revoke_grants)
        .service(history::http::list)
        .service(blocked_app::http::list)
        .service(blocked_app::http::block)
        .service(blocked_app::http::unblock)
        .service(approval_rule::http::list)
        .service(approval_rule::http::write)
        .service(approval_rule::http::remove)
        // What a person keeps.
        .service(provider_key::http::store)
        .service(provider_key::http::list)
        .service(provider_key::http::rotate)
        .service(provider_key::http::check)
        .service(provider_key::http::destroy)
        .service(provider_key::unwraps::list_unwraps)
        .service(address::http::make_handle)
        .service(address::http::list_handles)
        .service(address::http::end_handle)
        .service(address::http::make_ticket)
        .service(registered_app::http::register)
        .service(registered_app::http::change)
        .service(registered_app::http::renew_secret)
        .service(registered_app::http::list)
        .service(registered_app::http::remove)
        .service(registration_token::http::make)
        .service(registration_token::http::list)
        .service(registration_token::http::end)
        .service(audit::http::list)
        .service(custom_provider::http::add)
        .service(custom_provider::http::list)
        .service(custom_provider::http::remove)
        .service(model_alias::http::list)
        .service(model_alias::http::set)
        .service(model_alias::http::change)
        .service(model_alias::http::remove)
        .service(organization_policy::http::show)
        .service(organization_policy::http::set)
        .service(budget::http::list)
        .service(budget::http::set)
        .service(budget::http::change)
        .service(budget::http::remove)
        .service(budget::shadow::adopt);
}

/// What only a person's own browser asks: the pages and their forms. `tests/contracts` has the list of
/// them, each with why OpenAPI does not describe it.
pub(crate) fn unlisted(config: &mut web::ServiceConfig) {
    config
        .service(okap::native::open)
        .configure(okap::popup::configure)
        .configure(inbox::configure)
        .configure(consent_page::configure)
        .configure(blocked_app::page::configure)
        .configure(approval_rule::page::configure)
        .configure(provider_key::page::configure)
        .configure(grant::page::configure)
        .configure(history::page::configure)
        .configure(address::page::configure)
        .configure(registered_app::page::configure)
        .configure(custom_provider::page::configure)
        .configure(model_alias::page::configure)
        .configure(budget::page::configure)
        .configure(organization_policy::page::configure)
        .configure(oauth::device::page::configure)
        .configure(developers::configure);
}

#[derive(OpenApi)]
#[openapi(info(
    title = "Latchkey consent",
    description = "What did they allow? Access requests, grants, provider keys, vault addresses; OAuth and OKAP."
))]
struct Document;

/// The OpenAPI document of this service.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = actix_web::App::new()
        .into_utoipa_app()
        .openapi(Document::openapi())
        .configure(api)
        .split_for_parts()
        .1;
    server::complete_openapi(&mut document);
    server::tell_of_idempotency(&mut document);
    document
}
