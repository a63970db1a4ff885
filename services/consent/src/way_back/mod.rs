//! Where the browser goes once an access request is decided: back to the OAuth client, to the app's
//! callback, or to the page that opened the vault in a popup. An app that came another way gets its
//! answer on its own connection, and the person stays in the inbox.
//!
//! No token is ever in an address. A callback gets a code, and the code is worth nothing without the
//! poll secret of the same request: who sees the address has nothing.

mod callback;
mod channel;
mod opener;

use std::time::Duration;

use actix_web::HttpResponse;
use ids::{AuthorizationCode, RequestId, TenantId, TokenDigest};
use postgres::{DatabaseError, Tx};
use server::{FormTarget, Problem, keep_opener};

pub use callback::{Callback, CallbackError};
pub use opener::{NotAnOrigin, Opener};

use crate::{
    access_request::RequestError,
    grant::GrantError,
    oauth,
    policy::after,
    vault::{Actor, Vault},
};

/// A callback's code lives for a minute, and so does an OAuth code.
pub const CODE_LIVES: Duration = Duration::from_secs(60);

/// How the answer to an OKAP request goes back through the person's browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// The browser is sent there, with a code.
    Callback(Callback),
    /// The page of this origin is told, by the popup it opened.
    Opener(Opener),
}

/// Where one request leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayBack {
    /// Nowhere: the person stays.
    None,
    /// To an address that was checked when the request came in.
    To(String),
    /// To the page that opened the popup.
    Opener(Opener),
}

impl WayBack {
    /// The address that the page names to the person.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::To(address) => Some(address),
            Self::Opener(origin) => Some(origin.as_str()),
        }
    }

    /// Lets a page on which this request is decided lead there, and no page else: its form may end
    /// at the address, or the popup keeps the page that opened it.
    pub fn let_through(&self, response: &mut HttpResponse) {
        match self {
            Self::None => {}
            Self::To(address) => {
                if let Ok(uri) = address.parse() {
                    FormTarget::allow(response, &uri);
                }
            }
            Self::Opener(_) => keep_opener(response),
        }
    }
}

/// Keeps the way back of a request within the transaction that receives it.
///
/// # Errors
/// When the database refuses.
pub async fn keep(tx: &Tx, request: RequestId, channel: &Channel) -> Result<(), DatabaseError> {
    channel::keep(tx, request, channel).await
}

/// The OKAP way back of a request, if it has one.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn channel_of(
    vault: &Vault,
    tenant: TenantId,
    request: RequestId,
) -> Result<Option<Channel>, Problem> {
    let read = async {
        let tx = vault.begin("read way back", tenant).await?;
        let channel = channel::read(&tx, request).await?;
        tx.commit().await?;
        Ok(channel)
    };
    read.await
        .map_err(|error: DatabaseError| Problem::dependency(&error))
}

/// What pages of this origin asked a person that nobody has decided.
///
/// # Errors
/// When the database refuses.
pub async fn waiting_for(
    vault: &Vault,
    actor: &Actor,
    opener: &Opener,
) -> Result<Vec<RequestId>, Problem> {
    let read = async {
        let tx = vault
            .begin("read what an opener asked", actor.tenant)
            .await?;
        let waiting = channel::waiting_for(&tx, actor.user, opener).await?;
        tx.commit().await?;
        Ok(waiting)
    };
    read.await
        .map_err(|error: DatabaseError| Problem::dependency(&error))
}

/// Where a request leads to, for the page on which it is decided.
///
/// # Errors
/// When the database refuses.
pub async fn of(vault: &Vault, tenant: TenantId, request: RequestId) -> Result<WayBack, Problem> {
    if let Some(uri) = oauth::redirect_origin(vault, tenant, request).await? {
        return Ok(WayBack::To(uri));
    }
    Ok(match channel_of(vault, tenant, request).await? {
        None => WayBack::None,
        Some(Channel::Callback(callback)) => WayBack::To(callback.as_str().to_owned()),
        Some(Channel::Opener(opener)) => WayBack::Opener(opener),
    })
}

/// Where the browser goes after an approval, with a code that exists once the caller's transaction
/// is committed, and goes nowhere else. `None` when the request has no OKAP way back.
///
/// # Errors
/// When there is no randomness or the database refuses.
pub async fn after_approval(
    vault: &Vault,
    tx: &Tx,
    request: RequestId,
) -> Result<Option<String>, RequestError> {
    match channel::read(tx, request).await? {
        None => Ok(None),
        Some(Channel::Opener(_)) => Ok(Some(told_at(vault, request))),
        Some(Channel::Callback(callback)) => {
            let code = AuthorizationCode::mint().map_err(GrantError::from)?;
            let expires_at = after(vault.clock.now(), CODE_LIVES);
            let issued = channel::issue(tx, request, &code, expires_at).await?;
            Ok(issued.then(|| answer(vault, &callback, request, ("code", code.reveal()))))
        }
    }
}

/// Where the browser goes after a denial. `None` when the request has no OKAP way back.
///
/// # Errors
/// When the database refuses.
pub async fn after_denial(
    vault: &Vault,
    tx: &Tx,
    request: RequestId,
) -> Result<Option<String>, DatabaseError> {
    Ok(match channel::read(tx, request).await? {
        None => None,
        Some(Channel::Opener(_)) => Some(told_at(vault, request)),
        Some(Channel::Callback(callback)) => {
            let denied = ("error", "access_denied");
            Some(answer(vault, &callback, request, denied))
        }
    })
}

/// The callback with its answer. `iss` says which vault that is (RFC 9207), as an app may know many.
fn answer(vault: &Vault, callback: &Callback, request: RequestId, what: (&str, &str)) -> String {
    let id = request.to_string();
    callback.with(&[("request_id", &id), what, ("iss", &vault.public_url)])
}

/// The page that tells the opener.
fn told_at(vault: &Vault, request: RequestId) -> String {
    format!("{}/okap/popup/requests/{request}", vault.public_url)
}

/// Whether the code of a request lapsed: nobody can collect the answer any more.
///
/// # Errors
/// When the database refuses.
pub async fn code_lapsed(
    vault: &Vault,
    tenant: TenantId,
    request: RequestId,
) -> Result<bool, DatabaseError> {
    let tx = vault.begin("look after callback code", tenant).await?;
    let lapsed = channel::lapsed(&tx, request, vault.clock.now()).await?;
    tx.commit().await?;
    Ok(lapsed)
}

/// Whether `code` is the live code of a request.
///
/// # Errors
/// When the database refuses.
pub async fn code_fits(
    vault: &Vault,
    tenant: TenantId,
    request: RequestId,
    code: TokenDigest,
) -> Result<bool, DatabaseError> {
    let tx = vault.begin("check callback code", tenant).await?;
    let fits = channel::fits(&tx, request, code, vault.clock.now()).await?;
    tx.commit().await?;
    Ok(fits)
}
