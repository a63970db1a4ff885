//! The models that a grant covers, over all its providers, and the aliases for some of them.
//!
//! Told from what is known here, so it costs nothing and waits for nobody: the names that the grant
//! itself spells out, and those of the price book that its patterns cover. A model whose price is not
//! known could not be called anyway.

use std::{collections::BTreeSet, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, http::header};
use events::{AuthorizationDetail, CustomProvider, ModelAlias, ModelPattern};
use grant_access::GrantAccess;
use serde_json::{Value, json};

use crate::{
    call::{authorize, gate::Gate, one::choice::Covered, possession, received::token},
    error::{Refusal, Shape},
    provider::is_model,
};

/// Who owns what the organization named itself.
const OURS: &str = "latchkey";

/// `GET /v1/models`.
pub(super) async fn list(
    request: &HttpRequest,
    shape: &Shape,
    gate: &Gate,
) -> Result<HttpResponse, Refusal> {
    let access = granted(request, gate).await?;
    let covered = Covered::of(&access, gate, None, gate.clock.now());
    let usable = |alias: &&ModelAlias| covered.granted_of(alias).is_ok();
    let aliases = access.model_aliases.iter().filter(usable);
    let aliases = aliases.map(|alias| model(alias.name.as_str(), OURS));
    let models = names(&access, gate);
    let data: Vec<Value> = aliases
        .chain(models.iter().map(|id| of_provider(id)))
        .collect();
    Ok(answer(shape, &json!({ "object": "list", "data": data })))
}

/// `GET /v1/models/{model}`; some clients percent-encode the slash.
pub(super) async fn one(
    request: &HttpRequest,
    shape: &Shape,
    gate: &Gate,
    in_path: &str,
) -> Result<HttpResponse, Refusal> {
    let access = granted(request, gate).await?;
    let covered = Covered::of(&access, gate, None, gate.clock.now());
    if let Some(alias) = covered.alias(in_path) {
        covered.granted_of(alias)?;
        return Ok(answer(shape, &model(alias.name.as_str(), OURS)));
    }
    let id = in_path.replace("%2F", "/").replace("%2f", "/");
    let id = id.replace("%3A", ":").replace("%3a", ":");
    if !is_model(&id, b"./:_@-") {
        return Err(Refusal::NoRoute);
    }
    let choice = covered.choice(&id)?;
    let full = format!("{}/{}", choice.upstream.name(), choice.model);
    if !names(&access, gate).contains(&full) {
        return Err(Refusal::NoSuchModel(id));
    }
    Ok(answer(shape, &of_provider(&full)))
}

async fn granted(request: &HttpRequest, gate: &Gate) -> Result<Arc<GrantAccess>, Refusal> {
    let digest = token(request.headers(), None)?;
    let proof = possession::proof(request, digest, gate.clock.now())?;
    authorize::find(gate, digest, proof.as_ref()).await
}

/// Each as `provider/model`.
fn names(access: &GrantAccess, gate: &Gate) -> BTreeSet<String> {
    let now = gate.clock.now();
    let usable = access.details.iter().filter(|detail| {
        let known = gate.providers.compatible(&detail.provider).is_some()
            || access.custom_provider(&detail.provider).is_some();
        now < detail.expires && known
    });
    let of = |detail: &AuthorizationDetail| {
        of_detail(detail, gate, access.custom_provider(&detail.provider))
    };
    usable.flat_map(of).collect()
}

fn of_detail(
    detail: &AuthorizationDetail,
    gate: &Gate,
    added: Option<&CustomProvider>,
) -> Vec<String> {
    let spelled_out = (detail.models.patterns().iter())
        .map(ModelPattern::as_str)
        .filter(|pattern| !pattern.ends_with('*'));
    let deployments = added.into_iter().flat_map(|added| added.models.keys());
    let known = gate.prices.models(detail.provider.as_str());
    let known = known.chain(deployments.map(String::as_str));
    let covered = known.filter(|model| detail.models.covers(model));
    spelled_out
        .chain(covered)
        .map(|model| format!("{}/{model}", detail.provider))
        .collect()
}

/// A model that is named with its provider.
fn of_provider(id: &str) -> Value {
    model(id, id.split('/').next().unwrap_or_default())
}

/// In OpenAI's shape. When a model was made is not known here.
fn model(id: &str, owner: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 0, "owned_by": owner })
}

fn answer(shape: &Shape, body: &Value) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-okap-request-id", shape.request_id.as_str()))
        .json(body)
}
