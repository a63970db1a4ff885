//! Bodies in Google's dialect. Its JSON takes each name in camel case and in snake case.

use super::{Ask, AskError, CapMember, Name, answers, media, modalities, tools, with_model};
use crate::{
    body::{Members, elements},
    provider::Endpoint,
};

const CONTENT: &[Name] = &[
    &["model"],
    &["contents"],
    &["content"],
    &["systemInstruction", "system_instruction"],
    &["tools"],
    &["generationConfig", "generation_config"],
    &["cachedContent", "cached_content"],
    &["generateContentRequest", "generate_content_request"],
    &["requests"],
    &["serviceTier", "service_tier"],
];
const GENERATION: &[Name] = &[
    &["maxOutputTokens", "max_output_tokens"],
    &["candidateCount", "candidate_count"],
    &["responseModalities", "response_modalities"],
];
const CAP: &str = "maxOutputTokens";

pub(super) fn content(endpoint: Endpoint, model: &str, body: &[u8]) -> Result<Ask, AskError> {
    let members = Members::of_body(body, CONTENT)?;
    let mut found = media(
        &members,
        &["contents", "content", "systemInstruction", "requests"],
    );
    found = found.and(media(&members, &["generateContentRequest"]));
    let mut ask = with_model(model, body, found);
    same_model(&members, model)?;
    for (inner, at) in inner_requests(&members)? {
        same_model(&Members::scan("requests", inner, at, CONTENT)?, model)?;
    }
    tools::google(&members)?;
    ask.input.whole_window |= members.has("cachedContent");
    ask.stream = endpoint == Endpoint::StreamGenerateContent;
    ask.wants_usage = true;
    ask.service_tier = members
        .text("serviceTier")?
        .map(|tier| tier.to_ascii_lowercase());
    if endpoint.generates() {
        generation(&mut ask, &members)?;
    }
    Ok(ask)
}

fn generation(ask: &mut Ask, members: &Members<'_>) -> Result<(), AskError> {
    let Some(config) = members.object("generationConfig", GENERATION)? else {
        let place = members.place("generationConfig");
        let within = Some("generationConfig");
        ask.cap_member = Some(CapMember {
            place,
            name: CAP,
            within,
        });
        return Ok(());
    };
    ask.answers = answers(&config, "candidateCount")?;
    modalities(ask, &config, "responseModalities")?;
    ask.output_cap = config.count(CAP)?;
    if ask.output_cap.is_none() {
        ask.cap_member = Some(CapMember {
            place: config.place(CAP),
            name: CAP,
            within: None,
        });
    }
    Ok(())
}

/// The requests inside of a batch or of a count.
fn inner_requests<'b>(members: &Members<'b>) -> Result<Vec<(&'b str, usize)>, AskError> {
    let mut inner = Vec::new();
    if let Some((json, at)) = members.raw("requests") {
        let reason = "must be a list of requests";
        let list = elements(json, at).ok_or(AskError::Value {
            member: "requests",
            reason,
        })?;
        inner.extend(list);
    }
    inner.extend(members.raw("generateContentRequest"));
    Ok(inner)
}

/// The path names the model; a body may only repeat it.
fn same_model(members: &Members<'_>, model: &str) -> Result<(), AskError> {
    let Some(named) = members.text("model")? else {
        return Ok(());
    };
    if named.strip_prefix("models/").unwrap_or(&named) == model {
        return Ok(());
    }
    Err(AskError::Value {
        member: "model",
        reason: "names another model than the path",
    })
}
