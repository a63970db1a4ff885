//! What every description of our API says alike.

use utoipa::{
    Modify,
    openapi::{
        Components, OpenApi,
        security::{
            ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
        },
    },
};

/// Adds the two ways to be let in, and asks for one of them everywhere:
/// `#[derive(OpenApi)] #[openapi(modifiers(&SignIn))]`.
#[derive(Debug, Clone, Copy)]
pub struct SignIn;

impl Modify for SignIn {
    fn modify(&self, document: &mut OpenApi) {
        let mut token = Http::new(HttpAuthScheme::Bearer);
        token.description = Some("A person's API token, `lk_…`.".to_owned());
        let about = "The cookie of a signed-in browser. Unsafe requests also need the header \
                     `x-csrf-token` and must come from the vault's own origin.";
        let cookie = ApiKeyValue::with_description("__Host-latchkey", about);
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme("api_token", SecurityScheme::Http(token));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let either = ["api_token", "session"];
        let nothing = || std::iter::empty::<String>();
        document.security = Some(
            either
                .map(|name| SecurityRequirement::new(name, nothing()))
                .to_vec(),
        );
    }
}

#[cfg(test)]
mod tests {
    use utoipa::OpenApi as _;

    use super::*;
    use crate::{MemberProblem, Page, Problem};

    #[derive(utoipa::OpenApi)]
    #[openapi(modifiers(&SignIn), components(schemas(Problem, MemberProblem, Page<u32>)))]
    struct Api;

    #[test]
    fn a_problem_is_described_as_it_is_sent() {
        let document = serde_json::to_value(Api::openapi()).unwrap();
        let schema = &document["components"]["schemas"]["Problem"];
        let members: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(members, ["type", "title", "status", "detail", "errors"]);
        assert_eq!(
            schema["required"],
            serde_json::json!(["type", "title", "status", "detail"])
        );
        assert_eq!(schema["properties"]["status"]["type"], "integer");
    }

    #[test]
    fn either_way_to_be_let_in_will_do() {
        let document = serde_json::to_value(Api::openapi()).unwrap();
        assert_eq!(
            document["security"],
            serde_json::json!([{ "api_token": [] }, { "session": [] }])
        );
        assert_eq!(
            document["components"]["securitySchemes"]["api_token"]["scheme"],
            "bearer"
        );
    }
}
