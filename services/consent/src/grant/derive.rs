//! Making a grant from another: a child, with a token of its own (RFC 8693).

use event_store::{StreamId, Version};
use events::{AuthorizationDetail, GrantEvent};
use grant_access::GrantAccess;
use ids::{GrantId, KeyThumbprint, OkapToken, TokenDigest};
use jiff::Timestamp;

use super::{
    Grant, Refusal,
    family::{MOST_GENERATIONS, MOST_LIVE, ancestor},
    lines,
    narrowing::narrowed,
    projection,
    store::{GrantError, Grants},
    tokens::{Delivered, TokenTerms, of_an_app_that_stands, only_at},
};
use crate::{projections::record, vault::Actor};

impl Grants {
    /// Exchanges a live token for one of a new grant below the token's own, which may do what `terms`
    /// ask for of what the token may do, and ends with it at the latest.
    ///
    /// # Errors
    /// When the token has ended, more is asked for than it may do, too many grants were made from
    /// grants already, or the database refuses.
    pub async fn derive(
        &self,
        actor: &Actor,
        subject: TokenDigest,
        terms: TokenTerms<'_>,
    ) -> Result<Delivered, GrantError> {
        let (vault, now) = (self.vault(), self.vault().clock.now());
        let tx = vault.begin("derive grant", actor.tenant).await?;
        let token = grant_access::of_token(&tx, &subject).await?;
        let (token, _) = token.ok_or(Refusal::Unknown)?;
        of_an_app_that_stands(&tx, Some(&token.app)).await?;
        let parent = token.grant;
        // From here on nobody changes or ends a grant of this family: what is read stays so.
        let root = lines::hold_family(&tx, parent).await?;
        let token = grant_access::of_token(&tx, &subject).await?;
        let (token, within) = token.ok_or(Refusal::Unknown)?;
        live(&token, now)?;
        if token.ancestors.len() >= MOST_GENERATIONS {
            return Err(Refusal::TooDeep.into());
        }
        if lines::live_below(&tx, root, now).await? >= MOST_LIVE {
            return Err(Refusal::TooMany.into());
        }
        let covers = until(&token.details, token.expires_at, now);
        let bound_to = terms.bound_to;
        let details = less(&covers, terms, now)?;
        let id = GrantId::new(now);
        let delivered = self
            .open_child(&tx, id, &token, (details.clone(), bound_to))
            .await?;
        let derived = Grant::default().derive(GrantEvent::Derived {
            user: token.user,
            app: token.app,
            ancestors: ancestors(parent, &token.ancestors),
            within,
            details,
        })?;
        let events = [derived, GrantEvent::TokenIssued { bound_to }];
        let stream = StreamId::of::<GrantEvent, _>(id);
        let context = vault.context(actor);
        record(&tx, &stream, Version::NONE, &events, &context).await?;
        tx.commit().await?;
        vault.changed(&[]);
        Ok(delivered)
    }

    async fn open_child(
        &self,
        tx: &postgres::Tx,
        id: GrantId,
        parent: &GrantAccess,
        (details, bound_to): (Vec<AuthorizationDetail>, Option<KeyThumbprint>),
    ) -> Result<Delivered, GrantError> {
        let token = OkapToken::mint()?;
        let expires_at = projection::last_expiry(&details);
        let mut above = parent.ancestors.clone();
        above.insert(0, ancestor(parent.grant, &parent.details));
        let access = GrantAccess {
            grant: id,
            details: details.clone(),
            expires_at,
            ancestors: above,
            bound_to,
            custom_providers: Vec::new(),
            model_aliases: Vec::new(),
            response_cache: false,
            shadows: Vec::new(),
            version: 1,
            ..parent.clone()
        };
        grant_access::open(tx, &token.digest(), &access).await?;
        Ok(Delivered {
            token,
            grant: id,
            details,
            expires_at,
            bound_to,
        })
    }
}

fn live(token: &GrantAccess, now: Timestamp) -> Result<(), Refusal> {
    if token.closed_at.is_some() {
        return Err(Refusal::Revoked);
    }
    if now >= token.expires_at {
        return Err(Refusal::Expired);
    }
    Ok(())
}

/// What of it is not over yet, and nothing beyond `ends`.
fn until(
    details: &[AuthorizationDetail],
    ends: Timestamp,
    now: Timestamp,
) -> Vec<AuthorizationDetail> {
    let running = details.iter().filter(|detail| now < detail.expires);
    running
        .map(|detail| AuthorizationDetail {
            expires: detail.expires.min(ends),
            ..detail.clone()
        })
        .collect()
}

/// What is asked for of it.
fn less(
    covers: &[AuthorizationDetail],
    terms: TokenTerms<'_>,
    now: Timestamp,
) -> Result<Vec<AuthorizationDetail>, GrantError> {
    let asked = match terms.narrowing {
        Some(json) => narrowed(covers, json, now)?,
        None => covers.to_vec(),
    };
    match terms.provider {
        Some(provider) => only_at(provider, &asked),
        None => Ok(asked),
    }
}

fn ancestors(parent: GrantId, above: &[grant_access::Ancestor]) -> Vec<GrantId> {
    let above = above.iter().map(|ancestor| ancestor.grant);
    std::iter::once(parent).chain(above).collect()
}
