//! Every route of this service.

use actix_web::web;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};

use crate::{call, grant};

/// What the generated document says about itself.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Latchkey proxy",
        description = "Do it, within limits. Below `/v1/PROVIDER` stand the provider's own routes, \
                       asked and answered as its SDKs do, with an OKAP token in place of the \
                       provider's key:\n\n\
                       | provider | routes |\n|---|---|\n\
                       | `openai` | `POST /chat/completions`, `/responses`, `/completions`, `/embeddings`, `/moderations`, `/images/generations`, `/images/edits`, `/audio/speech`, `/audio/transcriptions`, `/audio/translations`; `GET /models`, `/models/{model}` |\n\
                       | `anthropic` | `POST /v1/messages`, `/v1/messages/count_tokens`, and the same without `/v1`; `GET /v1/models` |\n\
                       | `google` | `POST /v1/models/{model}:generateContent`, `:streamGenerateContent`, `:countTokens`, `:embedContent`, `:batchEmbedContents`, and the same below `/v1beta`; `GET /v1/models` |\n\
                       | `groq` | `POST /chat/completions`, `/embeddings`, `/audio/transcriptions`, `/audio/translations`; `GET /models` |\n\
                       | `together`, `mistral`, `cohere`, `ollama`, `openrouter` | `POST /chat/completions`, `/embeddings`; `GET /models` |\n\
                       | `sandbox` | `POST /chat/completions`, `/responses`, `/completions`, `/embeddings`; `GET /models`, `/models/{model}`; it calls no provider and costs nothing |\n\
                       | one that your organization added | `POST /chat/completions`, `/responses`, `/embeddings`; `GET /models`, `/models/{model}`; of kind `azure` also below `/openai/v1` and, but for `/responses` and models, below `/openai/deployments/{deployment}` with `api-version` |\n\n\
                       Directly below `/v1`, one endpoint stands for all granted providers, in OpenAI's dialect: \
                       `POST /chat/completions`, `/embeddings`, `/responses`; `GET /models`, `/models/{model}`. \
                       `model` is `provider/model`, or a model that one granted provider has; `models` names \
                       several, tried in order when one fails before its first byte; `route` says in which order \
                       (`fallback`, `round_robin`, `weighted`, `latency`). A model alias of the organization stands \
                       for those of its models that are granted, wherever a name may stand, and comes before a model \
                       of the same name. Each try is a call of its own. \
                       `x-okap-provider` and `x-okap-model` say who answered.\n\n\
                       With `x-okap-cache: max-age=SECONDS` (1 to 86400), where the organization's policy allows it, the \
                       very same call under the same grant is answered again for nothing; `x-okap-cache` in the answer \
                       says `hit` (with `age`), `miss` or `off`.\n\n\
                       Errors come in the provider's shape, with the OKAP type in `error.type`."
    ),
    tags((name = "grant", description = "What a token may do")),
    modifiers(&OkapToken)
)]
struct Api;

struct OkapToken;

impl Modify for OkapToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("okap_…");
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("okap_token", SecurityScheme::Http(bearer.build()));
    }
}

/// `/v1/grant`, and below `/v1/` the providers' routes, which are found on the raw path: see
/// [`crate::provider`].
pub(crate) fn all(config: &mut web::ServiceConfig) {
    api(&mut ServiceConfig::new(config));
    // A scope without patterns: they cost more than finding the route.
    config.service(web::scope("/v1").default_service(web::to(call::http::call)));
}

fn api(config: &mut ServiceConfig) {
    config.service(grant::http::show_grant);
}

/// The part of this service's interface that is its own.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let app = actix_web::App::new()
        .into_utoipa_app()
        .openapi(Api::openapi());
    app.configure(api).split_for_parts().1
}
