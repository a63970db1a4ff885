//! `/api/v1/model-aliases`: the names that an organization gives to several models together.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use events::{
    AliasCandidate, AliasName, AliasNameError, ModelAlias, ModelPattern, Provider, RouteStrategy,
};
use ids::ModelAliasId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use server::{Page, Person, Problem, RequestId, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;

use super::{Change, ModelAliasError, ModelAliasRow, ModelAliases, Refusal};
use crate::{vault::Actor, wire_error::sentence};

/// A model alias to set. Its name never changes: set another for another name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewModelAlias {
    /// What apps say as `model` at the one endpoint: 1 to 64 of a-z, 0-9, . _ and -, the first of them
    /// a letter; not the name of a provider. It comes before a model of the same name.
    pub(super) name: String,
    /// What it stands for, each once: 1 to 8.
    pub(super) candidates: Vec<Candidate>,
    /// Which is asked first: `fallback` (as they stand here), `round_robin`, `weighted` or `latency`.
    /// The others follow when it fails.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub(super) strategy: RouteStrategy,
}

/// What is to be another. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelAliasChange {
    /// What it stands for, in the place of all that it stood for.
    candidates: Option<Vec<Candidate>>,
    /// `fallback`, `round_robin`, `weighted` or `latency`.
    #[schema(value_type = Option<String>)]
    strategy: Option<RouteStrategy>,
}

/// One of the models that an alias stands for.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// With its provider, such as `openai/gpt-4o-mini`.
    pub(super) model: String,
    /// How often it is first beside the others, 1 to 1000, for `weighted`; 1 if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<u32>,
}

/// A name that your organization gives to several models together.
#[derive(Serialize, ToSchema)]
pub struct ModelAliasView {
    /// Its id.
    #[schema(value_type = String)]
    id: ModelAliasId,
    /// What apps say as `model`.
    #[schema(value_type = String)]
    name: AliasName,
    /// What it stands for. An app reaches those of it that its grant covers.
    candidates: Vec<Candidate>,
    /// Which is asked first.
    #[schema(value_type = String)]
    strategy: RouteStrategy,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    set_at: Timestamp,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
}

impl From<ModelAliasRow> for ModelAliasView {
    fn from(row: ModelAliasRow) -> Self {
        let candidates = row.alias.candidates.iter().map(|candidate| Candidate {
            model: candidate.name(),
            weight: candidate.weight,
        });
        Self {
            id: row.id,
            candidates: candidates.collect(),
            name: row.alias.name,
            strategy: row.alias.strategy,
            set_at: row.set_at,
            changed_at: row.changed_at,
        }
    }
}

impl From<ModelAliasError> for Problem {
    fn from(error: ModelAliasError) -> Self {
        let told = sentence(&error);
        match error {
            ModelAliasError::Refused(refusal) => match refusal {
                Refusal::Unknown => Self::not_found(told),
                Refusal::Exists => Self::conflict(told),
                Refusal::Count => fault("/candidates", &told),
                Refusal::Twice(place) => fault(&at(place, "model"), &told),
                Refusal::Weight(place) | Refusal::NotWeighted(place) => {
                    fault(&at(place, "weight"), &told)
                }
            },
            ModelAliasError::UnknownProvider(place) => fault(&at(place, "model"), &told),
            ModelAliasError::ProviderName => fault("/name", &told),
            ModelAliasError::NameTaken => Self::conflict(told)
                .named("name-taken", "There is a model alias of this name already")
                .at("/name", "A name is given once."),
            ModelAliasError::TooMany => Self::conflict(told),
            ModelAliasError::Record(error) => error.into(),
            ModelAliasError::Database(error) => Self::dependency(&error),
        }
    }
}

/// Lists your organization's model aliases, by name.
#[utoipa::path(tag = "model aliases", responses(
    (status = 200, body = Page<ModelAliasView>), (status = 401, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/model-aliases")]
pub(crate) async fn list(
    person: Person,
    aliases: web::Data<ModelAliases>,
) -> Result<HttpResponse, Problem> {
    let rows = aliases.of(person.tenant).await;
    let rows = rows.map_err(|e| Problem::dependency(&e))?;
    Ok(HttpResponse::Ok().json(Page {
        items: rows.into_iter().map(ModelAliasView::from).collect(),
        next_cursor: None,
    }))
}

/// Sets a model alias: what apps say as `model` at the one endpoint, in the place of several models. Each
/// app reaches those of them that its grant covers, and none besides. At most 50.
#[utoipa::path(tag = "model aliases", request_body = NewModelAlias, responses(
    (status = 201, body = ModelAliasView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
    (status = 503, body = Problem)))]
#[post("/api/v1/model-aliases")]
pub(crate) async fn set(
    person: Person,
    request_id: RequestId,
    aliases: web::Data<ModelAliases>,
    body: StrictJson<NewModelAlias>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManagePolicy)?;
    let alias = checked(body.0)?;
    let actor = Actor::person(&person, &request_id);
    let row = aliases.set(&actor, alias).await?;
    Ok(HttpResponse::Created().json(ModelAliasView::from(row)))
}

/// Changes what a model alias stands for, or which of it is asked first: for calls that begin within
/// seconds from now.
#[utoipa::path(tag = "model aliases", params(("id" = String, Path)), request_body = ModelAliasChange, responses(
    (status = 200, body = ModelAliasView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
    (status = 422, body = Problem), (status = 503, body = Problem)))]
#[patch("/api/v1/model-aliases/{id}")]
pub(crate) async fn change(
    person: Person,
    request_id: RequestId,
    aliases: web::Data<ModelAliases>,
    id: web::Path<ModelAliasId>,
    body: StrictJson<ModelAliasChange>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManagePolicy)?;
    let change = Change {
        candidates: body.0.candidates.map(candidates).transpose()?,
        strategy: body.0.strategy,
    };
    let actor = Actor::person(&person, &request_id);
    let row = aliases.change(&actor, *id, change).await?;
    Ok(HttpResponse::Ok().json(ModelAliasView::from(row)))
}

/// Removes a model alias: apps that say its name are refused, unless it is a model's as well.
#[utoipa::path(tag = "model aliases", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)))]
#[delete("/api/v1/model-aliases/{id}")]
pub(crate) async fn remove(
    person: Person,
    request_id: RequestId,
    aliases: web::Data<ModelAliases>,
    id: web::Path<ModelAliasId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManagePolicy)?;
    aliases
        .remove(&Actor::person(&person, &request_id), *id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn checked(new: NewModelAlias) -> Result<ModelAlias, Problem> {
    let name = new.name.parse();
    let name = name.map_err(|error: AliasNameError| fault("/name", &sentence(&error)))?;
    Ok(ModelAlias {
        name,
        candidates: candidates(new.candidates)?,
        strategy: new.strategy,
    })
}

fn candidates(named: Vec<Candidate>) -> Result<Vec<AliasCandidate>, Problem> {
    let each = named.into_iter().enumerate().map(|(place, candidate)| {
        let (provider, model) = split(&candidate.model).ok_or_else(|| {
            let why = "A model is named with its provider, such as openai/gpt-4o-mini.";
            fault(&at(place, "model"), why)
        })?;
        Ok(AliasCandidate {
            provider,
            model,
            weight: candidate.weight,
        })
    });
    each.collect()
}

/// `provider/model`: one model, not a prefix of several.
fn split(named: &str) -> Option<(Provider, String)> {
    let (provider, model) = named.split_once('/')?;
    let model: ModelPattern = model.parse().ok()?;
    let one = !model.as_str().ends_with('*');
    Some((provider.parse().ok()?, model.as_str().to_owned())).filter(|_| one)
}

/// The place of a candidate's member in the body.
fn at(place: usize, member: &str) -> String {
    format!("/candidates/{place}/{member}")
}

fn fault(place: &str, why: &str) -> Problem {
    Problem::unprocessable(why).at(place, why)
}
