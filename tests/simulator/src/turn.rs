//! Whose turn it is with the tools that a call offers: the model's to call one, or to say what one told.

use serde_json::Value;

use crate::script::Script;

/// What the model does with its turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Turn {
    /// It talks, as without tools.
    #[default]
    Talks,
    /// It calls a tool.
    Calls(ToolCall),
    /// It says what a tool answered.
    Tells(String),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ToolCall {
    pub name: String,
    pub input: Value,
}

impl Turn {
    /// Reads the turn from the body of a call that offers tools. Only such bodies are read a second
    /// time, so that all others stay as cheap as they are.
    pub fn of(body: &[u8], script: &Script) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let said = ["messages", "input", "contents"]
            .iter()
            .find_map(|name| body[name].as_array()?.last());
        if let Some(told) = said.and_then(result) {
            return Self::Tells(format!("The tool says: {told}"));
        }
        let called = script.tool_input.clone().zip(first_tool(&body));
        called.map_or(Self::Talks, |(input, name)| {
            let input = Value::Object(input);
            Self::Calls(ToolCall { name, input })
        })
    }

    /// The call of a tool, if there is one.
    pub const fn call(&self) -> Option<&ToolCall> {
        match self {
            Self::Calls(call) => Some(call),
            _ => None,
        }
    }

    /// What the model says of a tool's answer, if it has one.
    pub fn told(&self) -> Option<&str> {
        match self {
            Self::Tells(told) => Some(told),
            _ => None,
        }
    }
}

/// What a tool answered, when the last message holds that.
fn result(last: &Value) -> Option<String> {
    if last["role"] == "tool" {
        return Some(text(&last["content"]));
    }
    if last["type"] == "function_call_output" {
        return Some(text(&last["output"]));
    }
    let parts = ["content", "parts"]
        .iter()
        .find_map(|name| last[name].as_array())?;
    parts.iter().rev().find_map(|part| {
        if part["type"] == "tool_result" {
            return Some(text(&part["content"]));
        }
        let answered = part
            .get("functionResponse")
            .or_else(|| part.get("function_response"))?;
        Some(text(&answered["response"]))
    })
}

/// A text, the texts of a list of parts, or JSON as it stands.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        other => other.to_string(),
    }
}

/// The first tool that has a name, which is one that the caller runs.
fn first_tool(body: &Value) -> Option<String> {
    let named = |tool: &Value| tool["name"].as_str().map(ToOwned::to_owned);
    body["tools"].as_array()?.iter().find_map(|tool| {
        let declared = ["functionDeclarations", "function_declarations"]
            .iter()
            .find_map(|name| tool[name].as_array()?.iter().find_map(named));
        named(tool)
            .or_else(|| named(&tool["function"]))
            .or(declared)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(body: &str, script: &str) -> Turn {
        Turn::of(body.as_bytes(), &serde_json::from_str(script).unwrap())
    }

    const SCRIPT: &str = r#"{"tool_input":{"a":1}}"#;

    #[test]
    fn the_first_tool_is_called_in_every_dialect() {
        for tool in [
            r#"{"type":"function","function":{"name":"t"}}"#,
            r#"{"type":"function","name":"t"}"#,
            r#"{"functionDeclarations":[{"name":"t"},{"name":"u"}]}"#,
        ] {
            let body = format!(r#"{{"tools":[{{"googleSearch":{{}}}},{tool}]}}"#);
            let called = turn(&body, SCRIPT);
            assert_eq!(
                called.call().map(|call| call.name.as_str()),
                Some("t"),
                "{tool}"
            );
            assert_eq!(turn(&body, "{}"), Turn::Talks);
        }
        assert_eq!(turn(r#"{"tools":[]}"#, SCRIPT), Turn::Talks);
    }

    #[test]
    fn a_tools_answer_is_told_in_every_dialect_and_no_tool_called_again() {
        for said in [
            r#""messages":[{"role":"tool","content":"4"}]"#,
            r#""input":[{"type":"function_call_output","output":[{"text":"4"}]}]"#,
            r#""messages":[{"role":"user","content":[{"type":"tool_result","content":"4"}]}]"#,
            r#""contents":[{"role":"user","parts":[{"functionResponse":{"response":4}}]}]"#,
        ] {
            let body = format!(r#"{{"tools":[{{"name":"t"}}],{said}}}"#);
            assert_eq!(
                turn(&body, SCRIPT).told(),
                Some("The tool says: 4"),
                "{said}"
            );
        }
        let asked_anew = r#"{"tools":[{"name":"t"}],"messages":[{"role":"tool","content":"4"},
            {"role":"user","content":"and now?"}]}"#;
        assert!(turn(asked_anew, SCRIPT).call().is_some());
    }
}
