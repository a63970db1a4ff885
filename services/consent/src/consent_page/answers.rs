//! What a person filled in, and where a form leads.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, http::header};
use serde::Deserialize;
use server::Problem;

/// The fields of a form whose names depend on what is decided. Each has all its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Answers(BTreeMap<String, Vec<String>>);

impl Answers {
    /// Refuses fields that the page does not have, and a field twice that it has once.
    ///
    /// # Errors
    /// 400 naming the field.
    pub(crate) fn expect(&self, once: &[&str], lists: &[&str]) -> Result<(), Problem> {
        for (name, values) in &self.0 {
            let (single, list) = (
                once.contains(&name.as_str()),
                lists.contains(&name.as_str()),
            );
            let reason = match values.len() {
                _ if !single && !list => "is no field of this form",
                2.. if single => "stands more than once",
                _ => continue,
            };
            return Err(
                Problem::bad_request("The form does not fit this page; load it again.")
                    .at(name, reason),
            );
        }
        Ok(())
    }

    /// The value of a field without the space around it; empty when it is missing.
    pub(crate) fn one(&self, name: &str) -> &str {
        self.all(name).first().map_or("", |value| value.trim())
    }

    /// All values of a field.
    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

/// The answer to a form: 303, never 307 (RFC 9700 section 4.12), so that nothing is posted twice.
pub(crate) fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

#[cfg(test)]
impl Answers {
    /// A form filled in so.
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        let mut answers = Self::default();
        for (name, value) in pairs {
            answers
                .0
                .entry((*name).to_owned())
                .or_default()
                .push((*value).to_owned());
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_the_fields_of_its_page_and_no_others() {
        let answers = Answers::of(&[("limit", " 5 "), ("model", "a"), ("model", "b")]);
        assert_eq!((answers.one("limit"), answers.one("gone")), ("5", ""));
        assert!(answers.expect(&["limit"], &["model"]).is_ok());
        assert!(answers.expect(&["limit", "model"], &[]).is_err());
        assert!(answers.expect(&["limit"], &[]).is_err());
    }
}
