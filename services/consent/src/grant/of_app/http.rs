//! `/api/v1/apps/{id}/grants` and `/revoke-grants`: what one app has of everybody in the
//! organization, and ending all of it.

use actix_web::{HttpResponse, get, post, web};
use events::WireDetail;
use ids::{AppId, GrantId, UserId};
use jiff::Timestamp;
use serde::Serialize;
use server::{Page, PageQuery, Person, Problem, RequestId, StrictQuery};
use sessions::Permission;
use utoipa::ToSchema;

use super::{REVOKED_BY_ADMINISTRATOR, is_known, list};
use crate::{
    grant::{Administrator, Authority, GrantRow, Grants},
    vault::{Actor, Vault},
};

/// A live grant of an app, whoever gave it.
#[derive(Serialize, ToSchema)]
pub struct GrantOfApp {
    /// Its id.
    #[schema(value_type = String)]
    id: GrantId,
    /// Who gave it.
    #[schema(value_type = String)]
    user_id: UserId,
    /// What is granted.
    authorization_details: Vec<WireDetail>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    granted_at: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// What was revoked.
#[derive(Serialize, ToSchema)]
pub struct RevokedGrants {
    /// How many grants were live and are revoked.
    revoked: usize,
}

impl GrantOfApp {
    fn of(row: &GrantRow, public_url: &str) -> Self {
        let granted = |detail| WireDetail::granted(detail, public_url);
        Self {
            id: row.id,
            user_id: row.user,
            authorization_details: row.details.iter().map(granted).collect(),
            granted_at: row.granted_at,
            expires_at: row.expires_at,
        }
    }
}

/// Lists the live grants that everybody in the organization gave one app, newest first.
#[utoipa::path(tag = "apps", params(("id" = String, Path), ("cursor" = Option<String>, Query), ("limit" = Option<u16>, Query)), responses(
    (status = 200, body = Page<GrantOfApp>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/apps/{id}/grants")]
pub(crate) async fn list_grants(
    person: Person,
    vault: web::Data<Vault>,
    id: web::Path<AppId>,
    query: StrictQuery<PageQuery>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageGrants)?;
    let (limit, before) = (query.0.limit()?, query.0.cursor::<GrantId>()?);
    let rows = async {
        let tx = vault.begin("list grants of app", person.tenant).await?;
        let known = is_known(&tx, *id).await?;
        let most = i64::from(limit) + 1;
        let rows = list(&tx, *id, before, most, vault.clock.now()).await?;
        tx.commit().await?;
        Ok(known.then_some(rows))
    };
    let rows = rows
        .await
        .map_err(|e: postgres::DatabaseError| Problem::dependency(&e))?
        .ok_or_else(unknown)?;
    let page = Page::of(rows, limit, |row| row.id.to_string());
    let view = |row| GrantOfApp::of(row, &vault.public_url);
    Ok(HttpResponse::Ok().json(Page {
        items: page.items.iter().map(view).collect(),
        next_cursor: page.next_cursor,
    }))
}

/// Revokes every live grant of one app, whoever in the organization gave it: no proxy starts another
/// call of it once this has answered. The app may ask again.
#[utoipa::path(tag = "apps", params(("id" = String, Path)), responses(
    (status = 200, body = RevokedGrants), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/apps/{id}/revoke-grants")]
pub(crate) async fn revoke_grants(
    person: Person,
    request_id: RequestId,
    (vault, grants): (web::Data<Vault>, web::Data<Grants>),
    id: web::Path<AppId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageGrants)?;
    let administrator = Administrator::of(&person).ok_or_else(unknown)?;
    let known = async {
        let tx = vault.begin("find app to stop", person.tenant).await?;
        let known = is_known(&tx, *id).await?;
        tx.commit().await?;
        Ok(known)
    };
    let known = known.await;
    if !known.map_err(|e: postgres::DatabaseError| Problem::dependency(&e))? {
        return Err(unknown());
    }
    let actor = Actor::person(&person, &request_id);
    let by = (&actor, Authority::Organization(administrator));
    let revoked = grants
        .revoke_of_app(by, *id, REVOKED_BY_ADMINISTRATOR)
        .await?;
    Ok(HttpResponse::Ok().json(RevokedGrants { revoked }))
}

fn unknown() -> Problem {
    Problem::not_found("There is no such app.")
}
