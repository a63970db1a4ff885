//! `/custom-providers`: the providers that an organization adds, for those who set its policy.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use askama::Template;
use events::ProviderKind;
use ids::CustomProviderId;
use jiff::Timestamp;
use pages::{Choice, Confirm, Field, Layout, Notice, Section, filters};
use serde::Deserialize;
use server::{Nothing, PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};

use super::{
    CustomProviderError, CustomProviderRow, CustomProviders,
    http::{NewCustomProvider, NewTokenPrice, checked},
};
use crate::{
    consent_page::see_other,
    inbox,
    vault::{Actor, Vault},
    wire_error::sentence,
};

/// How the kind of an Azure resource is written in the form.
const AZURE: &str = "azure";

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(list).service(add).service(remove);
}

type Rooms = (web::Data<Vault>, web::Data<CustomProviders>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// What was just done.
    done: Option<String>,
}

/// What stands in the form, and what is wrong with it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Answers {
    name: String,
    kind: String,
    base_url: String,
    input: String,
    output: String,
    models: String,
    /// By the place in a request that the field stands for.
    #[serde(skip)]
    faults: BTreeMap<String, String>,
}

#[derive(Template)]
#[template(path = "custom_providers.html")]
struct CustomProvidersPage {
    layout: Layout,
    providers: Vec<ProviderView>,
    fields: Vec<Field>,
    prices: [Field; 2],
    models: Field,
    now: Timestamp,
}

struct ProviderView {
    name: String,
    base_url: String,
    prices: String,
    added_at: Timestamp,
    remove: Confirm,
}

#[get("/custom-providers")]
async fn list(
    person: PagePerson,
    query: StrictQuery<ListQuery>,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManagePolicy)?;
    let notice = match query.0.done.as_deref() {
        Some("added") => Some(Notice::good(
            "Added. People of your organization store their keys for it under provider keys.",
        )),
        Some("removed") => Some(Notice::info(
            "Removed. Every key that was stored for it is destroyed, and calls to it are refused.",
        )),
        _ => None,
    };
    page(&rooms, &person, Answers::default(), notice, StatusCode::OK).await
}

#[post("/custom-providers")]
async fn add(
    form: SignedForm<Answers>,
    request_id: RequestId,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManagePolicy)?;
    let SignedForm { person, mut form } = form;
    let provider = match checked(form.asked(), &rooms.1) {
        Ok(provider) => provider,
        Err(problem) => {
            let faults = problem.errors().iter();
            form.faults = faults
                .map(|fault| (fault.pointer.clone(), fault.detail.clone()))
                .collect();
            let notice = Notice::bad("Nothing was added yet: look at the fields marked below.");
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return page(&rooms, &person, form, Some(notice), status).await;
        }
    };
    match rooms
        .1
        .add(&Actor::person(&person, &request_id), provider)
        .await
    {
        Ok(_) => Ok(see_other("/custom-providers?done=added")),
        Err(
            error @ (CustomProviderError::NameTaken
            | CustomProviderError::AliasName
            | CustomProviderError::TooMany),
        ) => {
            let notice = Notice::bad(sentence(&error));
            page(&rooms, &person, form, Some(notice), StatusCode::CONFLICT).await
        }
        Err(error) => Err(error.into()),
    }
}

#[post("/custom-providers/{id}/remove")]
async fn remove(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    rooms: Rooms,
    id: web::Path<CustomProviderId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManagePolicy)?;
    let actor = Actor::person(&form.person, &request_id);
    rooms.1.remove(&actor, *id).await?;
    Ok(see_other("/custom-providers?done=removed"))
}

async fn page(
    (vault, providers): &Rooms,
    person: &SignedIn,
    form: Answers,
    notice: Option<Notice>,
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let rows = providers.of(person.tenant).await;
    let rows = rows.map_err(|e| Problem::dependency(&e))?;
    let layout = inbox::layout(vault, person, "Your own providers", Section::Account).await?;
    let layout = layout.maybe_notice(notice);
    let page = CustomProvidersPage::new(layout, rows, &form, vault.clock.now());
    Ok(pages::html_with(status, &page))
}

impl Answers {
    /// What the form asks for, as a program would.
    fn asked(&self) -> NewCustomProvider {
        let priced = !self.input.is_empty() || !self.output.is_empty();
        NewCustomProvider {
            name: self.name.trim().to_owned(),
            kind: if self.kind == AZURE {
                ProviderKind::Azure
            } else {
                ProviderKind::OpenaiCompatible
            },
            base_url: self.base_url.clone(),
            price: priced.then(|| NewTokenPrice {
                input: self.input.trim().to_owned(),
                output: self.output.trim().to_owned(),
            }),
            models: self.models.lines().filter_map(deployment).collect(),
        }
    }

    fn fault(&self, place: &str) -> Option<String> {
        self.faults.get(place).cloned()
    }
}

/// A line of the form: a deployment and the model behind it. What is no such line names nothing that
/// can be a model, and is refused as that.
fn deployment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (deployment, model) = line.split_once('=').unwrap_or((line, ""));
    let pair = (deployment.trim().to_owned(), model.trim().to_owned());
    (!line.is_empty()).then_some(pair)
}

impl CustomProvidersPage {
    fn new(layout: Layout, rows: Vec<CustomProviderRow>, form: &Answers, now: Timestamp) -> Self {
        let kinds = vec![
            Choice::new("openai_compatible", "OpenAI-compatible").chosen(form.kind != AZURE),
            Choice::new(AZURE, "Azure OpenAI").chosen(form.kind == AZURE),
        ];
        let price = |name, label: &str, value: &str, place: &str| {
            Field::money(name, label)
                .value(value)
                .hint("For a million tokens.")
                .maybe_error(form.fault(place))
        };
        Self {
            providers: rows
                .into_iter()
                .map(|row| ProviderView::new(&layout, row))
                .collect(),
            fields: vec![
                Field::text("name", "Name")
                    .required()
                    .value(form.name.as_str())
                    .placeholder("acme-llm")
                    .hint("Apps ask for it by this name: a-z, 0-9, - and _.")
                    .maybe_error(form.fault("/name")),
                Field::select("kind", "Kind", kinds).required(),
                Field::url("base_url", "Address")
                    .required()
                    .value(form.base_url.as_str())
                    .placeholder("https://llm.acme.example/v1")
                    .hint(
                        "It cannot be changed later. Keys are bound to its host: one that is \
                         stored for it is sent nowhere else.",
                    )
                    .maybe_error(form.fault("/base_url")),
            ],
            prices: [
                price(
                    "input",
                    "Input price",
                    &form.input,
                    "/price/input",
                ),
                price(
                    "output",
                    "Output price",
                    &form.output,
                    "/price/output",
                ),
            ],
            models: Field::area("models", "Azure: the models behind its deployments")
                .value(form.models.as_str())
                .hint("One on each line, such as fast = gpt-4o-mini. One that is not here has no price.")
                .maybe_error(form.fault("/models").or_else(|| form.fault("/price"))),
            layout,
            now,
        }
    }
}

impl ProviderView {
    fn new(layout: &Layout, row: CustomProviderRow) -> Self {
        let provider = row.provider;
        let prices = match (provider.price, provider.models.len()) {
            (Some(price), _) => format!(
                "USD {} for a million tokens of input, {} of output",
                price.input, price.output
            ),
            (None, 0) => "no prices: calls under a spend limit are refused".to_owned(),
            (None, 1) => "1 deployment with a price".to_owned(),
            (None, more) => format!("{more} deployments with a price"),
        };
        let action = format!("/custom-providers/{}/remove", row.id);
        let consequence = "Every key that was stored for it is destroyed, and apps that use it are \
                           refused. It cannot be brought back.";
        Self {
            remove: Confirm::new(layout.csrf_field(), action, "Remove")
                .asking(format!("Remove “{}”?", provider.name), consequence),
            name: provider.name.to_string(),
            base_url: provider.base_url,
            prices,
            added_at: row.added_at,
        }
    }
}
