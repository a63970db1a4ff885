//! One request in front of the person who decides it.

use actix_web::{HttpResponse, http::StatusCode};
use events::{AppIdentity, AuthorizationDetail, CustomProvider, Transport, Verification};
use ids::{RequestId, TenantId, UserId};
use jiff::Timestamp;
use pages::Notice;
use server::Problem;
use sessions::SignedIn;

use super::{
    Rooms,
    closed::ClosedPage,
    decide::{Faults, decide},
    input::Input,
    offer::{Offer, offers},
    shown::digest_of,
    view::{ConsentPage, Shown},
};
use crate::{
    access_request::{AccessRequestRow, RequestState},
    custom_provider::CustomProviders,
    grant::{GrantRow, GrantState, Grants, step_up::Wanted},
    organization_policy::Policies,
    policy::Policy,
    provider_key::ProviderKeyRow,
    vault::Vault,
    way_back::{self, WayBack},
};

/// The most grants that are looked through for one of the same app.
const MOST_GRANTS: i64 = 200;

/// Everything a decision is made from.
pub(super) struct Case {
    pub row: AccessRequestRow,
    /// `None` when the grant that the request extends has ended.
    pub wanted: Option<Wanted>,
    /// What the app has already, where this request is for a grant of its own.
    beside: Option<GrantRow>,
    person: SignedIn,
    policy: Policy,
    keys: Vec<ProviderKeyRow>,
    added: Vec<CustomProvider>,
    alike: usize,
    way_back: WayBack,
    now: Timestamp,
}

impl Case {
    /// Reads it; another person's request is not found.
    pub(super) async fn open(
        rooms: &Rooms,
        person: &SignedIn,
        id: RequestId,
    ) -> Result<Self, Problem> {
        let (vault, requests, keys) = rooms;
        let (tenant, user) = (person.tenant, person.user);
        let row = requests.one(tenant, user, id).await?;
        let keys = keys
            .of(tenant, user)
            .await
            .map_err(|e| Problem::dependency(&e))?;
        let policy = Policies::new(vault.get_ref().clone());
        let policy = policy.in_force(tenant).await;
        let policy = policy.map_err(|e| Problem::dependency(&e))?;
        let added = CustomProviders::new(vault.get_ref().clone())
            .of(tenant)
            .await;
        let added = added.map_err(|e| Problem::dependency(&e))?.into_iter();
        let (waiting, _) = requests.inbox(tenant, user).await?;
        let wanted = match row.state {
            RequestState::Pending => requests.wanted(tenant, &row).await?,
            _ => None,
        };
        let beside = match (&row.state, row.extends) {
            (RequestState::Pending, None) => beside(vault, (tenant, user), &row).await?,
            _ => None,
        };
        Ok(Self {
            person: person.clone(),
            policy,
            alike: waiting.iter().filter(|other| poses_as(other, &row)).count(),
            way_back: way_back::of(vault, tenant, id).await?,
            now: vault.clock.now(),
            keys,
            added: added.map(|row| row.provider).collect(),
            wanted,
            beside,
            row,
        })
    }

    /// What may be decided, provider by provider.
    pub(super) fn offers<'a>(&'a self, wanted: &'a Wanted) -> Vec<Offer<'a>> {
        let wanted = (wanted, self.row.app.verification);
        offers(&self.policy, wanted, (&self.keys, &self.added), self.now)
    }

    /// What the page's form is bound to.
    pub(super) fn digest(&self, wanted: &Wanted, offers: &[Offer<'_>]) -> String {
        digest_of(&self.policy, (&self.row, wanted), offers)
    }

    /// What is granted, or what is wrong with each provider's part.
    pub(super) fn decide(
        offers: &[Offer<'_>],
        inputs: &[Input],
    ) -> Result<Vec<AuthorizationDetail>, Vec<Faults>> {
        let parts = offers.iter().zip(inputs);
        let decided: Vec<_> = parts.map(|(offer, input)| decide(offer, input)).collect();
        if decided.iter().all(Result::is_ok) {
            return Ok(decided.into_iter().flatten().collect());
        }
        Err(decided
            .into_iter()
            .map(|part| part.err().map(|faults| *faults).unwrap_or_default())
            .collect())
    }

    /// The page: as the app asked, or as the person left it.
    pub(super) fn page(
        &self,
        status: StatusCode,
        filled: Option<Vec<(Input, Faults)>>,
        notice: Option<Notice>,
    ) -> HttpResponse {
        if self.row.state != RequestState::Pending {
            return pages::html(&ClosedPage::new(&self.person, &self.row, self.now));
        }
        let Some(wanted) = &self.wanted else {
            return pages::html(&ClosedPage::of_ended_grant(
                &self.person,
                &self.row,
                self.now,
            ));
        };
        let offers = self.offers(wanted);
        let as_asked = || {
            offers
                .iter()
                .map(|offer| (Input::as_asked(offer), Faults::default()))
                .collect()
        };
        let filled = filled.unwrap_or_else(as_asked);
        let shown = Shown {
            row: &self.row,
            digest: self.digest(wanted, &offers),
            wanted,
            beside: self.beside.as_ref(),
            offers: &offers,
            alike: self.alike,
            // An OAuth client in a browser has somewhere to go back to.
            from_device: self.row.transport == Transport::Oauth && self.way_back == WayBack::None,
            redirect_uri: self.way_back.address(),
            now: self.now,
        };
        let page = ConsentPage::new(&self.person, shown, &filled, notice);
        let mut response = pages::html_with(status, &page);
        // Browsers hold a form to `form-action` through the redirect back to the app, too.
        self.way_back.let_through(&mut response);
        response
    }
}

/// The newest grant in force that the same app has from the same person: only an app that is known
/// by more than its name is the same app.
async fn beside(
    vault: &Vault,
    (tenant, user): (TenantId, UserId),
    row: &AccessRequestRow,
) -> Result<Option<GrantRow>, Problem> {
    let known = row.app.app.is_some() || row.app.verification != Verification::Unverified;
    if !known {
        return Ok(None);
    }
    let grants = Grants::new(vault.clone());
    let all = grants.of(tenant, user, None, MOST_GRANTS).await;
    let same = |grant: &GrantRow| grant.state == GrantState::Live && is_same(&grant.app, &row.app);
    Ok(all
        .map_err(|e| Problem::dependency(&e))?
        .into_iter()
        .find(same))
}

fn is_same(one: &AppIdentity, other: &AppIdentity) -> bool {
    match (one.app, other.app) {
        (Some(one), Some(other)) => one == other,
        (None, None) => {
            one.url == other.url && one.url.is_some() && one.verification == other.verification
        }
        _ => false,
    }
}

/// Whether another waiting request is under the same name.
fn poses_as(other: &AccessRequestRow, row: &AccessRequestRow) -> bool {
    other.id != row.id && other.app.name.to_lowercase() == row.app.name.to_lowercase()
}
