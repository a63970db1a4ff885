//! What every description of our API says alike.

use utoipa::{
    Modify,
    openapi::{
        Components, Content, ObjectBuilder, OpenApi, Ref, RefOr, ResponseBuilder, Schema, Type,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        security::{
            ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
        },
    },
};

use crate::problem::PROBLEM_JSON;

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

/// Says of every route what all of them have in common, so that no route has to: every operation has an
/// id of its own, problems have their own media type (RFC 9457 section 3), and the ways in which a
/// request of a signed-in person, at the management API or from the popup's script, is refused before a
/// route sees it.
pub fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let is_by_person = path.starts_with("/api/v1/") || path.starts_with("/okap/popup/");
        let methods = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in methods {
            let Some(operation) = operation else { continue };
            operation.operation_id = Some(operation_id(method, path));
            if is_by_person {
                add_refusals(operation, method == "get");
            }
            name_problems(operation);
        }
    }
}

/// Says of every unsafe route of the management API that it takes an `Idempotency-Key`, and how it
/// refuses one: for a service that keeps answers.
pub fn tell_of_idempotency(document: &mut OpenApi) {
    let management = document.paths.paths.iter_mut();
    for (_, item) in management.filter(|(path, _)| path.starts_with("/api/v1/")) {
        let unsafe_ones = [
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in unsafe_ones.into_iter().flatten() {
            let parameters = operation.parameters.get_or_insert_default();
            parameters.push(RefOr::T(idempotency_key()));
            for status in ["400", "409", "413", "422"] {
                tell(operation, status);
            }
        }
    }
}

fn idempotency_key() -> Parameter {
    let about = "Names this call, so that it can be sent again and is done once. For a day it counts \
                 for you, this route and this body: the same again is answered as the first time, or \
                 409 while that is under way or where its answer held a secret; anything else is 422.";
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255))
        .build();
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(about))
        .schema(Some(text))
        .build()
}

/// The id of an operation, which no other of its document may have (OpenAPI section 4.8.10): the names
/// of functions are unique in their own module only.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    std::iter::once(method)
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

/// What signing in, reading the address and reading the body refuse.
fn add_refusals(operation: &mut Operation, is_safe: bool) {
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let has = |place: &ParameterIn| {
        let is_there =
            |one: &RefOr<Parameter>| matches!(one, RefOr::T(one) if one.parameter_in == *place);
        parameters.iter().any(is_there)
    };
    let refusals = [
        ("400", has(&ParameterIn::Query)),
        ("401", true),
        ("403", !is_safe),
        ("404", has(&ParameterIn::Path)),
        ("503", true),
    ];
    let of_a_body =
        ["400", "408", "413", "415"].map(|status| (status, operation.request_body.is_some()));
    for (status, can_be) in refusals.into_iter().chain(of_a_body) {
        if can_be {
            tell(operation, status);
        }
    }
}

/// Says that a route may answer with a problem of this status.
fn tell(operation: &mut Operation, status: &str) {
    let told = || {
        ResponseBuilder::new()
            .content(PROBLEM_JSON, a_problem())
            .into()
    };
    operation
        .responses
        .responses
        .entry(status.to_owned())
        .or_insert_with(told);
}

fn a_problem() -> Content {
    Content::new(Some(Ref::from_schema_name("Problem")))
}

/// A problem has a media type of its own.
fn name_problems(operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else {
            continue;
        };
        response.content = std::mem::take(&mut response.content)
            .into_iter()
            .map(|(kind, content)| {
                let is_ours = matches!(&content, RefOr::T(content) if is_problem(content));
                let kind = if is_ours {
                    PROBLEM_JSON.to_owned()
                } else {
                    kind
                };
                (kind, content)
            })
            .collect();
    }
}

fn is_problem(content: &Content) -> bool {
    let named = |schema: &RefOr<Schema>| matches!(schema, RefOr::Ref(named) if named.ref_location.ends_with("/Problem"));
    content.schema.as_ref().is_some_and(named)
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

    #[utoipa::path(get, path = "/api/v1/things/{id}", params(("id" = String, Path)), responses((status = 200, body = Page<u32>)))]
    #[expect(dead_code, reason = "only described")]
    fn thing() {}

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(thing), components(schemas(Problem)))]
    struct Things;

    #[test]
    fn a_route_is_described_with_what_is_refused_before_it_is_asked() {
        let mut document = Things::openapi();
        complete(&mut document);
        let document = serde_json::to_value(document).unwrap();
        let responses = document["paths"]["/api/v1/things/{id}"]["get"]["responses"]
            .as_object()
            .unwrap();
        let statuses: Vec<&String> = responses.keys().collect();
        assert_eq!(statuses, ["200", "401", "404", "503"]);
        assert!(responses["401"]["content"]["application/problem+json"].is_object());
        assert!(responses["200"]["content"]["application/json"].is_object());
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
