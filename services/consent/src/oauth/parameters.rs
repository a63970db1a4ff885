//! OAuth parameters as they come: in a query or a form, each at most once (RFC 6749 section 3.1).

use std::collections::{BTreeMap, BTreeSet};

use server::{Problem, StrictForm};

use super::error::OauthError;

/// A form body as the strict reader gives it.
pub type Form = Result<StrictForm<BTreeMap<String, String>>, Problem>;

/// Parameters of one request. Empty ones count as absent, unknown ones are ignored.
#[derive(Debug, Default)]
pub struct Parameters {
    values: BTreeMap<String, String>,
    repeated: BTreeSet<String>,
}

impl Parameters {
    /// Reads a query string. What stands twice is kept apart and not refused yet, because the
    /// client and its redirect URI decide where even that fault is told.
    #[must_use]
    pub fn of_query(text: &str) -> Self {
        let mut parameters = Self::default();
        for (name, value) in
            url::form_urlencoded::parse(text.as_bytes()).filter(|(_, value)| !value.is_empty())
        {
            if parameters.values.contains_key(name.as_ref()) {
                parameters.repeated.insert(name.into_owned());
            } else {
                parameters
                    .values
                    .insert(name.into_owned(), value.into_owned());
            }
        }
        parameters
    }

    /// Takes a form, in which nothing stands twice.
    ///
    /// # Errors
    /// `invalid_request`, saying what is wrong.
    pub fn of_form(form: Form) -> Result<Self, OauthError> {
        let StrictForm(values) = form.map_err(|problem| {
            let at = problem
                .errors()
                .first()
                .map(|member| format!("{} {}", member.pointer, member.detail));
            OauthError::new(
                "invalid_request",
                at.unwrap_or_else(|| problem.detail().to_owned()),
            )
        })?;
        let values = values
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        Ok(Self {
            values,
            repeated: BTreeSet::new(),
        })
    }

    /// Parameters that were taken in before.
    #[must_use]
    pub const fn of_values(values: BTreeMap<String, String>) -> Self {
        Self {
            values,
            repeated: BTreeSet::new(),
        }
    }

    /// All of them.
    #[must_use]
    pub const fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request`, naming it.
    pub fn required(&self, name: &str) -> Result<&str, OauthError> {
        self.get(name)
            .ok_or_else(|| OauthError::new("invalid_request", format!("{name} is missing")))
    }

    /// Whether this parameter stands more than once.
    #[must_use]
    pub fn repeats(&self, name: &str) -> bool {
        self.repeated.contains(name)
    }

    /// A parameter that stands more than once.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.first().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_that_stands_twice_is_known() {
        let parameters =
            Parameters::of_query("client_id=a&client_id=b&state=x&state=y&scope=&scope=s");
        assert!(parameters.repeats("client_id") && parameters.repeats("state"));
        assert!(!parameters.repeats("scope") && !parameters.repeats("nonce"));
        assert_eq!(parameters.get("scope"), Some("s"));
    }
}
