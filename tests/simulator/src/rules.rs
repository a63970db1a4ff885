//! Scripts that were set beforehand, for calls that carry none themselves.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use serde::{Deserialize, Serialize};

use crate::{provider::Provider, script::Script};

/// A script, the calls it is for, and how many of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The calls it is for; every call when missing.
    #[serde(default, rename = "match")]
    pub calls: Calls,
    pub script: Script,
    /// How many calls are left; without end when missing.
    #[serde(default)]
    pub times: Option<u64>,
}

/// Which calls a rule is for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    pub provider: Option<Provider>,
    /// A model's name, or the beginning of one with `*` at its end.
    pub model: Option<String>,
}

impl Calls {
    fn include(&self, provider: Provider, model: &str) -> bool {
        let model_fits = self.model.as_deref().is_none_or(|wanted| {
            wanted
                .strip_suffix('*')
                .map_or(wanted == model, |start| model.starts_with(start))
        });
        model_fits && self.provider.is_none_or(|wanted| wanted == provider)
    }
}

/// The rules in force; the one set last decides.
#[derive(Debug, Default)]
pub struct Rules {
    /// Spares calls the lock while there are no rules.
    any: AtomicBool,
    rules: Mutex<Vec<Rule>>,
}

impl Rules {
    /// Sets one more rule, before all others.
    pub fn add(&self, rule: Rule) {
        self.lock().push(rule);
        self.any.store(true, Ordering::Release);
    }

    /// Forgets all rules.
    pub fn clear(&self) {
        let mut rules = self.lock();
        rules.clear();
        self.any.store(false, Ordering::Release);
    }

    /// The rules in force, oldest first.
    pub fn list(&self) -> Vec<Rule> {
        self.lock().clone()
    }

    /// The script for a call, which uses up one of its times.
    pub fn take(&self, provider: Provider, model: &str) -> Option<Script> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut rules = self.lock();
        let at = rules
            .iter()
            .rposition(|rule| rule.times != Some(0) && rule.calls.include(provider, model))?;
        let rule = rules.get_mut(at)?;
        if let Some(times) = &mut rule.times {
            *times -= 1;
        }
        Some(rule.script.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_rule_is_used_as_often_as_it_says_and_only_where_it_fits() {
        let rules = Rules::default();
        rules.add(rule(
            r#"{"match":{"provider":"openai","model":"gpt-*"},"script":{"status":500},"times":2}"#,
        ));
        assert!(rules.take(Provider::OpenAi, "o3").is_none());
        assert!(rules.take(Provider::Groq, "gpt-4o").is_none());
        assert!(rules.take(Provider::OpenAi, "gpt-4o").is_some());
        assert!(rules.take(Provider::OpenAi, "gpt-5").is_some());
        assert!(rules.take(Provider::OpenAi, "gpt-4o").is_none());
    }

    #[test]
    fn the_rule_set_last_decides() {
        let rules = Rules::default();
        rules.add(rule(r#"{"script":{"status":500}}"#));
        rules.add(rule(r#"{"script":{"status":429},"times":1}"#));
        let status = || {
            rules
                .take(Provider::Google, "any")
                .and_then(|script| script.status)
        };
        assert_eq!((status(), status()), (Some(429), Some(500)));
        rules.clear();
        assert_eq!(status(), None);
    }
}
