//! The page on which a person decides.

use askama::Template;
use events::{Capability, Models};
use ids::RequestId;
use jiff::Timestamp;
use pages::{Choice, Field, Layout, Notice, filters};
use sessions::SignedIn;

use super::{
    asker::Asker,
    decide::Faults,
    difference::{Difference, has_already},
    input::{Input, NAMED},
    limits,
    offer::{ModelChoice, Offer},
    outcome::Outcome,
    words::{common_reason, examples, in_words, place},
};
use crate::{
    access_request::AccessRequestRow,
    app_key,
    grant::{GrantRow, step_up::Wanted},
};

/// The page.
#[derive(Template)]
#[template(path = "consent.html")]
pub(super) struct ConsentPage {
    pub layout: Layout,
    pub id: RequestId,
    pub shown: String,
    pub asker: Asker,
    pub received_at: Timestamp,
    pub expires_at: Timestamp,
    pub now: Timestamp,
    /// How many other requests under this name wait.
    pub alike: usize,
    /// Whether a device asks, by a code that the person entered.
    pub from_device: bool,
    /// The app's own words, where it says the same for every provider.
    pub reason: Option<String>,
    /// What the app has and what it asks for beside it, if it has something.
    pub difference: Option<Difference>,
    /// Whether a grant that it has gets more.
    pub more: bool,
    pub asks: Vec<Ask>,
    /// What a yes to the form comes to as it is filled in.
    pub outcome: Outcome,
    pub can_approve: bool,
    /// Where the browser goes afterwards, if it goes back to the app.
    pub back_to: Option<String>,
    pub deny_reason: Field,
    /// Whether anything identifies the app, so that it can be blocked.
    pub can_block: bool,
}

/// One provider's part.
pub(super) struct Ask {
    provider: String,
    /// The app's own words about this provider.
    reason: Option<String>,
    scope: Option<Scope>,
    models: Field,
    capabilities: Field,
    limits: Vec<Field>,
    lifetime: Field,
    payer: Payer,
}

/// Who pays.
enum Payer {
    /// One of the person's keys.
    Key(Field),
    /// There is none that could.
    Missing(MissingKey),
    /// The sandbox costs nothing.
    Nobody,
}

/// The choice between every model and named ones.
struct Scope {
    name: &'static str,
    named: bool,
}

/// Why there is nothing to pay with.
struct MissingKey {
    provider: String,
    refused: bool,
}

/// What the page is made of.
pub(super) struct Shown<'a> {
    pub row: &'a AccessRequestRow,
    pub offers: &'a [Offer<'a>],
    pub wanted: &'a Wanted,
    pub beside: Option<&'a GrantRow>,
    pub digest: String,
    pub alike: usize,
    pub from_device: bool,
    pub redirect_uri: Option<&'a str>,
    pub now: Timestamp,
}

impl ConsentPage {
    /// The page with these inputs and what is wrong with them.
    pub(super) fn new(
        person: &SignedIn,
        shown: Shown<'_>,
        filled: &[(Input, Faults)],
        notice: Option<Notice>,
    ) -> Self {
        let asker = Asker::of(&shown.row.app);
        let more = shown.row.extends.is_some();
        let title = if more {
            format!("{} asks for more", asker.name)
        } else {
            format!("{} asks for access", asker.name)
        };
        let reason = common_reason(&shown.row.details);
        let difference = match (more, shown.beside) {
            (true, _) => Some(Difference::of_step_up(shown.wanted, shown.offers)),
            (false, Some(grant)) => Some(Difference::of_second(grant, shown.offers)),
            (false, None) => None,
        };
        let parts = shown.offers.iter().zip(filled);
        let back_to = shown.redirect_uri.and_then(|uri| url::Url::parse(uri).ok());
        Self {
            layout: Layout::new(title, person).maybe_notice(notice),
            id: shown.row.id,
            shown: shown.digest,
            received_at: shown.row.received_at,
            expires_at: shown.row.expires_at,
            now: shown.now,
            from_device: shown.from_device,
            alike: shown.alike,
            difference,
            more,
            asks: parts
                .map(|(offer, (input, faults))| Ask::new(offer, input, faults, reason.is_none()))
                .collect(),
            reason,
            outcome: Outcome::of(shown.offers, filled.iter().map(|(input, _)| input)),
            can_approve: shown.offers.iter().all(Offer::can_be_paid),
            back_to: back_to.as_ref().and_then(place),
            can_block: app_key::of(&shown.row.app, shown.row.handle).is_some(),
            deny_reason: Field::text("reason", "Words for the app, if you deny")
                .placeholder("Not this month"),
            asker,
        }
    }
}

impl Ask {
    fn new(offer: &Offer<'_>, input: &Input, faults: &Faults, with_reason: bool) -> Self {
        let provider = offer.provider();
        let hints = match offer.had {
            Some(had) => limits::hints_of_current(&had.limits, Some(&offer.ceiling.limits)),
            None => limits::hints_of_asked(&offer.asked.limits, &offer.ceiling.limits),
        };
        Self {
            reason: offer.asked.reason.clone().filter(|_| with_reason),
            scope: (offer.model_choice() == ModelChoice::EveryOrNamed).then(|| Scope {
                name: offer.names.scope,
                named: input.scope == NAMED,
            }),
            models: models(offer, input, faults),
            capabilities: capabilities(offer, input, faults),
            limits: limits::fields(&offer.names.limits, &input.limits, hints, &faults.limits),
            lifetime: Field::select(
                offer.names.lifetime,
                "How long",
                offer.span().choices(&input.lifetime),
            )
            .required()
            .maybe_error(faults.lifetime.clone()),
            payer: payer(offer, input, faults, &provider),
            provider,
        }
    }
}

fn models(offer: &Offer<'_>, input: &Input, faults: &Faults) -> Field {
    let names = offer.names;
    let field = match offer.model_choice() {
        ModelChoice::AnyOf => {
            let choice = |pattern: &events::ModelPattern| {
                let name = pattern.as_str();
                let choice = Choice::new(name, name).chosen(input.models.iter().any(|m| m == name));
                let within = |had: &events::AuthorizationDetail| {
                    Models::new(vec![pattern.clone()]).is_within(&had.models)
                };
                let old = offer.had.map(within);
                let prefix = name.strip_suffix('*');
                let all =
                    prefix.map(|prefix| format!("every model whose name begins with {prefix}"));
                choice.note(notes([all, old.map(has_already)]))
            };
            let choices = offer.asked.models.patterns().iter().map(choice).collect();
            Field::checks(names.models, "Models", choices)
        }
        ModelChoice::EveryOrNamed => Field::text(names.named, "If only these: which")
            .value(input.named.as_str())
            .placeholder(examples(&offer.asked.provider))
            .hint("Apart by commas. A * at the end stands for every model whose name begins so."),
        ModelChoice::Named => Field::text(names.named, "Models")
            .required()
            .value(input.named.as_str())
            .placeholder(examples(&offer.asked.provider))
            .hint(
                "The app asks for every model, now and in future. It may get named models only: \
                 write down which, apart by commas.",
            ),
    };
    field.maybe_error(faults.models.clone())
}

/// What is said beside a choice.
fn notes<const N: usize>(notes: [Option<String>; N]) -> String {
    notes.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn capabilities(offer: &Offer<'_>, input: &Input, faults: &Faults) -> Field {
    let choice = |capability: &Capability| {
        let name = capability.name();
        let old = offer.had.map(|had| had.capabilities.contains(capability));
        Choice::new(name, in_words(*capability))
            .chosen(input.capabilities.iter().any(|c| c == name))
            .note(notes([old.map(has_already)]))
    };
    let choices = offer.asked.capabilities.iter().map(choice).collect();
    Field::checks(offer.names.capabilities, "May be used for", choices)
        .maybe_error(faults.capabilities.clone())
}

fn payer(offer: &Offer<'_>, input: &Input, faults: &Faults, provider: &str) -> Payer {
    if offer.asked.provider.is_sandbox() {
        return Payer::Nobody;
    }
    if offer.keys.is_empty() {
        return Payer::Missing(MissingKey {
            provider: offer.asked.provider.to_string(),
            refused: offer.refused_key,
        });
    }
    let choice = |key: &&crate::provider_key::ProviderKeyRow| {
        let id = key.id.to_string();
        let chosen = id == input.key;
        Choice::new(id, format!("{} ••••{}", key.name, key.last_four)).chosen(chosen)
    };
    let choices = offer.keys.iter().map(choice).collect();
    let label = format!("Your {provider} key that pays");
    let field = Field::select(offer.names.key, label, choices);
    Payer::Key(field.required().maybe_error(faults.key.clone()))
}
