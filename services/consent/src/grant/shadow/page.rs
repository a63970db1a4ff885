//! "Try tighter limits first", a part of the page on which a grant's limits are changed.

use actix_web::{HttpResponse, http::StatusCode, post, web};
use events::{AuthorizationDetail, GrantedLimits, Provider, ShadowLimits};
use ids::GrantId;
use jiff::Timestamp;
use money::Nanodollars;
use pages::{Confirm, CsrfField, Field, Notice};
use server::{Nothing, Problem, RequestId, SignedForm};
use sessions::Permission;

use super::ShadowRow;
use crate::{
    consent_page::{
        Answers, LimitFaults, LimitTexts, NAMES, Names, amount, amount_text, count, grouped,
        hints_of_current, see_other,
    },
    grant::{GrantRow, GrantState, Grants, page::edit},
    vault::{Actor, Vault},
};

/// Adds the routes.
pub(in crate::grant) fn configure(config: &mut web::ServiceConfig) {
    config.service(adopt).service(stop).service(set);
}

/// One provider's part of "Try tighter limits first".
pub(in crate::grant) struct Trial {
    pub provider: String,
    pub action: String,
    pub fields: Vec<Field>,
    /// What is tried now, if anything is.
    pub tried: Option<Tried>,
}

/// Limits that are tried.
pub(in crate::grant) struct Tried {
    pub limits: String,
    pub since: Timestamp,
    /// Where billing shows what they would have refused.
    pub report: String,
    pub adopt: Confirm,
    /// Where stopping is asked for.
    pub stop: String,
}

/// What was filled in for a provider, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::grant) struct Trying {
    provider: Provider,
    texts: LimitTexts,
    faults: LimitFaults,
}

#[post("/connected-apps/{id}/shadow-limits/{provider}")]
async fn set(
    form: SignedForm<Answers>,
    request_id: RequestId,
    (vault, grants): (web::Data<Vault>, web::Data<Grants>),
    path: web::Path<(GrantId, Provider)>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let SignedForm { person, form } = form;
    let (id, provider) = path.into_inner();
    let row = grants.one(person.tenant, person.user, id).await?;
    let details = row.details.iter().zip(&NAMES);
    let there = details
        .into_iter()
        .find(|(detail, _)| detail.provider == provider);
    let Some((detail, names)) = there.filter(|_| row.state == GrantState::Live) else {
        return Ok(see_other("/connected-apps"));
    };
    form.expect(&names.shadow, &[])?;
    let texts = names.shadow.map(|name| form.one(name).to_owned());
    match read(&texts, &detail.limits) {
        Ok(limits) => {
            let actor = Actor::person(&person, &request_id);
            let tried = (provider, limits);
            grants.set_shadow_limits(&actor, id, tried).await?;
            Ok(see_other(&format!("/connected-apps/{id}/edit?done=tried")))
        }
        Err(faults) => {
            let trying = Trying {
                provider,
                texts,
                faults,
            };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            edit::as_it_is(&vault, &person, &row, Some(&trying), (status, None)).await
        }
    }
}

#[post("/connected-apps/{id}/shadow-limits/{provider}/adopt")]
async fn adopt(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    grants: web::Data<Grants>,
    path: web::Path<(GrantId, Provider)>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let actor = Actor::person(&form.person, &request_id);
    let (id, provider) = path.into_inner();
    grants
        .adopt_shadow_limits(&actor, id, Some(&provider))
        .await?;
    Ok(see_other(&format!(
        "/connected-apps/{id}/edit?done=adopted"
    )))
}

#[post("/connected-apps/{id}/shadow-limits/{provider}/stop")]
async fn stop(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    grants: web::Data<Grants>,
    path: web::Path<(GrantId, Provider)>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let actor = Actor::person(&form.person, &request_id);
    let (id, provider) = path.into_inner();
    grants
        .drop_shadow_limits(&actor, id, Some(&provider))
        .await?;
    Ok(see_other(&format!(
        "/connected-apps/{id}/edit?done=stopped"
    )))
}

/// Says what was just done.
pub(in crate::grant) fn done(done: Option<&str>) -> Option<Notice> {
    match done? {
        "tried" => Some(Notice::good(
            "They are tried from now on, and refuse nothing. Come back to see what they would have refused.",
        )),
        "adopted" => Some(Notice::good(
            "Applied. The app keeps its token; the limits count within a second.",
        )),
        "stopped" => Some(Notice::info(
            "They are tried no longer. The limits stay as they are.",
        )),
        _ => None,
    }
}

/// The limits that a person wants to try; what is left empty is not tried.
fn read(texts: &LimitTexts, most: &GrantedLimits) -> Result<ShadowLimits, LimitFaults> {
    let [month, day, minute, requests, tokens] = texts;
    let money = |text: &str, most: Nanodollars| {
        let written = Some(text).filter(|text| !text.is_empty());
        written.map(|text| amount(text, most)).transpose()
    };
    let number = |text: &str, most: u32| {
        let written = Some(text).filter(|text| !text.is_empty());
        written.map(|text| count(text, most)).transpose()
    };
    let month = money(month, most.monthly_spend);
    let day = money(day, most.daily_spend);
    let minute = number(minute, most.requests_per_minute);
    let requests = number(requests, most.requests_per_day);
    let tokens = number(tokens, most.tokens_per_request);
    let faults = [
        month.as_ref().err().cloned(),
        day.as_ref().err().cloned(),
        minute.as_ref().err().cloned(),
        requests.as_ref().err().cloned(),
        tokens.as_ref().err().cloned(),
    ];
    if faults.iter().any(Option::is_some) {
        return Err(faults);
    }
    let limits = ShadowLimits {
        monthly_spend: month.unwrap_or_default(),
        daily_spend: day.unwrap_or_default(),
        requests_per_minute: minute.unwrap_or_default(),
        requests_per_day: requests.unwrap_or_default(),
        tokens_per_request: tokens.unwrap_or_default(),
    };
    if limits.is_empty() {
        let none = "Fill in at least one.".to_owned();
        return Err([Some(none), None, None, None, None]);
    }
    Ok(limits)
}

/// The parts of every provider of a grant.
pub(in crate::grant) fn trials(
    csrf: &CsrfField,
    row: &GrantRow,
    trying: Option<&Trying>,
) -> Vec<Trial> {
    let trial = |(detail, names)| Trial::of(csrf, row, (detail, names), trying);
    row.details.iter().zip(&NAMES).map(trial).collect()
}

impl Trial {
    fn of(
        csrf: &CsrfField,
        row: &GrantRow,
        (detail, names): (&AuthorizationDetail, &Names),
        trying: Option<&Trying>,
    ) -> Self {
        let tried = (row.shadows.iter()).find(|tried| tried.shadow.provider == detail.provider);
        let trying = trying.filter(|trying| trying.provider == detail.provider);
        let (texts, faults) = match trying {
            Some(trying) => (trying.texts.clone(), trying.faults.clone()),
            None => (texts_of(tried), LimitFaults::default()),
        };
        let action = format!(
            "/connected-apps/{}/shadow-limits/{}",
            row.id, detail.provider
        );
        Self {
            provider: detail.provider.display_name().to_owned(),
            fields: fields(names, &texts, &detail.limits, faults),
            tried: tried.map(|tried| Tried::of(csrf, tried, &action)),
            action,
        }
    }
}

impl Tried {
    fn of(csrf: &CsrfField, row: &ShadowRow, action: &str) -> Self {
        let apply = Confirm::new(csrf.clone(), format!("{action}/adopt"), "Apply now");
        Self {
            limits: in_words(&row.shadow.limits),
            since: row.set_at,
            report: format!("/usage/shadow-limits?shadow={}", row.shadow.id),
            adopt: apply.asking(
                "Apply these limits now?",
                "Calls that go beyond them are refused from now on. What was spent before counts.",
            ),
            stop: format!("{action}/stop"),
        }
    }
}

fn in_words(limits: &ShadowLimits) -> String {
    let money = |amount: Option<Nanodollars>, of| {
        amount.map(|amount| format!("{} {of}", amount.for_people()))
    };
    let number = |count: Option<u32>, one, of| {
        count.map(|count| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{} {one}{plural} {of}", grouped(count))
        })
    };
    let words = [
        money(limits.monthly_spend, "a month"),
        money(limits.daily_spend, "a day"),
        number(limits.requests_per_minute, "call", "a minute"),
        number(limits.requests_per_day, "call", "a day"),
        number(limits.tokens_per_request, "token", "a call"),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn texts_of(tried: Option<&ShadowRow>) -> LimitTexts {
    let Some(tried) = tried else {
        return LimitTexts::default();
    };
    let limits = &tried.shadow.limits;
    let money = |amount: Option<Nanodollars>| amount.map(amount_text).unwrap_or_default();
    let number = |count: Option<u32>| count.map(|count| count.to_string()).unwrap_or_default();
    [
        money(limits.monthly_spend),
        money(limits.daily_spend),
        number(limits.requests_per_minute),
        number(limits.requests_per_day),
        number(limits.tokens_per_request),
    ]
}

/// The five fields; none has to be filled in.
fn fields(
    names: &Names,
    texts: &LimitTexts,
    in_force: &GrantedLimits,
    faults: LimitFaults,
) -> Vec<Field> {
    let [month, day, minute, requests, tokens] = names.shadow;
    let fields = [
        Field::money(month, "Money a month"),
        Field::money(day, "Money a day"),
        Field::count(minute, "Calls a minute", "calls"),
        Field::count(requests, "Calls a day", "calls"),
        Field::count(tokens, "Tokens a call", "tokens"),
    ];
    let hints = hints_of_current(in_force, None);
    let filled = fields.into_iter().zip(texts).zip(hints).zip(faults);
    filled
        .map(|(((field, text), hint), fault)| {
            field.value(text.as_str()).hint(hint).maybe_error(fault)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_force() -> GrantedLimits {
        GrantedLimits {
            monthly_spend: Nanodollars::from_dollars(10),
            daily_spend: Nanodollars::from_dollars(5),
            requests_per_minute: 60,
            requests_per_day: 1_000,
            tokens_per_request: 100_000,
        }
    }

    fn written(texts: [&str; 5]) -> Result<ShadowLimits, LimitFaults> {
        read(&texts.map(str::to_owned), &in_force())
    }

    #[test]
    fn what_is_left_empty_is_not_tried() {
        let limits = written(["2.50", "", "", "30", ""]).unwrap();
        let expected = ShadowLimits {
            monthly_spend: Some(Nanodollars::from_nanos(2_500_000_000)),
            requests_per_day: Some(30),
            ..ShadowLimits::default()
        };
        assert_eq!(limits, expected);
        assert_eq!(in_words(&limits), "$2.50 a month, 30 calls a day");
        let one = written(["", "", "1", "", "400"]).unwrap();
        assert_eq!(in_words(&one), "1 call a minute, 400 tokens a call");
    }

    #[test]
    fn each_field_says_what_is_wrong_with_it() {
        let faults = written(["10.01", "5", "0", "x", ""]).unwrap_err();
        let marked = faults.map(|fault| fault.is_some());
        assert_eq!(marked, [true, false, true, true, false]);
        let none = written([""; 5]).unwrap_err();
        assert_eq!(none[0].as_deref(), Some("Fill in at least one."));
    }
}
