//! `/connected-apps/{id}/allow`: where the link of a refused call leads. The person whose grant it
//! is sees the one thing that was missing, and allows it or does not.
//!
//! The link is no secret and gives nothing by itself: it names a grant and what was missing. To
//! anybody but the grant's person there is no such page.

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use askama::Template;
use events::{AuthorizationDetail, LimitName, Provider};
use ids::GrantId;
use money::Nanodollars;
use pages::{Field, Layout, Notice, Section};
use serde::{Deserialize, Serialize};
use server::{PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};

use crate::{
    consent_page::{Asker, amount, digest_of_shown, in_words, see_other},
    grant::{
        GrantError, GrantRow, GrantState, Grants, Refusal,
        missing::{Missing, Named, with},
    },
    inbox,
    vault::{Actor, Vault},
};

/// What was missing, as the link says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Link {
    provider: String,
    model: Option<String>,
    capability: Option<String>,
    limit: Option<String>,
}

impl Link {
    /// The same again, for the form.
    fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("provider", &self.provider);
        for (name, value) in [
            ("model", &self.model),
            ("capability", &self.capability),
            ("limit", &self.limit),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allowing {
    /// The digest of what the page showed.
    shown: String,
    /// What the limit is raised to, where one was missing.
    raised: Option<String>,
}

#[derive(Template)]
#[template(path = "grant_allow.html")]
pub(super) struct AllowPage {
    layout: Layout,
    asker: Asker,
    refused: String,
    /// What is to be changed; `None` when there is nothing to press.
    offer: Option<Offer>,
    /// Why there is nothing to press.
    nothing: Option<String>,
}

/// The one change.
struct Offer {
    action: String,
    shown: String,
    what: &'static str,
    has: String,
    then: String,
    field: Option<Field>,
    button: String,
}

/// Everything that the page and its form are about.
struct Case<'a> {
    row: &'a GrantRow,
    link: &'a Link,
    missing: Missing,
    had: Option<&'a AuthorizationDetail>,
    room: Option<(Nanodollars, Nanodollars)>,
}

/// What the form is bound to.
#[derive(Serialize)]
struct Shown<'a> {
    grant: GrantId,
    had: &'a [AuthorizationDetail],
    provider: &'a str,
    missing: &'a Missing,
    most: Option<Nanodollars>,
}

#[get("/connected-apps/{id}/allow")]
pub(super) async fn show(
    person: PagePerson,
    (vault, grants): (web::Data<Vault>, web::Data<Grants>),
    id: web::Path<GrantId>,
    link: StrictQuery<Link>,
) -> Result<HttpResponse, Problem> {
    let row = grants.one(person.tenant, person.user, *id).await?;
    person.require(Permission::DecideRequests)?;
    let case = Case::of(&vault, &row, &link.0)?;
    case.page(&vault, &person, None, None, StatusCode::OK).await
}

#[post("/connected-apps/{id}/allow")]
pub(super) async fn allow(
    form: SignedForm<Allowing>,
    request_id: RequestId,
    (vault, grants): (web::Data<Vault>, web::Data<Grants>),
    id: web::Path<GrantId>,
    link: StrictQuery<Link>,
) -> Result<HttpResponse, Problem> {
    let SignedForm { person, form } = form;
    let row = grants.one(person.tenant, person.user, *id).await?;
    server::require(&person, Permission::DecideRequests)?;
    let case = Case::of(&vault, &row, &link.0)?;
    let Some(had) = case.open() else {
        return case.page(&vault, &person, None, None, StatusCode::OK).await;
    };
    if form.shown != case.digest() {
        return case.changed(&vault, &person).await;
    }
    let raised = match (case.room, form.raised.as_deref()) {
        (Some((now, most)), Some(text)) => match raised(text.trim(), now, most) {
            Ok(raised) => Some(raised),
            Err(fault) => {
                let (text, status) = (Some((text, fault)), StatusCode::UNPROCESSABLE_ENTITY);
                return case.page(&vault, &person, text, None, status).await;
            }
        },
        (None, None) => None,
        _ => {
            return Err(Problem::bad_request(
                "The form does not fit this page; load it again.",
            ));
        }
    };
    let whole = with(&row.details, &case.missing.allowed(had, raised));
    let actor = Actor::person(&person, &request_id);
    match grants.allow(&actor, *id, &row.details, whole).await {
        Ok(()) => Ok(see_other("/connected-apps?done=allowed")),
        Err(GrantError::Refused(Refusal::Moved)) => case.changed(&vault, &person).await,
        Err(error) if error.is_conflict() => case.changed(&vault, &person).await,
        Err(error) => Err(error.into()),
    }
}

/// What a limit is raised to: more than it is, and no more than may be given.
fn raised(text: &str, now: Nanodollars, most: Nanodollars) -> Result<Nanodollars, String> {
    let raised = amount(text, most)?;
    if raised <= now {
        return Err(format!(
            "It is {} now; write more than that.",
            now.for_people()
        ));
    }
    Ok(raised)
}

impl<'a> Case<'a> {
    fn of(vault: &Vault, row: &'a GrantRow, link: &'a Link) -> Result<Self, Problem> {
        let nothing = || {
            Problem::bad_request("The link names nothing that a grant could be given. Take it whole from the app's error.")
                .named("invalid-step-up-link", "The link cannot be read")
        };
        let provider: Provider = link.provider.parse().map_err(|_| nothing())?;
        let named = Named {
            model: link.model.as_deref(),
            capability: link.capability.as_deref(),
            limit: link.limit.as_deref(),
        };
        let missing = Missing::read(named).ok_or_else(nothing)?;
        let had = row
            .details
            .iter()
            .find(|detail| detail.provider == provider);
        let policy = (&vault.policy, row.app.verification);
        let room = had.and_then(|had| missing.room(had, policy, vault.clock.now()));
        Ok(Self {
            row,
            link,
            missing,
            had,
            room,
        })
    }

    /// What may be changed, if something may.
    fn open(&self) -> Option<&'a AuthorizationDetail> {
        let full = self.room.is_some_and(|(now, most)| now >= most);
        self.had
            .filter(|_| self.row.state == GrantState::Live && !full)
            .filter(|had| !self.missing.is_in(had))
    }

    fn digest(&self) -> String {
        digest_of_shown(&Shown {
            grant: self.row.id,
            had: &self.row.details,
            provider: &self.link.provider,
            missing: &self.missing,
            most: self.room.map(|(_, most)| most),
        })
    }

    /// The grant is not what the page showed any more.
    async fn changed(&self, vault: &Vault, person: &SignedIn) -> Result<HttpResponse, Problem> {
        let notice = "The grant changed meanwhile; look again. Nothing was allowed.";
        let notice = Some(Notice::caution(notice));
        self.page(vault, person, None, notice, StatusCode::CONFLICT)
            .await
    }

    async fn page(
        &self,
        vault: &Vault,
        person: &SignedIn,
        filled: Option<(&str, String)>,
        notice: Option<Notice>,
        status: StatusCode,
    ) -> Result<HttpResponse, Problem> {
        let asker = Asker::of(&self.row.app);
        let layout = inbox::layout(
            vault,
            person,
            "Allow what was missing",
            Section::ConnectedApps,
        );
        let offer = self.open().map(|had| self.offer(had, filled));
        let page = AllowPage {
            layout: layout.await?.maybe_notice(notice),
            refused: self.refused(),
            nothing: offer.is_none().then(|| self.nothing(&asker.name)),
            offer,
            asker,
        };
        Ok(pages::html_with(status, &page))
    }

    /// What the call lacked, in words.
    fn refused(&self) -> String {
        let provider = self.had.map_or(self.link.provider.as_str(), |had| {
            had.provider.display_name()
        });
        match &self.missing {
            Missing::Model(model) => format!("the model {model} at {provider}"),
            Missing::Capability(capability) => {
                format!("“{}” at {provider}", in_words(*capability))
            }
            Missing::Spend(name) => format!("more than its limit {} at {provider}", span(*name)),
        }
    }

    /// Why there is nothing to press, and what to do instead.
    fn nothing(&self, name: &str) -> String {
        if self.row.state != GrantState::Live {
            return format!("This grant has ended. To be let back in, {name} has to ask again.");
        }
        if self.had.is_none() {
            return format!(
                "{name} has no access there at all. Let it ask for more; you decide in your inbox."
            );
        }
        match self.room {
            Some((_, most)) => format!(
                "This app may have at most {} {}, and has it. It can spend again when the period ends.",
                most.for_people(),
                span_of(&self.missing),
            ),
            None => "Its grant has that by now. If its calls are still refused, it uses a token that is \
                     less than the grant; the app has to use another."
                .to_owned(),
        }
    }

    fn offer(&self, had: &AuthorizationDetail, filled: Option<(&str, String)>) -> Offer {
        let query = self.link.query();
        let list = |detail: &AuthorizationDetail| match &self.missing {
            Missing::Model(_) => names(detail.models.patterns()),
            _ => {
                let words: Vec<_> = detail.capabilities.iter().copied().map(in_words).collect();
                words.join(", ")
            }
        };
        let (what, button) = match &self.missing {
            Missing::Model(model) => ("Models", format!("Allow {model}")),
            Missing::Capability(capability) => (
                "May be used for",
                format!("Allow {}", in_words(*capability)),
            ),
            Missing::Spend(LimitName::MonthlySpend) => ("A month", "Raise the limit".to_owned()),
            Missing::Spend(_) => ("A day", "Raise the limit".to_owned()),
        };
        let (has, then, field) = match self.room {
            None => (list(had), list(&self.missing.allowed(had, None)), None),
            Some((now, most)) => {
                let proposed = now.checked_add(now).unwrap_or(most).min(most);
                let (text, fault) = match filled {
                    Some((text, fault)) => (text.to_owned(), Some(fault)),
                    None => (proposed.to_string(), None),
                };
                let field = Field::money("raised", format!("At most {}", span_of(&self.missing)))
                    .required()
                    .value(text)
                    .hint(format!(
                        "Now {} · at most {}",
                        now.for_people(),
                        most.for_people()
                    ))
                    .maybe_error(fault);
                (
                    now.for_people(),
                    "what you write below".to_owned(),
                    Some(field),
                )
            }
        };
        Offer {
            action: format!("/connected-apps/{}/allow?{query}", self.row.id),
            shown: self.digest(),
            what,
            has,
            then,
            field,
            button,
        }
    }
}

fn names(patterns: &[events::ModelPattern]) -> String {
    let names: Vec<_> = patterns.iter().map(ToString::to_string).collect();
    names.join(", ")
}

const fn span(name: LimitName) -> &'static str {
    match name {
        LimitName::MonthlySpend => "of a month",
        _ => "of a day",
    }
}

const fn span_of(missing: &Missing) -> &'static str {
    match missing {
        Missing::Spend(LimitName::MonthlySpend) => "a month",
        _ => "a day",
    }
}
