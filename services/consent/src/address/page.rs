//! `/connect`: gives an app an address to ask at.

pub(crate) mod ceiling_form;
mod ticket_form;
mod view;

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use ids::HandleId;
use pages::{Notice, Section};
use serde::Deserialize;
use server::{Nothing, PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};

use self::{
    ticket_form::NewTicket,
    view::{ConnectPage, TicketPage},
};
use super::{AddressError, Addresses, Whose, http::url_with_user};
use crate::{
    consent_page::see_other,
    inbox,
    provider_key::{ProviderKeys, http::checked_name},
    vault::{Actor, Vault},
};

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(connect)
        .service(make_ticket)
        .service(make_handle)
        .service(end_handle);
}

type Rooms = (
    web::Data<Vault>,
    web::Data<Addresses>,
    web::Data<ProviderKeys>,
);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectQuery {
    /// What was just done.
    done: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewHandle {
    #[serde(default)]
    name: String,
}

#[get("/connect")]
async fn connect(
    person: PagePerson,
    query: StrictQuery<ConnectQuery>,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ConnectApps)?;
    let notice = match query.0.done.as_deref() {
        Some("made") => Some(Notice::good(
            "The handle is ready: copy its address into the app.",
        )),
        Some("ended") => Some(Notice::info(
            "Ended. Who asks at that address is heard by nobody.",
        )),
        _ => None,
    };
    page(
        &rooms,
        &person,
        NewTicket::default(),
        None,
        notice,
        StatusCode::OK,
    )
    .await
}

#[post("/connect/tickets")]
async fn make_ticket(
    form: SignedForm<NewTicket>,
    request_id: RequestId,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ConnectApps)?;
    let SignedForm { person, form } = form;
    let (label, ceiling) = match form.checked() {
        Ok(checked) => checked,
        Err(faulty) => {
            let notice = Notice::bad("No ticket was made yet: look at the fields marked below.");
            return page(
                &rooms,
                &person,
                *faulty,
                None,
                Some(notice),
                StatusCode::UNPROCESSABLE_ENTITY,
            )
            .await;
        }
    };
    let (vault, addresses, _) = &rooms;
    let actor = Actor::person(&person, &request_id);
    let (_, ticket, expires_at) = addresses
        .make_ticket(&actor, &label, ceiling.as_ref())
        .await?;
    let url = url_with_user(&vault.public_url, ticket.reveal());
    let layout = inbox::layout(vault, &person, "Connect ticket", Section::Connect).await?;
    Ok(pages::html(&TicketPage::new(
        layout,
        label,
        url,
        ceiling.as_ref(),
        expires_at,
        vault.clock.now(),
    )))
}

#[post("/connect/handles")]
async fn make_handle(
    form: SignedForm<NewHandle>,
    request_id: RequestId,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ConnectApps)?;
    let made = match checked_name(&form.form.name) {
        Ok(label) => {
            rooms
                .1
                .make_handle(&Actor::person(&form.person, &request_id), &label)
                .await
        }
        Err(problem) => {
            let fault = Some((form.form.name, problem.detail().to_owned()));
            return page(
                &rooms,
                &form.person,
                NewTicket::default(),
                fault,
                None,
                StatusCode::UNPROCESSABLE_ENTITY,
            )
            .await;
        }
    };
    match made {
        Ok(_) => Ok(see_other("/connect?done=made")),
        Err(error @ AddressError::TooMany) => {
            let fault = Some((form.form.name, crate::wire_error::sentence(&error)));
            page(
                &rooms,
                &form.person,
                NewTicket::default(),
                fault,
                None,
                StatusCode::CONFLICT,
            )
            .await
        }
        Err(error) => Err(error.into()),
    }
}

#[post("/connect/handles/{id}/end")]
async fn end_handle(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    addresses: web::Data<Addresses>,
    id: web::Path<HandleId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ConnectApps)?;
    addresses
        .end_handle(&Actor::person(&form.person, &request_id), *id)
        .await?;
    Ok(see_other("/connect?done=ended"))
}

async fn page(
    (vault, addresses, keys): &Rooms,
    person: &SignedIn,
    ticket: NewTicket,
    handle_fault: Option<(String, String)>,
    notice: Option<Notice>,
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let whose = Whose {
        tenant: person.tenant,
        user: person.user,
    };
    let keys = keys
        .of(person.tenant, person.user)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let (handles, tickets) = (
        addresses.handles(whose).await?,
        addresses.tickets(whose).await?,
    );
    let layout = inbox::layout(vault, person, "Connect an app", Section::Connect).await?;
    let page = ConnectPage::new(
        person,
        layout.maybe_notice(notice),
        (ticket, handle_fault),
        (&handles, &tickets, &keys),
        (&vault.public_url, vault.clock.now()),
    );
    Ok(pages::html_with(status, &page))
}

#[cfg(test)]
mod tests;
