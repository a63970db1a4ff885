//! `/api/v1/provider-keys/{id}/unwraps`: each time a key was taken out of its seal.

use actix_web::{HttpResponse, get, web};
use ids::{EventId, ProviderKeyId};
use jiff::Timestamp;
use key_vault::Unwrap;
use serde::Serialize;
use server::{Page, PageQuery, Person, Problem, StrictQuery};
use utoipa::ToSchema;

use super::ProviderKeys;

/// One time that the key service was asked to open a provider key. Calls within the next minutes are
/// served from the proxy's memory.
#[derive(Serialize, ToSchema)]
pub struct UnwrapView {
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// Which version of the key.
    version: i32,
    /// The name of the wrapping key at the key service.
    wrapping_key: String,
    /// Which part of Latchkey asked.
    asked_by: String,
    /// The request that needed the key.
    request_id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    asked_at: Timestamp,
}

impl From<Unwrap> for UnwrapView {
    fn from(unwrap: Unwrap) -> Self {
        let asked_by = unwrap.asked_by.strip_prefix("latchkey_");
        Self {
            id: unwrap.id,
            version: unwrap.version,
            wrapping_key: unwrap.wrapping_key,
            asked_by: asked_by.unwrap_or(&unwrap.asked_by).to_owned(),
            request_id: unwrap.correlation_id,
            asked_at: unwrap.asked_at,
        }
    }
}

/// Lists each time that one of your provider keys was opened, newest first.
#[utoipa::path(tag = "provider keys", params(("id" = String, Path), PageQuery), responses(
    (status = 200, body = Page<UnwrapView>), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 404, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/provider-keys/{id}/unwraps")]
pub(crate) async fn list_unwraps(
    person: Person,
    keys: web::Data<ProviderKeys>,
    id: web::Path<ProviderKeyId>,
    query: StrictQuery<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = query.0.limit()?;
    let piece = (query.0.cursor::<EventId>()?, i64::from(limit) + 1);
    let rows = keys
        .unwraps((person.tenant, person.user), *id, piece)
        .await?;
    let page = Page::of(rows, limit, |row| row.id.to_string());
    Ok(HttpResponse::Ok().json(Page {
        items: page.items.into_iter().map(UnwrapView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}
