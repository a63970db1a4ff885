//! Bodies in OpenAI's dialect.

use events::Capability;

use super::{
    Ask, AskError, CapMember, Name, answers, common, common_at, holds_something, media, modalities,
    openrouter, refuse_unbounded, tools,
};
use crate::{
    body::{Members, elements},
    provider::{StreamUsage, Upstream},
};

const CHAT: &[Name] = &[
    &["model"],
    &["stream"],
    &["stream_options"],
    &["max_tokens"],
    &["max_completion_tokens"],
    &["n"],
    &["messages"],
    &["tools"],
    &["functions"],
    &["service_tier"],
    &["web_search_options"],
    &["modalities"],
    &["audio"],
    &["prediction"],
];
const STREAM_OPTIONS: &[Name] = &[&["include_usage"]];
const COMPLETIONS: &[Name] = &[
    &["model"],
    &["stream"],
    &["stream_options"],
    &["max_tokens"],
    &["n"],
    &["best_of"],
    &["prompt"],
];
const RESPONSES: &[Name] = &[
    &["model"],
    &["stream"],
    &["max_output_tokens"],
    &["input"],
    &["instructions"],
    &["tools"],
    &["service_tier"],
    &["previous_response_id"],
    &["conversation"],
    &["prompt"],
    &["background"],
    &["max_tool_calls"],
];
const EMBEDDINGS: &[Name] = &[&["model"], &["input"], &["stream"]];

/// What OpenAI writes when a plain completion names no cap.
const USUAL_COMPLETION: u32 = 16;

pub(super) fn chat(
    upstream: &Upstream,
    path_model: Option<&str>,
    body: &[u8],
) -> Result<Ask, AskError> {
    let members = Members::of_body(body, CHAT)?;
    let mut ask = common_at(path_model, &members, body, media(&members, &["messages"]))?;
    refuse_unbounded(&members, &["web_search_options"])?;
    // These search with each call, at a fee of its own.
    if ask.model.contains("-search-") {
        return Err(AskError::Unbounded(format!("the model `{}`", ask.model)));
    }
    refuse_closed(&members, upstream.closed)?;
    tools::openai_chat(&members)?;
    if upstream.added_with_tools > 0 && holds_something(&members, "tools") {
        ask.input.added = upstream.added_with_tools;
    }
    modalities(&mut ask, &members, "modalities")?;
    if holds_something(&members, "audio") {
        ask.needs.push(Capability::Audio);
        ask.writes.sounds = true;
    }
    ask.answers = answers(&members, "n")?;
    tier(&mut ask, &members, upstream)?;
    // What was predicted and not used is charged as output.
    let prediction = members.raw("prediction").map_or(0, |(json, _)| json.len());
    ask.extra_output = u64::try_from(prediction).unwrap_or(u64::MAX);
    cap_chat(&mut ask, &members, upstream.output_cap)?;
    stream(&mut ask, &members, upstream.stream_usage)?;
    if upstream.resells {
        openrouter::bind(&mut ask, body)?;
    }
    Ok(ask)
}

/// Reads both members that cap a chat. A provider that knows only the older one is told in it, and not
/// in the newer, for which some refuse the call.
fn cap_chat(ask: &mut Ask, members: &Members<'_>, own: &'static str) -> Result<(), AskError> {
    let newer = members.count("max_completion_tokens")?;
    let older = members.count("max_tokens")?;
    let cap = CapMember {
        place: members.place(own),
        name: own,
        within: None,
    };
    if own == "max_tokens" {
        for range in members.without(&["max_completion_tokens"]) {
            ask.edits.cut(range);
        }
    }
    match (newer, older) {
        (Some(newer), Some(older)) => ask.output_cap = Some(newer.max(older)),
        (Some(newer), None) => {
            ask.output_cap = Some(newer);
            if own == "max_tokens" {
                cap.write(newer, &mut ask.edits);
            }
        }
        (None, Some(older)) => ask.output_cap = Some(older),
        (None, None) => ask.cap_member = Some(cap),
    }
    Ok(())
}

/// Reads the service tier. Where an app names none, OpenAI takes the one that the owner's project has
/// set, which may cost twice as much as what is held: the usual one is asked for by name.
fn tier(ask: &mut Ask, members: &Members<'_>, upstream: &Upstream) -> Result<(), AskError> {
    ask.service_tier = members.text("service_tier")?.map(String::from);
    if ask.service_tier.is_none() && upstream.name.as_str() == "openai" {
        let place = members.place("service_tier");
        ask.edits.set(&place, "service_tier", r#""default""#);
    }
    Ok(())
}

/// Has the usage of a stream told, and remembers whether the app wanted that.
fn stream(ask: &mut Ask, members: &Members<'_>, usage: StreamUsage) -> Result<(), AskError> {
    ask.stream = members.flag("stream")?.unwrap_or(false);
    let options = members.object("stream_options", STREAM_OPTIONS)?;
    let wanted = options
        .as_ref()
        .map(|options| options.flag("include_usage"))
        .transpose()?;
    ask.wants_usage = wanted.flatten().unwrap_or(false) || usage == StreamUsage::Always;
    if !ask.stream || ask.wants_usage {
        return Ok(());
    }
    match options {
        Some(options) => ask
            .edits
            .set(&options.place("include_usage"), "include_usage", "true"),
        None => {
            let place = members.place("stream_options");
            ask.edits
                .set(&place, "stream_options", r#"{"include_usage":true}"#);
        }
    }
    Ok(())
}

pub(super) fn completions(upstream: &Upstream, body: &[u8]) -> Result<Ask, AskError> {
    let members = Members::of_body(body, COMPLETIONS)?;
    let mut ask = common(&members, body, media(&members, &[]))?;
    let each = answers(&members, "n")?.max(answers(&members, "best_of")?);
    ask.answers = each.saturating_mul(prompts(&members)?);
    ask.output_cap = members.count("max_tokens")?;
    if ask.output_cap.is_none() {
        let cap = CapMember {
            place: members.place("max_tokens"),
            name: "max_tokens",
            within: None,
        };
        cap.write(USUAL_COMPLETION, &mut ask.edits);
        ask.output_cap = Some(USUAL_COMPLETION);
    }
    stream(&mut ask, &members, upstream.stream_usage)?;
    Ok(ask)
}

/// A list of texts, or of lists of tokens, is as many prompts; a text or a list of tokens is one.
fn prompts(members: &Members<'_>) -> Result<u64, AskError> {
    let (json, at) = members.raw("prompt").ok_or(AskError::Missing("prompt"))?;
    let Some(list) = elements(json, at) else {
        return Ok(1);
    };
    let many = list
        .iter()
        .any(|(element, _)| element.starts_with(['"', '[']));
    Ok(if many {
        u64::try_from(list.len()).unwrap_or(u64::MAX)
    } else {
        1
    })
}

pub(super) fn responses(upstream: &Upstream, body: &[u8]) -> Result<Ask, AskError> {
    let members = Members::of_body(body, RESPONSES)?;
    let mut ask = common(&members, body, media(&members, &["input"]))?;
    refuse_closed(&members, upstream.closed)?;
    tools::openai_responses(&members)?;
    if members.flag("background")?.unwrap_or(false) {
        let reason = "makes an answer that goes on after the call; ask without it";
        return Err(AskError::Value {
            member: "background",
            reason,
        });
    }
    // A stored prompt may bring tools that run at the provider.
    refuse_unbounded(&members, &["prompt"])?;
    // These bring in content that the body does not hold.
    ask.input.whole_window |= ["previous_response_id", "conversation"]
        .iter()
        .any(|name| members.has(name));
    // An item may be named instead of sent.
    if let Some((json, _)) = members.raw("input") {
        let named = named_items(json);
        ask.input.whole_window |= named.any;
        ask.input.earlier_outputs = named.outputs;
    }
    ask.stream = members.flag("stream")?.unwrap_or(false);
    ask.wants_usage = true;
    tier(&mut ask, &members, upstream)?;
    let name = "max_output_tokens";
    ask.output_cap = members.count(name)?;
    if ask.output_cap.is_none() {
        ask.cap_member = Some(CapMember {
            place: members.place(name),
            name,
            within: None,
        });
    }
    Ok(ask)
}

/// Items of the input that are only named by their id.
#[derive(Default)]
struct NamedItems {
    /// Of whatever kind and size.
    any: bool,
    /// So many that one earlier answer wrote each.
    outputs: u64,
}

fn named_items(input: &str) -> NamedItems {
    let mut named = NamedItems::default();
    let marks = ["\"id\"", "\"item_reference\"", "\\u00"];
    let marked = |mark: &&str| memchr::memmem::find(input.as_bytes(), mark.as_bytes()).is_some();
    if !marks.iter().any(marked) {
        return named;
    }
    for (item, at) in elements(input, 0).unwrap_or_default() {
        match what_is_named(item, at) {
            Naming::Nothing => {}
            Naming::Output => named.outputs += 1,
            Naming::Anything => named.any = true,
        }
    }
    named
}

/// Items that hold what they say beside their id.
const WHOLE_ITEMS: [&str; 14] = [
    "message",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "computer_call",
    "computer_call_output",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "compaction",
];

enum Naming {
    Nothing,
    /// What an earlier answer wrote: a thought, or an image.
    Output,
    Anything,
}

fn what_is_named(item: &str, at: usize) -> Naming {
    let known: &[Name] = &[&["type"], &["id"], &["encrypted_content"]];
    let Ok(members) = Members::scan("input", item, at, known) else {
        return Naming::Nothing;
    };
    let kind = members.text("type").ok().flatten();
    match kind.as_deref() {
        // A bare id is taken for a reference too.
        None if members.has("role") => Naming::Nothing,
        None | Some("item_reference") => Naming::Anything,
        Some(kind) if WHOLE_ITEMS.contains(&kind) => Naming::Nothing,
        // Without its text it is looked up by its id.
        Some(_) if members.has("id") && !members.has("encrypted_content") => Naming::Output,
        Some(_) => Naming::Nothing,
    }
}

/// Refuses what only this provider does, in whichever spelling it may read it.
fn refuse_closed(members: &Members<'_>, closed: &[Name]) -> Result<(), AskError> {
    match closed.iter().find_map(|name| members.spelled_as(name)) {
        Some(found) => Err(AskError::Unbounded(format!("`{found}`"))),
        None => Ok(()),
    }
}

pub(super) fn embeddings(
    upstream: &Upstream,
    path_model: Option<&str>,
    body: &[u8],
) -> Result<Ask, AskError> {
    let members = Members::of_body(body, EMBEDDINGS)?;
    let mut ask = common_at(path_model, &members, body, media(&members, &["input"]))?;
    refuse_closed(&members, upstream.closed)?;
    if members.flag("stream")?.unwrap_or(false) {
        return Err(AskError::Value {
            member: "stream",
            reason: "is not offered for embeddings",
        });
    }
    ask.output_cap = None;
    if upstream.resells {
        openrouter::bind(&mut ask, body)?;
    }
    Ok(ask)
}
