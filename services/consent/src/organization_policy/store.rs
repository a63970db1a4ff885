//! Reading and setting an organization's policy.

use event_store::StreamId;
use events::{OrganizationPolicyEvent, PolicyRules, SelfRegistration};
use ids::TenantId;
use postgres::{DatabaseError, Tx};

use super::{OrganizationPolicy, PolicyRow, Refusal, allows, projection};
use crate::{
    policy::Policy,
    projections::{RecordError, load, record},
    vault::{Actor, Vault},
};

/// The policies of organizations.
#[derive(Clone)]
pub struct Policies(Vault);

/// Why a policy was not set.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A rule of it cannot be kept.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The organization does not let its people approve an app like this one.
    #[error("your organization does not let its people approve this app")]
    NotAllowed,
    /// It could not be recorded.
    #[error("the policy could not be recorded")]
    Record(#[from] RecordError),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
}

impl Policies {
    /// The policies of this vault's organizations.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self(vault)
    }

    /// The policy of an organization, if it ever set one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(&self, tenant: TenantId) -> Result<Option<PolicyRow>, DatabaseError> {
        let tx = self.0.begin("read policy", tenant).await?;
        let row = projection::of_tenant(&tx).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Lets pass what the organization lets its people approve.
    ///
    /// # Errors
    /// When it does not, or the database refuses.
    pub async fn allow(
        &self,
        tenant: TenantId,
        registration: Option<&SelfRegistration>,
    ) -> Result<(), PolicyError> {
        if registration.is_none() {
            return Ok(());
        }
        let rules = self.of(tenant).await?.map(|row| row.rules);
        if allows(&rules.unwrap_or_default(), registration) {
            Ok(())
        } else {
            Err(PolicyError::NotAllowed)
        }
    }

    /// What an organization's people may allow, in numbers.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn in_force(&self, tenant: TenantId) -> Result<Policy, DatabaseError> {
        let row = self.of(tenant).await?;
        Ok(self
            .0
            .policy
            .under(&row.map(|row| row.rules).unwrap_or_default()))
    }

    /// Sets an organization's policy as a whole. It counts for every decision from now on; what
    /// was granted before stays.
    ///
    /// # Errors
    /// When a rule of it cannot be kept, or it cannot be recorded.
    pub async fn set(&self, actor: &Actor, rules: PolicyRules) -> Result<(), PolicyError> {
        let tx = self.0.begin("set policy", actor.tenant).await?;
        let stream = StreamId::of::<OrganizationPolicyEvent, _>(actor.tenant);
        let (policy, version) = load::<OrganizationPolicy>(&tx, &stream).await?;
        if let Some(set) = policy.set(rules)? {
            record(&tx, &stream, version, &[set], &self.0.context(actor)).await?;
            tx.commit().await?;
            self.0.changed(&[]);
        }
        Ok(())
    }
}

/// What the transaction's organization set, or what holds where it set nothing.
///
/// # Errors
/// When the database refuses.
pub async fn rules(tx: &Tx) -> Result<PolicyRules, DatabaseError> {
    let row = projection::of_tenant(tx).await?;
    Ok(row.map(|row| row.rules).unwrap_or_default())
}

/// What the people of the transaction's organization may allow, in numbers.
///
/// # Errors
/// When the database refuses.
pub async fn in_force(vault: &Vault, tx: &Tx) -> Result<Policy, DatabaseError> {
    Ok(vault.policy.under(&rules(tx).await?))
}
