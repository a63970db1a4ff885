//! `/account`: who one is, and the tokens of one's own programs.

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use ids::ApiTokenId;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use pages::{Badge, Choice, Confirm, Copyable, Empty, Field, Layout, Section, Tone, filters};
use postgres::Postgres;
use serde::Deserialize;
use server::{Nothing, PagePerson, PageRefusal, Problem, RequestId, SignedForm};
use sessions::{ApiTokenSummary, IssuedApiToken, Permission, Role, SignedIn};

use crate::{
    api_token::{ApiTokenError, ApiTokens, Label, LabelError, NewToken},
    sign_in::http::{organization_of, see_other},
    user::{Refusal, TokenLifetime},
};

#[derive(Template)]
#[template(path = "your_account.html")]
struct AccountPage {
    layout: Layout,
    name: String,
    organization: String,
    issued: Option<Copyable>,
    tokens: Vec<TokenRow>,
    empty: Empty,
    fields: [Field; 3],
    now: Timestamp,
}

struct TokenRow {
    label: String,
    role: Role,
    created_at: Timestamp,
    expires_at: Timestamp,
    state: Badge,
    revoke: Option<Confirm>,
}

/// The form that makes a token, as it was filled in.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenForm {
    label: String,
    role: Option<Role>,
    expires_on: Option<Date>,
}

/// What was wrong with it, by field.
#[derive(Default)]
struct Wrong {
    label: Option<String>,
    role: Option<String>,
    expires_on: Option<String>,
}

/// Where the page gets everything from.
#[derive(Clone)]
pub struct Account {
    /// Where organizations are.
    pub postgres: Postgres,
    /// Where tokens are.
    pub tokens: ApiTokens,
}

/// Shows the page.
pub async fn page(
    person: PagePerson,
    account: web::Data<Account>,
) -> Result<HttpResponse, PageRefusal> {
    let form = TokenForm::default();
    Ok(pages::html(
        &account.page(&person, None, &form, Wrong::default()).await?,
    ))
}

/// Makes a token and shows it, once.
pub async fn issue(
    form: SignedForm<TokenForm>,
    request: RequestId,
    account: web::Data<Account>,
) -> Result<HttpResponse, PageRefusal> {
    form.require(Permission::KeepApiTokens)?;
    let SignedForm { person, form } = form;
    let wrong = match form.checked(account.tokens.clock().now()) {
        Ok(new) => match account.tokens.issue(&person, &new, request).await {
            Ok((_, issued)) => {
                let empty = TokenForm::default();
                let page = account
                    .page(&person, Some(&issued), &empty, Wrong::default())
                    .await?;
                return Ok(pages::html(&page));
            }
            Err(ApiTokenError::Refused(refusal)) => Wrong::of(refusal),
            Err(error) => return Err(Problem::from(error).into()),
        },
        Err(wrong) => wrong,
    };
    let page = account.page(&person, None, &form, wrong).await?;
    Ok(pages::html_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// Ends a token.
pub async fn revoke(
    form: SignedForm<Nothing>,
    request: RequestId,
    token: web::Path<ApiTokenId>,
    account: web::Data<Account>,
) -> Result<HttpResponse, PageRefusal> {
    form.require(Permission::KeepApiTokens)?;
    account
        .tokens
        .revoke(&form.person, *token, request)
        .await
        .map_err(Problem::from)?;
    Ok(see_other("/account"))
}

impl Account {
    async fn page(
        &self,
        person: &SignedIn,
        issued: Option<&IssuedApiToken>,
        form: &TokenForm,
        wrong: Wrong,
    ) -> Result<AccountPage, Problem> {
        let layout = Layout::new("Account", person).at(Section::Account);
        let organization = organization_of(&self.postgres, person).await;
        let organization = organization.map_err(|error| Problem::dependency(&error))?;
        let now = self.tokens.clock().now();
        let tokens = self.tokens.of(person).await?;
        let tokens = tokens
            .into_iter()
            .map(|token| TokenRow::of(token, &layout, now))
            .collect();
        Ok(AccountPage {
            tokens,
            layout,
            name: person.name.clone(),
            organization,
            issued: issued
                .map(|issued| Copyable::new("issued-token", "API token", issued.token.reveal())),
            empty: Empty::new(
                "No API tokens yet",
                "A token lets a program of yours call the management API in your name.",
            ),
            fields: form.fields(person.role, now, wrong),
            now,
        })
    }
}

impl TokenRow {
    fn of(token: ApiTokenSummary, layout: &Layout, now: Timestamp) -> Self {
        let (state, works) = if token.revoked_at.is_some() {
            (Badge::new(Tone::Bad, "Revoked"), false)
        } else if token.expires_at <= now {
            (Badge::new(Tone::Neutral, "Expired"), false)
        } else {
            (Badge::new(Tone::Good, "Works"), true)
        };
        let revoke = works.then(|| {
            let action = format!("/account/api-tokens/{}/revoke", token.id);
            Confirm::new(layout.csrf_field(), action, "Revoke").asking(
                format!("Revoke “{}”?", token.label),
                "The program that uses it can do nothing here any more. This cannot be undone.",
            )
        });
        Self {
            label: token.label,
            role: token.role,
            created_at: token.created_at,
            expires_at: token.expires_at,
            state,
            revoke,
        }
    }
}

impl TokenForm {
    fn fields(&self, own: Role, now: Timestamp, wrong: Wrong) -> [Field; 3] {
        let chosen = self.role.unwrap_or(own);
        let roles = Role::ALL.into_iter().filter(|role| own.covers(*role));
        let roles = roles.map(|role| {
            Choice::new(role.as_str(), role.as_str())
                .note(ability_of(role))
                .chosen(role == chosen)
        });
        let in_90_days = today(now).checked_add(90.days()).unwrap_or(Date::MAX);
        let until = self.expires_on.unwrap_or(in_90_days).to_string();
        [
            Field::text("label", "Label")
                .value(self.label.clone())
                .placeholder("CI of the billing team")
                .required()
                .maybe_error(wrong.label),
            Field::select("role", "Role", roles.collect())
                .required()
                .maybe_error(wrong.role),
            Field::date("expires_on", "Works until")
                .value(until)
                .hint("The end of this day (UTC), at most a year from now.")
                .required()
                .maybe_error(wrong.expires_on),
        ]
    }

    fn checked(&self, now: Timestamp) -> Result<NewToken, Wrong> {
        let label = self
            .label
            .parse::<Label>()
            .map_err(|error: LabelError| error.to_string());
        let role = self.role.ok_or_else(|| "choose a role".to_owned());
        let lifetime = self
            .expires_on
            .ok_or_else(|| "choose a day".to_owned())
            .and_then(|day| {
                let end = day
                    .tomorrow()
                    .ok()
                    .and_then(|next| next.to_zoned(TimeZone::UTC).ok());
                let end = end.map_or(Timestamp::MAX, |end| end.timestamp());
                TokenLifetime::until(end, now).map_err(|error| error.to_string())
            });
        match (label, role, lifetime) {
            (Ok(label), Ok(role), Ok(lifetime)) => Ok(NewToken {
                label,
                role,
                lifetime,
            }),
            (label, role, lifetime) => Err(Wrong {
                label: label.err(),
                role: role.err(),
                expires_on: lifetime.err(),
            }),
        }
    }
}

impl Wrong {
    fn of(refusal: Refusal) -> Self {
        let why = Some(refusal.to_string());
        match refusal {
            Refusal::Role => Self {
                role: why,
                ..Self::default()
            },
            Refusal::Lifetime => Self {
                expires_on: why,
                ..Self::default()
            },
            _ => Self {
                label: why,
                ..Self::default()
            },
        }
    }
}

const fn ability_of(role: Role) -> &'static str {
    match role {
        Role::Owner => "everything",
        Role::Admin => "everything but owners",
        Role::Member => "own keys and requests",
        Role::Finance => "costs and exports",
    }
}

fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}
