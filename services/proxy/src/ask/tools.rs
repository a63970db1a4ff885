//! Tools: those that the app runs are its own affair; those that the provider runs cost what no
//! limit bounds, and are not offered.

use super::{AskError, holds_something};
use crate::body::{Members, elements};

/// OpenAI's tools that the app runs.
const OPENAI_RUN_BY_APP: [&str; 8] = [
    "function",
    "custom",
    "local_shell",
    "apply_patch",
    "computer",
    "computer_use_preview",
    "computer-preview",
    "computer_use",
];
/// Anthropic's tools that the app runs, without their date.
const ANTHROPIC_RUN_BY_APP: [&str; 5] = ["custom", "bash_", "text_editor_", "computer_", "memory_"];
/// Google's tools that the app runs.
const GOOGLE_RUN_BY_APP: [&str; 4] = [
    "functionDeclarations",
    "function_declarations",
    "computerUse",
    "computer_use",
];

/// Instructions that Anthropic adds when there are tools, and for each tool that it defines
/// itself; well above the figures it publishes (346 to 804 tokens).
const ANTHROPIC_INSTRUCTIONS: u64 = 1_024;

pub(super) fn openai_chat(members: &Members<'_>) -> Result<(), AskError> {
    openai(members, &["function", "custom"])
}

pub(super) fn openai_responses(members: &Members<'_>) -> Result<(), AskError> {
    openai(members, &OPENAI_RUN_BY_APP)
}

fn openai(members: &Members<'_>, run_by_app: &[&str]) -> Result<(), AskError> {
    for (tool, at) in list(members)? {
        let tool = Members::scan("tools", tool, at, &[&["type"]])?;
        let kind = tool.text("type")?.unwrap_or_default();
        if !run_by_app.contains(&kind.as_ref()) {
            return Err(unbounded(&kind));
        }
    }
    Ok(())
}

/// Gives the tokens that Anthropic adds.
pub(super) fn anthropic(members: &Members<'_>) -> Result<u64, AskError> {
    let mut added = 0;
    for (tool, at) in list(members)? {
        let tool = Members::scan("tools", tool, at, &[&["type"]])?;
        let Some(kind) = tool.text("type")? else {
            added = added.max(ANTHROPIC_INSTRUCTIONS);
            continue;
        };
        let known = ANTHROPIC_RUN_BY_APP.iter().find(|run| {
            if run.ends_with('_') {
                kind.starts_with(*run)
            } else {
                kind == **run
            }
        });
        if known.is_none() {
            return Err(unbounded(&kind));
        }
        added += ANTHROPIC_INSTRUCTIONS;
    }
    Ok(added)
}

pub(super) fn google(members: &Members<'_>) -> Result<(), AskError> {
    for (tool, at) in list(members)? {
        let whole = Members::scan("tools", tool, at, &[])?;
        if let Some(other) = whole.names().find(|name| !GOOGLE_RUN_BY_APP.contains(name)) {
            return Err(unbounded(other));
        }
    }
    Ok(())
}

fn list<'b>(members: &Members<'b>) -> Result<Vec<(&'b str, usize)>, AskError> {
    let Some((json, at)) = members
        .raw("tools")
        .filter(|_| holds_something(members, "tools"))
    else {
        return Ok(Vec::new());
    };
    let reason = "must be a list of tools";
    elements(json, at).ok_or(AskError::Value {
        member: "tools",
        reason,
    })
}

fn unbounded(kind: &str) -> AskError {
    let shown: String = kind.chars().take(64).collect();
    AskError::Unbounded(format!("the tool `{shown}`"))
}
