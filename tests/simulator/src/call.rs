//! One call to a provider, from its arrival to its answer.

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data},
};
use serde_json::json;

use crate::{
    answer::Plan,
    dialects::{self, Refusal},
    inbound::{self, SentKey},
    ledger::{Ledger, OpenCall},
    outbound::{self, SIMULATOR},
    prebuilt::Prebuilt,
    provider::{Dialect, Provider, Route},
    request::Asked,
    rules::Rules,
    script::Script,
    target::Target,
    turn::Turn,
};

/// A key with this in it is refused.
const DEAD: &str = "DEAD";

/// What all calls share.
#[derive(Debug)]
pub struct Shared {
    pub ledger: Arc<Ledger>,
    pub rules: Rules,
    pub prebuilt: Prebuilt,
    /// Calls that came, for their ids.
    pub arrivals: AtomicU64,
}

/// Answers a call to a provider; 404 outside of every provider's paths.
pub async fn answer(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let Some(target) = Target::find(request.method(), request.path()) else {
        return HttpResponse::NotFound()
            .insert_header((SIMULATOR, "1"))
            .content_type("text/plain; charset=utf-8")
            .body("The provider simulator has nothing here. See / for what it has.\n");
    };
    let key = SentKey::find(&request, target.dialect);
    let entry = inbound::open_entry(&request, &body, target, key, shared.ledger.now());
    let mut call = OpenCall::begin(&shared.ledger, entry);
    let request_id = format!(
        "req_{:016x}",
        shared.arrivals.fetch_add(1, Ordering::Relaxed) + 1
    );
    let said = match understand(&request, &body, target, key, &shared, &mut call) {
        Ok(said) => said,
        Err(refusal) => {
            return outbound::refuse(
                target.dialect,
                &refusal,
                &request_id,
                &Script::default(),
                key,
                call,
            );
        }
    };
    if said.script.hang {
        return future::pending().await;
    }
    if said.script.delay_ms > 0 {
        tokio::time::sleep(said.script.delay()).await;
    }
    let echo = said
        .script
        .echo
        .then(|| inbound::everything_sent(&request, &body));
    if let Some(status) = said.script.refusal() {
        let refusal = Refusal::Scripted { status, echo };
        return outbound::refuse(
            target.dialect,
            &refusal,
            &request_id,
            &said.script,
            key,
            call,
        );
    }
    let turn = if said.asked.offers_tools {
        Turn::of(&body, &said.script)
    } else {
        Turn::Talks
    };
    let mut plan = Plan::new(target, &said.asked, said.model, said.script);
    plan.echo = echo;
    plan.turn = turn;
    plan.form = inbound::form(&request, target.route, plan.form);
    outbound::serve(&plan, &request_id, key, call, &shared)
}

/// What a well-formed call says.
struct Said {
    asked: Asked,
    model: String,
    script: Script,
}

/// Checks a call as the provider does, and finds the script for it.
fn understand(
    request: &HttpRequest,
    body: &[u8],
    target: Target<'_>,
    key: Option<SentKey<'_>>,
    shared: &Shared,
    call: &mut OpenCall,
) -> Result<Said, Refusal> {
    match key {
        Some(key) if key.text.contains(DEAD) => {
            return Err(Refusal::InvalidKey {
                key: key.text.to_owned(),
                bearer: key.bearer,
            });
        }
        // A local server asks for no key.
        None if target.provider != Provider::Ollama => return Err(Refusal::NoKey),
        _ => {}
    }
    if target.route == Route::Unknown {
        let (method, path) = (request.method().to_string(), request.path().to_owned());
        return Err(Refusal::NoSuchPath { method, path });
    }
    let malformed = |message: String| Refusal::Malformed {
        message,
        member: None,
    };
    let mut asked = if matches!(target.route, Route::Models | Route::Model) {
        Asked::default()
    } else if target.route.takes_form() {
        inbound::form_of(request, body)
            .ok_or_else(|| malformed("Could not parse multipart form".to_owned()))?
    } else {
        serde_json::from_slice(body)
            .map_err(|error| malformed(format!("We could not parse the JSON body: {error}")))?
    };
    let named = match target.model {
        Some(in_path) => inbound::percent_decoded(in_path),
        None => asked.model.take().unwrap_or_default(),
    };
    let (model, in_model) =
        Script::split_model(&named).map_err(|error| malformed(error.to_string()))?;
    call.note(|entry| {
        entry.model = model.to_owned();
        entry.stream = asked.stream || target.route == Route::StreamGenerate;
    });
    check_members(request, target, &asked, model)?;
    let script = match asked.script().map(Script::read) {
        Some(in_prompt) => in_prompt.map_err(|error| malformed(error.to_string()))?,
        None => in_model
            .or_else(|| shared.rules.take(target.provider, model))
            .unwrap_or_default(),
    };
    Ok(Said {
        model: model.to_owned(),
        asked,
        script,
    })
}

fn check_members(
    request: &HttpRequest,
    target: Target<'_>,
    asked: &Asked,
    model: &str,
) -> Result<(), Refusal> {
    if target.dialect == Dialect::Anthropic && !request.headers().contains_key("anthropic-version")
    {
        let message = "anthropic-version: header is required".to_owned();
        return Err(Refusal::Malformed {
            message,
            member: None,
        });
    }
    let (has_prompt, has_cap) = (asked.prompt.is_some(), asked.max_output.is_some());
    if let Some(refusal) = extra_member(target.provider, asked) {
        return Err(refusal);
    }
    match dialects::missing_member(target.route, !model.is_empty(), has_prompt, has_cap) {
        None => Ok(()),
        Some(member) => {
            let message = format!("Missing required parameter: '{member}'.");
            Err(Refusal::Malformed {
                message,
                member: Some(member),
            })
        }
    }
}

/// Mistral tells the usage of a stream unasked, and refuses to be asked.
fn extra_member(provider: Provider, asked: &Asked) -> Option<Refusal> {
    let options = asked
        .stream_options
        .filter(|_| provider == Provider::Mistral)?;
    let usage = options.include_usage.map(|usage| Refusal::Extra {
        place: &["stream_options", "include_usage"],
        input: usage.into(),
    });
    Some(usage.unwrap_or_else(|| Refusal::Extra {
        place: &["stream_options"],
        input: json!({}),
    }))
}
