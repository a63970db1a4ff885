//! Setting up an organization from outside: for whoever runs the vault.
//!
//! Running it again with the same organization name changes nothing but gives a fresh sign-in link.

use std::io::Write;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use clock::Clock;
use event_store::{Context, StreamId, Version};
use events::{OrganizationEvent, UserEvent};
use ids::{ConnectionId, TenantId, UserId};
use jiff::SignedDuration;
use key_vault::{KeyService, SmallSecrets};
use postgres::{Postgres, Scope, Tx};
use serde::Serialize;
use server::{RequestId, ServerSettings};
use sessions::{Role, Sessions};

use crate::{
    api_token::{self, NewToken},
    organization::{self, Organization, OrganizationName},
    records::{self, RecordError, decide},
    settings::Settings,
    sign_in::links,
    sso::{self, Connect, Issuer, Reach, SecretText},
    user::{self, EmailAddress, PersonName, TokenLifetime, User},
};

/// Who acts when an operator does.
const OPERATOR: &str = "operator";
/// How long an owner token made here works.
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What to set up.
#[derive(Clone, Args)]
pub struct Provision {
    /// The organization's name. An organization of this name is used as it is.
    #[arg(long)]
    pub organization: String,
    /// The owner's name.
    #[arg(long)]
    pub owner_name: String,
    /// The owner's e-mail address: their first single sign-on with it, verified, makes it theirs.
    #[arg(long)]
    pub owner_email: String,
    /// The issuer of the organization's identity provider.
    #[arg(long, requires = "sso_client_id")]
    pub sso_issuer: Option<String>,
    /// What Latchkey is called at the identity provider.
    #[arg(long, requires = "sso_issuer")]
    pub sso_client_id: Option<String>,
    /// What Latchkey shows at the identity provider; nothing for a public client.
    #[arg(long, env = "LATCHKEY_SSO_CLIENT_SECRET", hide_env_values = true)]
    pub sso_client_secret: Option<String>,
    /// Makes an API token of the owner, even if one was made before. The first run makes one by
    /// itself.
    #[arg(long)]
    pub new_owner_token: bool,
}

/// What was set up. Holds secrets: it is printed once, for the operator, and never logged.
#[derive(Serialize)]
pub struct Provisioned {
    /// The organization.
    pub tenant: TenantId,
    /// Its name.
    pub organization: String,
    /// Whether this run made it.
    pub created: bool,
    /// The owner.
    pub user: UserId,
    /// Signs the owner in, once, for 15 minutes.
    pub sign_in_url: String,
    /// The owner's API token, if one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_token: Option<String>,
    /// The identity provider, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sso: Option<ProvisionedSso>,
}

/// An identity provider that was connected.
#[derive(Serialize)]
pub struct ProvisionedSso {
    /// The connection.
    pub connection: ConnectionId,
    /// Its issuer.
    pub issuer: String,
    /// What must be registered there.
    pub redirect_uri: String,
}

struct Checked<'a> {
    organization: OrganizationName,
    owner_name: PersonName,
    owner_email: EmailAddress,
    sso: Option<(Issuer, &'a str, Option<SecretText>)>,
}

struct Founded {
    tenant: TenantId,
    owner: UserId,
    created: bool,
    is_new_owner: bool,
}

/// Sets up an organization and prints what came of it as JSON.
///
/// # Errors
/// When something given cannot be used, or the database is not reached.
pub async fn print(
    settings: &Settings,
    server: &ServerSettings,
    keys: KeyService,
    clock: &Clock,
    provision: &Provision,
) -> Result<()> {
    let provisioned = run(settings, server, keys, clock, provision).await?;
    writeln!(
        std::io::stdout(),
        "{}",
        serde_json::to_string_pretty(&provisioned)?
    )?;
    Ok(())
}

/// Sets up an organization: idempotent by its name, with a fresh sign-in link each time.
///
/// # Errors
/// When something given cannot be used, or the database is not reached.
pub async fn run(
    settings: &Settings,
    server: &ServerSettings,
    keys: KeyService,
    clock: &Clock,
    provision: &Provision,
) -> Result<Provisioned> {
    let checked = provision.checked(Reach::fitting(server.is_production()))?;
    let postgres = settings.postgres()?;
    let request = RequestId::fresh();
    let founded = decide(async || found(&postgres, clock, request, &checked).await).await;
    let founded = founded.context("cannot set up the organization")??;
    let context = context(founded.tenant, clock, request);

    let sso = match &checked.sso {
        None => None,
        Some((issuer, client_id, secret)) => {
            let command = Connect {
                issuer,
                client_id,
                secret: secret.as_ref(),
            };
            let secrets = SmallSecrets::new(keys);
            let connected = sso::connect(&postgres, &secrets, &context, &command).await?;
            let connection = connected.row.connection;
            let redirect_uri = sso::redirect_uri(&server.public_url, connection).into();
            Some(ProvisionedSso {
                connection,
                issuer: connected.row.issuer,
                redirect_uri,
            })
        }
    };
    let owner_token = if founded.is_new_owner || provision.new_owner_token {
        Some(issue_owner_token(&postgres, clock, &founded, &context).await?)
    } else {
        None
    };
    let tx = postgres
        .begin("issue sign-in link", Scope::Tenant(founded.tenant))
        .await?;
    let link = links::issue(&tx, founded.tenant, founded.owner, clock.now()).await?;
    tx.commit().await?;
    let origin = server.public_url.origin().ascii_serialization();
    Ok(Provisioned {
        tenant: founded.tenant,
        organization: checked.organization.to_string(),
        created: founded.created,
        user: founded.owner,
        sign_in_url: format!("{origin}/sign-in/link/{}", link.reveal()),
        owner_token,
        sso,
    })
}

impl Provision {
    fn checked(&self, reach: Reach) -> Result<Checked<'_>> {
        let sso = match (&self.sso_issuer, &self.sso_client_id) {
            (Some(issuer), Some(client_id)) => {
                let issuer = Issuer::parse(issuer, reach).context("--sso-issuer")?;
                ensure!(!client_id.trim().is_empty(), "--sso-client-id is empty");
                let secret = self
                    .sso_client_secret
                    .clone()
                    .filter(|secret| !secret.is_empty());
                let secret = secret.map(SecretText::parse).transpose();
                Some((
                    issuer,
                    client_id.as_str(),
                    secret.context("--sso-client-secret")?,
                ))
            }
            (None, None) => None,
            _ => bail!("--sso-issuer and --sso-client-id belong together"),
        };
        Ok(Checked {
            organization: self.organization.parse().context("--organization")?,
            owner_name: self.owner_name.parse().context("--owner-name")?,
            owner_email: self.owner_email.parse().context("--owner-email")?,
            sso,
        })
    }
}

fn context(tenant: TenantId, clock: &Clock, request: RequestId) -> Context {
    let (actor, correlation_id) = (OPERATOR.to_owned(), request.to_string());
    Context {
        tenant,
        actor,
        correlation_id,
        at: clock.now(),
    }
}

/// Finds the organization and its owner, or makes them. The inner error is for the operator.
async fn found(
    postgres: &Postgres,
    clock: &Clock,
    request: RequestId,
    asked: &Checked<'_>,
) -> Result<Result<Founded>, RecordError> {
    let digest = asked.organization.digest();
    let tx = postgres
        .begin("provision organization", Scope::Holder(digest))
        .await?;
    let known = organization::projection::by_name(&tx, digest).await?;
    let created = known.is_none();
    let tenant = known.map_or_else(|| TenantId::new(clock.now()), |row| row.tenant);
    tx.set_scope(Scope::Tenant(tenant)).await?;
    let context = context(tenant, clock, request);
    if created {
        create(&tx, &context, &asked.organization).await?;
    }
    let known_owner = user::emails::user_of(&tx, &asked.owner_email).await?;
    let owner = match known_owner {
        None => invite_owner(&tx, &context, asked).await?,
        Some(user) => user,
    };
    let person = user::projection::one(&tx, owner).await?;
    if person.is_none_or(|person| person.role != Role::Owner) {
        return Ok(Err(anyhow::anyhow!(
            "--owner-email is the address of a member of this organization who is not an owner"
        )));
    }
    tx.commit().await?;
    Ok(Ok(Founded {
        tenant,
        owner,
        created,
        is_new_owner: known_owner.is_none(),
    }))
}

async fn create(tx: &Tx, context: &Context, name: &OrganizationName) -> Result<(), RecordError> {
    let stream = StreamId::of::<OrganizationEvent, _>(context.tenant);
    // A new organization has no past that could refuse its creation.
    let Ok(event) = Organization::default().create(name) else {
        return Err(RecordError::Conflict);
    };
    records::record(tx, &stream, Version::NONE, &[event], context).await
}

async fn invite_owner(
    tx: &Tx,
    context: &Context,
    asked: &Checked<'_>,
) -> Result<UserId, RecordError> {
    let owner = UserId::new(context.at);
    let stream = StreamId::of::<UserEvent, _>(owner);
    let joined = User::default().join(&asked.owner_name, Role::Owner);
    let Ok(event) = joined else {
        return Err(RecordError::Conflict);
    };
    records::record(tx, &stream, Version::NONE, &[event], context).await?;
    user::emails::keep(tx, context.tenant, &asked.owner_email, owner).await?;
    Ok(owner)
}

async fn issue_owner_token(
    postgres: &Postgres,
    clock: &Clock,
    founded: &Founded,
    context: &Context,
) -> Result<String> {
    let expires_at = context.at.saturating_add(TOKEN_LIFETIME)?;
    let new = NewToken {
        label: "Owner token from provisioning".parse()?,
        role: Role::Owner,
        lifetime: TokenLifetime::until(expires_at, context.at)?,
    };
    let sessions = Sessions::new(postgres.clone(), clock.clone());
    let issued = decide(async || {
        let tx = postgres
            .begin("issue owner token", Scope::Tenant(founded.tenant))
            .await?;
        let owner = (founded.tenant, founded.owner, Role::Owner);
        let issued = api_token::issue(&tx, &sessions, owner, &new, context).await?;
        tx.commit().await?;
        Ok::<_, api_token::ApiTokenError>(issued)
    })
    .await?;
    Ok(issued.token.reveal().to_owned())
}
