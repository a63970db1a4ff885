//! `/api/v1/custom-providers`: the providers that an organization adds to the built-in ones.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, delete, get, post, web};
use events::{CustomProvider, Provider, ProviderKind, TokenPrice};
use ids::CustomProviderId;
use jiff::Timestamp;
use money::Nanodollars;
use serde::{Deserialize, Serialize};
use server::{Page, Person, Problem, RequestId, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;

use super::{CustomProviderError, CustomProviderRow, CustomProviders, base_url};
use crate::{vault::Actor, wire_error::sentence};

/// The most deployments of one resource.
const MOST_MODELS: usize = 100;
/// The dearest that a million tokens may be said to cost.
const DEAREST: Nanodollars = Nanodollars::from_dollars(100_000);

/// A provider to add. Where it is never changes: add another for another address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCustomProvider {
    /// Its name in your organization, 1 to 40 of a-z, 0-9, - and _; not the name of a built-in one.
    pub(super) name: String,
    /// `openai_compatible` (asked under `Authorization: Bearer`) or `azure` (a resource of Azure
    /// OpenAI, asked under `api-key`).
    #[schema(value_type = Option<String>)]
    #[serde(default = "usual_kind")]
    pub(super) kind: ProviderKind,
    /// Where it is, such as `https://llm.acme.example/v1`, or `https://NAME.openai.azure.com`.
    pub(super) base_url: String,
    /// What a million tokens of every model cost, in USD. Without it a call under a spend limit is
    /// refused. For `openai_compatible`.
    pub(super) price: Option<NewTokenPrice>,
    /// Which of OpenAI's models stands behind each deployment: it is priced so, and a deployment that
    /// is not here has no price. For `azure`.
    #[serde(default)]
    pub(super) models: BTreeMap<String, String>,
}

/// What a million tokens cost, in USD.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTokenPrice {
    /// Of those that are read, such as `"0.15"`.
    pub(super) input: String,
    /// Of those that are written.
    pub(super) output: String,
}

/// A provider that your organization added.
#[derive(Serialize, ToSchema)]
pub struct CustomProviderView {
    /// Its id.
    #[schema(value_type = String)]
    id: CustomProviderId,
    /// Its name in your organization.
    name: String,
    /// `openai_compatible` or `azure`.
    #[schema(value_type = String)]
    kind: ProviderKind,
    /// Where it is.
    base_url: String,
    /// What a million tokens of every model cost, in USD, if that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<NewTokenPrice>,
    /// Which of OpenAI's models stands behind each deployment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    models: BTreeMap<String, String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    added_at: Timestamp,
}

impl From<CustomProviderRow> for CustomProviderView {
    fn from(row: CustomProviderRow) -> Self {
        let CustomProvider {
            name,
            kind,
            base_url,
            price,
            models,
        } = row.provider;
        Self {
            id: row.id,
            name: name.to_string(),
            kind,
            base_url,
            price: price.map(|price| NewTokenPrice {
                input: price.input.to_string(),
                output: price.output.to_string(),
            }),
            models,
            added_at: row.added_at,
        }
    }
}

impl From<CustomProviderError> for Problem {
    fn from(error: CustomProviderError) -> Self {
        match error {
            CustomProviderError::Refused(_) => Self::not_found("There is no such provider."),
            CustomProviderError::NameTaken
            | CustomProviderError::AliasName
            | CustomProviderError::TooMany => Self::conflict(sentence(&error)),
            CustomProviderError::Record(error) => error.into(),
            CustomProviderError::Database(error) => Self::dependency(&error),
        }
    }
}

const fn usual_kind() -> ProviderKind {
    ProviderKind::OpenaiCompatible
}

/// Adds a provider to your organization.
#[utoipa::path(tag = "custom providers", request_body = NewCustomProvider, responses(
    (status = 201, body = CustomProviderView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/custom-providers")]
pub(crate) async fn add(
    person: Person,
    request_id: RequestId,
    providers: web::Data<CustomProviders>,
    body: StrictJson<NewCustomProvider>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManagePolicy)?;
    let provider = checked(body.0, &providers)?;
    let row = providers
        .add(&Actor::person(&person, &request_id), provider)
        .await?;
    Ok(HttpResponse::Created().json(CustomProviderView::from(row)))
}

/// Lists the providers that your organization added.
#[utoipa::path(tag = "custom providers", responses(
    (status = 200, body = Page<CustomProviderView>), (status = 401, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/custom-providers")]
pub(crate) async fn list(
    person: Person,
    providers: web::Data<CustomProviders>,
) -> Result<HttpResponse, Problem> {
    let rows = providers
        .of(person.tenant)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    Ok(HttpResponse::Ok().json(Page {
        items: rows.into_iter().map(CustomProviderView::from).collect(),
        next_cursor: None,
    }))
}

/// Removes a provider, and destroys every key that was stored for it; calls to it are refused.
#[utoipa::path(tag = "custom providers", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)))]
#[delete("/api/v1/custom-providers/{id}")]
pub(crate) async fn remove(
    person: Person,
    request_id: RequestId,
    providers: web::Data<CustomProviders>,
    id: web::Path<CustomProviderId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManagePolicy)?;
    providers
        .remove(&Actor::person(&person, &request_id), *id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn checked(
    new: NewCustomProvider,
    providers: &CustomProviders,
) -> Result<CustomProvider, Problem> {
    let NewCustomProvider {
        name,
        kind,
        base_url: address,
        price,
        models,
    } = new;
    let name = checked_name(&name)?;
    let base_url = base_url(&address, kind, providers.reach())
        .map_err(|refusal| fault("/base_url", &sentence(&refusal)))?;
    match kind {
        ProviderKind::OpenaiCompatible if !models.is_empty() => {
            return Err(fault("/models", "Deployments are named for azure alone."));
        }
        ProviderKind::Azure if price.is_some() => {
            let why = "A resource of Azure OpenAI is priced by the models of its deployments.";
            return Err(fault("/price", why));
        }
        _ => {}
    }
    let is_named =
        |(deployment, model): (&String, &String)| is_name(deployment, 64) && is_name(model, 128);
    if models.len() > MOST_MODELS || !models.iter().all(is_named) {
        let why =
            "At most 100 deployments, each with the name of a model: letters, digits and - . _ :";
        return Err(fault("/models", why));
    }
    Ok(CustomProvider {
        name,
        kind,
        base_url,
        price: price.map(|price| checked_price(&price)).transpose()?,
        models,
    })
}

fn checked_name(text: &str) -> Result<Provider, Problem> {
    let name: Provider = text
        .parse()
        .map_err(|error: events::ProviderError| fault("/name", &sentence(&error)))?;
    if name.is_free() {
        return Ok(name);
    }
    let why = "This name is a built-in provider's, or means something else in a path.";
    Err(fault("/name", why))
}

fn checked_price(price: &NewTokenPrice) -> Result<TokenPrice, Problem> {
    let amount = |text: &str, place: &str| {
        let amount = text.parse::<Nanodollars>().ok();
        amount
            .filter(|amount| (Nanodollars::ZERO..=DEAREST).contains(amount))
            .ok_or_else(|| fault(place, "An amount of USD is needed, such as \"0.15\"."))
    };
    Ok(TokenPrice {
        input: amount(&price.input, "/price/input")?,
        output: amount(&price.output, "/price/output")?,
    })
}

/// Whether this can name a deployment or a model.
fn is_name(text: &str, longest: usize) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
    (1..=longest).contains(&text.len())
        && text.bytes().all(plain)
        && text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric())
}

fn fault(place: &str, why: &str) -> Problem {
    Problem::bad_request(why).at(place, why)
}
