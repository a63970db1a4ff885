//! One request in front of the person who decides it.

use actix_web::{HttpResponse, http::StatusCode};
use events::AuthorizationDetail;
use ids::RequestId;
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
    policy::Policy,
    provider_key::ProviderKeyRow,
    way_back::{self, WayBack},
};

/// Everything a decision is made from.
pub(super) struct Case {
    pub row: AccessRequestRow,
    person: SignedIn,
    policy: Policy,
    keys: Vec<ProviderKeyRow>,
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
        let (waiting, _) = requests.inbox(tenant, user).await?;
        Ok(Self {
            person: person.clone(),
            policy: vault.policy.clone(),
            alike: waiting.iter().filter(|other| poses_as(other, &row)).count(),
            way_back: way_back::of(vault, tenant, id).await?,
            now: vault.clock.now(),
            keys,
            row,
        })
    }

    /// What may be decided, provider by provider.
    pub(super) fn offers(&self) -> Vec<Offer<'_>> {
        offers(&self.policy, &self.row, &self.keys, self.now)
    }

    /// What the page's form is bound to.
    pub(super) fn digest(&self, offers: &[Offer<'_>]) -> String {
        digest_of(&self.policy, &self.row, offers)
    }

    /// What is granted, or what is wrong with each provider's part.
    pub(super) fn decide(
        &self,
        offers: &[Offer<'_>],
        inputs: &[Input],
    ) -> Result<Vec<AuthorizationDetail>, Vec<Faults>> {
        let verification = self.row.app.verification;
        let parts = offers.iter().zip(inputs);
        let decided: Vec<_> = parts
            .map(|(offer, input)| decide(&self.policy, verification, offer, input))
            .collect();
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
        let offers = self.offers();
        let as_asked = || {
            offers
                .iter()
                .map(|offer| (Input::as_asked(offer), Faults::default()))
                .collect()
        };
        let filled = filled.unwrap_or_else(as_asked);
        let shown = Shown {
            row: &self.row,
            digest: self.digest(&offers),
            offers: &offers,
            alike: self.alike,
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

/// Whether another waiting request is under the same name.
fn poses_as(other: &AccessRequestRow, row: &AccessRequestRow) -> bool {
    other.id != row.id && other.app.name.to_lowercase() == row.app.name.to_lowercase()
}
