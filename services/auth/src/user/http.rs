//! `GET /api/v1/members`.

use actix_web::{get, web};
use jiff::Timestamp;
use postgres::{Postgres, Scope};
use serde::Serialize;
use server::{Page, PageQuery, Person, Problem, StrictQuery};
use sessions::{Permission, Role};
use utoipa::ToSchema;

use super::{emails, projection};
use ids::UserId;

/// A member of the organization.
#[derive(Debug, Serialize, ToSchema)]
pub struct Member {
    /// Who.
    #[schema(value_type = String, example = "user_019aa2c4d7f07d0c9f6b0b4f0a3b1c2d")]
    id: UserId,
    /// What they are called.
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// Where they can be reached; only for those who manage members.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ada@acme.test")]
    email: Option<String>,
    /// What they may do.
    #[schema(value_type = String, example = "owner")]
    role: Role,
    /// Since when.
    joined_at: Timestamp,
}

/// Lists the members of the organization, in the order in which they joined.
#[utoipa::path(
    tag = "members",
    params(PageQuery),
    responses(
        (status = 200, body = Page<Member>),
        (status = 400, body = Problem),
        (status = 401, body = Problem),
    )
)]
#[get("/api/v1/members")]
pub async fn list(
    person: Person,
    postgres: web::Data<Postgres>,
    query: StrictQuery<PageQuery>,
) -> Result<web::Json<Page<Member>>, Problem> {
    let limit = query.0.limit()?;
    let after = query.0.cursor::<UserId>()?;
    let page = page_of_members(&postgres, &person, after, limit).await;
    page.map(web::Json)
        .map_err(|error| Problem::dependency(&error))
}

async fn page_of_members(
    postgres: &Postgres,
    person: &Person,
    after: Option<UserId>,
    limit: u16,
) -> Result<Page<Member>, postgres::DatabaseError> {
    let tx = postgres
        .begin("list members", Scope::Tenant(person.tenant))
        .await?;
    let rows = projection::after(&tx, after, i64::from(limit) + 1).await?;
    let mut known = if person.can(Permission::ManageMembers) {
        emails::of_users(&tx, &rows.iter().map(|row| row.user).collect::<Vec<_>>()).await?
    } else {
        std::collections::HashMap::default()
    };
    tx.commit().await?;
    let members = rows.into_iter().map(|row| Member {
        id: row.user,
        name: row.name,
        email: known.remove(&row.user),
        role: row.role,
        joined_at: row.joined_at,
    });
    Ok(Page::of(members.collect(), limit, |member| {
        member.id.to_string()
    }))
}
