//! The popup's own pages.

use actix_web::HttpResponse;
use askama::Template;
use ids::RequestId as AccessRequestId;
use pages::Layout;
use sessions::SignedIn;

use crate::way_back::Opener;

/// What the popup is there for.
pub(super) enum Step {
    /// Nobody is signed in.
    SignIn,
    /// The opener is to say what it asks for.
    Ask(SignedIn),
    /// The opener is to get the answer.
    HandOver(SignedIn, AccessRequestId),
}

#[derive(Template)]
#[template(path = "popup.html")]
struct PopupPage {
    layout: Layout,
    origin: String,
    /// This page once more.
    again: String,
    /// What the script does: `ask`, `hand-over`, or nothing.
    step: Option<&'static str>,
    request: Option<AccessRequestId>,
}

/// The page of a step, for the opener of this origin.
pub(super) fn page(step: Step, origin: &Opener) -> HttpResponse {
    pages::html(&PopupPage::new(step, origin))
}

impl PopupPage {
    fn new(step: Step, origin: &Opener) -> Self {
        let (layout, step, request) = match step {
            Step::SignIn => (Layout::signed_out("Sign in first"), None, None),
            Step::Ask(person) => (Layout::new("An app asks", &person), Some("ask"), None),
            Step::HandOver(person, id) => {
                let layout = Layout::new("Back to the app", &person);
                (layout, Some("hand-over"), Some(id))
            }
        };
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("origin", origin.as_str())
            .finish();
        Self {
            layout,
            origin: origin.as_str().to_owned(),
            again: format!("/okap/popup?{query}"),
            step,
            request,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent_page::look::{keep, owner};

    #[test]
    fn each_step_names_the_origin_and_carries_no_script_of_its_own() {
        let origin = Opener::parse("https://garden.test:8443").unwrap();
        let id = AccessRequestId::new(crate::consent_page::look::now());
        for (name, step) in [
            ("popup-sign-in", Step::SignIn),
            ("popup-ask", Step::Ask(owner())),
            ("popup-hand-over", Step::HandOver(owner(), id)),
        ] {
            let html = keep(name, &PopupPage::new(step, &origin));
            assert!(html.contains("https://garden.test:8443"), "{name}");
        }
    }
}
