//! Bodies in Anthropic's dialect.

use super::{Ask, AskError, Name, common, media, refuse_unbounded, tools};
use crate::body::Members;

const MESSAGES: &[Name] = &[
    &["model"],
    &["stream"],
    &["max_tokens"],
    &["messages"],
    &["system"],
    &["tools"],
    &["service_tier"],
    &["mcp_servers"],
    &["container"],
    &["speed"],
    &["inference_geo"],
];

pub(super) fn messages(body: &[u8]) -> Result<Ask, AskError> {
    let members = Members::of_body(body, MESSAGES)?;
    let mut ask = any(&members, body)?;
    ask.stream = members.flag("stream")?.unwrap_or(false);
    ask.wants_usage = true;
    // Anthropic requires the cap itself, so there is never one to put in.
    let cap = members
        .count("max_tokens")?
        .ok_or(AskError::Missing("max_tokens"))?;
    ask.output_cap = Some(cap);
    ask.service_tier = members.text("service_tier")?.map(String::from);
    Ok(ask)
}

pub(super) fn count(body: &[u8]) -> Result<Ask, AskError> {
    any(&Members::of_body(body, MESSAGES)?, body)
}

fn any(members: &Members<'_>, body: &[u8]) -> Result<Ask, AskError> {
    let mut ask = common(members, body, media(members, &["messages", "system"]))?;
    refuse_unbounded(
        members,
        &["mcp_servers", "container", "speed", "inference_geo"],
    )?;
    ask.input.added = tools::anthropic(members)?;
    Ok(ask)
}
