//! `/model-aliases`: the names that an organization gives to several models, for those who set its
//! policy.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use askama::Template;
use events::{AliasCandidate, RouteStrategy};
use ids::ModelAliasId;
use jiff::Timestamp;
use pages::{Choice, Confirm, Field, Layout, Notice, Section, filters};
use serde::Deserialize;
use server::{Nothing, PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};

use super::{
    ModelAliasRow, ModelAliases,
    http::{Candidate, NewModelAlias, checked},
};
use crate::{
    consent_page::see_other,
    inbox,
    vault::{Actor, Vault},
};

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(list).service(set).service(remove);
}

type Rooms = (web::Data<Vault>, web::Data<ModelAliases>);

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
    strategy: String,
    candidates: String,
    /// By the field.
    #[serde(skip)]
    faults: BTreeMap<&'static str, String>,
}

#[derive(Template)]
#[template(path = "model_aliases.html")]
struct ModelAliasesPage {
    layout: Layout,
    aliases: Vec<AliasView>,
    fields: [Field; 3],
    now: Timestamp,
}

struct AliasView {
    name: String,
    models: String,
    strategy: &'static str,
    changed_at: Timestamp,
    remove: Confirm,
}

#[get("/model-aliases")]
async fn list(
    person: PagePerson,
    query: StrictQuery<ListQuery>,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManagePolicy)?;
    let notice = match query.0.done.as_deref() {
        Some("set") => Some(Notice::good(
            "Set. Apps may say this name from now on, and reach what of it they were granted.",
        )),
        Some("removed") => Some(Notice::info(
            "Removed. Apps that say this name are refused.",
        )),
        _ => None,
    };
    page(&rooms, &person, &Answers::default(), notice, StatusCode::OK).await
}

#[post("/model-aliases")]
async fn set(
    form: SignedForm<Answers>,
    request_id: RequestId,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManagePolicy)?;
    let SignedForm { person, mut form } = form;
    let actor = Actor::person(&person, &request_id);
    let done = match checked(form.asked()) {
        Ok(alias) => rooms.1.set(&actor, alias).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => Ok(see_other("/model-aliases?done=set")),
        Err(problem) if problem.status().is_client_error() => {
            form.note(&problem);
            let notice = Notice::bad(problem.detail());
            page(&rooms, &person, &form, Some(notice), problem.status()).await
        }
        Err(problem) => Err(problem),
    }
}

#[post("/model-aliases/{id}/remove")]
async fn remove(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    rooms: Rooms,
    id: web::Path<ModelAliasId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManagePolicy)?;
    let actor = Actor::person(&form.person, &request_id);
    rooms.1.remove(&actor, *id).await?;
    Ok(see_other("/model-aliases?done=removed"))
}

async fn page(
    (vault, aliases): &Rooms,
    person: &SignedIn,
    form: &Answers,
    notice: Option<Notice>,
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let rows = aliases.of(person.tenant).await;
    let rows = rows.map_err(|e| Problem::dependency(&e))?;
    let layout = inbox::layout(vault, person, "Model aliases", Section::Account).await?;
    let layout = layout.maybe_notice(notice);
    let aliases = rows.into_iter().map(|row| AliasView::new(&layout, row));
    let page = ModelAliasesPage {
        aliases: aliases.collect(),
        fields: form.fields(),
        layout,
        now: vault.clock.now(),
    };
    Ok(pages::html_with(status, &page))
}

impl Answers {
    /// What the form asks for, as a program would.
    fn asked(&self) -> NewModelAlias {
        let mut strategies = RouteStrategy::ALL.into_iter();
        NewModelAlias {
            name: self.name.trim().to_owned(),
            candidates: self.candidates.lines().filter_map(candidate).collect(),
            strategy: strategies
                .find(|strategy| strategy.name() == self.strategy)
                .unwrap_or_default(),
        }
    }

    /// Puts each fault to the field that it is in, with the number of the model that it is of.
    fn note(&mut self, problem: &Problem) {
        for fault in problem.errors() {
            let mut parts = fault.pointer.split('/').skip(1);
            let (field, place) = (parts.next(), parts.next());
            let place = place.and_then(|place| place.parse::<usize>().ok());
            let told = match place {
                Some(place) => format!("Model {}: {}", place + 1, fault.detail),
                None => fault.detail.clone(),
            };
            let field = match field {
                Some("name") => "name",
                _ => "candidates",
            };
            self.faults.insert(field, told);
        }
    }

    fn fields(&self) -> [Field; 3] {
        let strategies = RouteStrategy::ALL.map(|strategy| {
            Choice::new(strategy.name(), words(strategy)).chosen(self.strategy == strategy.name())
        });
        let fault = |field| self.faults.get(field).cloned();
        [
            Field::text("name", "Name")
                .required()
                .value(self.name.as_str())
                .placeholder("fast")
                .hint("Apps say it as model: a-z, 0-9, . _ and -, beginning with a letter.")
                .maybe_error(fault("name")),
            Field::area("candidates", "Models")
                .required()
                .value(self.candidates.as_str())
                .hint(
                    "One to eight, one on each line, such as openai/gpt-4o-mini; by weight, \
                     openai/gpt-4o-mini = 3.",
                )
                .maybe_error(fault("candidates")),
            Field::select("strategy", "Which is asked first", strategies.to_vec())
                .required()
                .hint("The others follow when it fails or is late."),
        ]
    }
}

/// A line of the form: a model, and perhaps its weight. What is no number weighs nothing, and is
/// refused as that.
fn candidate(line: &str) -> Option<Candidate> {
    let line = line.trim();
    let (model, weight) = match line.split_once('=') {
        Some((model, weight)) => (model, Some(weight.trim().parse().unwrap_or(0))),
        None => (line, None),
    };
    let model = model.trim().to_owned();
    (!line.is_empty()).then_some(Candidate { model, weight })
}

const fn words(strategy: RouteStrategy) -> &'static str {
    match strategy {
        RouteStrategy::Fallback => "In this order",
        RouteStrategy::RoundRobin => "Each in turn",
        RouteStrategy::Weighted => "By weight",
        RouteStrategy::Latency => "The quickest of late",
    }
}

impl AliasView {
    fn new(layout: &Layout, row: ModelAliasRow) -> Self {
        let alias = row.alias;
        let model = |candidate: &AliasCandidate| match candidate.weight {
            Some(weight) => format!("{} ({weight})", candidate.name()),
            None => candidate.name(),
        };
        let models: Vec<String> = alias.candidates.iter().map(model).collect();
        let action = format!("/model-aliases/{}/remove", row.id);
        let consequence = "Apps that say this name are refused, within seconds.";
        Self {
            remove: Confirm::new(layout.csrf_field(), action, "Remove")
                .asking(format!("Remove “{}”?", alias.name), consequence),
            name: alias.name.to_string(),
            models: models.join(", "),
            strategy: words(alias.strategy),
            changed_at: row.changed_at,
        }
    }
}
