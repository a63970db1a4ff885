//! Setting, changing, listing and removing budgets.

use event_store::{Aggregate, StreamId};
use events::{BudgetAmounts, BudgetEvent, BudgetScope, UserEvent};
use ids::{BudgetId, TenantId};
use postgres::{DatabaseError, Tx};

use super::{Budget, BudgetRow, Change, Refusal, SpendView, projection, standing};
use crate::{
    custom_provider,
    projections::{RecordError, load, record},
    registered_app,
    vault::{Actor, Vault, one_at_a_time},
};

/// The most budgets of one organization.
const MOST: usize = 50;

/// The budgets of organizations.
#[derive(Clone)]
pub struct Budgets(Vault);

/// Why no budget was set, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nobody of this id is a member.
    #[error("no member of your organization has this id")]
    UnknownUser,
    /// The organization has no such app.
    #[error("no app of this client id is registered with your organization")]
    UnknownApp,
    /// No provider of this name is built in, or one of the organization.
    #[error("no provider of this name is built in, and your organization added none")]
    UnknownProvider,
    /// Another budget bounds the same calls.
    #[error("there is a budget for this scope already, {0}; change that one")]
    Taken(BudgetId),
    /// The organization has as many as one may have.
    #[error("an organization has at most {MOST} budgets; remove one first")]
    TooMany,
    /// It could not be recorded.
    #[error("the budget could not be recorded")]
    Record(#[from] RecordError),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
}

/// A budget, and how much of it is used; `None` when that cannot be read now.
pub type Stands = (BudgetRow, Option<Vec<SpendView>>);

impl Budgets {
    /// The budgets of this vault's organizations.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self(vault)
    }

    pub(super) const fn vault(&self) -> &Vault {
        &self.0
    }

    /// An organization's budgets, oldest first, with how they stand.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(&self, tenant: TenantId) -> Result<Vec<Stands>, DatabaseError> {
        let rows = in_force(&self.0, tenant).await?;
        Ok(standing::of(&self.0, rows).await)
    }

    /// One of an organization's budgets, with how it stands; `None` if it has no such budget.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn one(
        &self,
        tenant: TenantId,
        id: BudgetId,
    ) -> Result<Option<Stands>, DatabaseError> {
        let mut rows = in_force(&self.0, tenant).await?;
        rows.retain(|row| row.id == id);
        Ok(standing::of(&self.0, rows).await.pop())
    }

    /// Sets a budget. It counts the calls that begin once the proxies know of it, and none before.
    ///
    /// # Errors
    /// When a rule forbids it, its scope is nobody's or taken, or it cannot be recorded.
    pub async fn set(
        &self,
        actor: &Actor,
        scope: BudgetScope,
        amounts: BudgetAmounts,
        label: Option<String>,
    ) -> Result<BudgetId, BudgetError> {
        let tx = self.0.begin("set budget", actor.tenant).await?;
        // Many at once would all see the same count, and that the scope is free.
        one_at_a_time(&tx, actor.tenant).await?;
        expect_known(&tx, &scope).await?;
        let rows = projection::of_tenant(&tx).await?;
        if let Some(taken) = rows.iter().find(|row| row.scope == scope) {
            return Err(BudgetError::Taken(taken.id));
        }
        if rows.len() >= MOST {
            return Err(BudgetError::TooMany);
        }
        let context = self.0.context(actor);
        let id = BudgetId::new(context.at);
        let stream = StreamId::of::<BudgetEvent, _>(id);
        let (budget, version) = load::<Budget>(&tx, &stream).await?;
        let set = budget.set(scope, amounts, label)?;
        record(&tx, &stream, version, &[set], &context).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(id)
    }

    /// Changes what a budget allows, or its label. What was spent stays spent.
    ///
    /// # Errors
    /// When there is no such budget, a rule forbids it, or it cannot be recorded.
    pub async fn change(
        &self,
        actor: &Actor,
        id: BudgetId,
        change: Change,
    ) -> Result<(), BudgetError> {
        let tx = self.0.begin("change budget", actor.tenant).await?;
        let stream = StreamId::of::<BudgetEvent, _>(id);
        let (budget, version) = load::<Budget>(&tx, &stream).await?;
        if let Some(changed) = budget.change(change)? {
            record(&tx, &stream, version, &[changed], &self.0.context(actor)).await?;
            tx.commit().await?;
            self.0.changed(&[]);
        }
        Ok(())
    }

    /// Removes a budget: it bounds nothing any more.
    ///
    /// # Errors
    /// When there is no such budget, or it cannot be recorded.
    pub async fn remove(&self, actor: &Actor, id: BudgetId) -> Result<(), BudgetError> {
        let tx = self.0.begin("remove budget", actor.tenant).await?;
        let stream = StreamId::of::<BudgetEvent, _>(id);
        let (budget, version) = load::<Budget>(&tx, &stream).await?;
        let removed = budget.remove()?;
        record(&tx, &stream, version, &[removed], &self.0.context(actor)).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(())
    }
}

/// An organization's budgets, oldest first.
///
/// # Errors
/// When the database refuses.
pub async fn in_force(vault: &Vault, tenant: TenantId) -> Result<Vec<BudgetRow>, DatabaseError> {
    let tx = vault.begin("list budgets", tenant).await?;
    let rows = projection::of_tenant(&tx).await?;
    tx.commit().await?;
    Ok(rows)
}

/// Whether a person ever joined the transaction's organization, as its events tell.
#[derive(Default)]
struct Membership {
    joined: bool,
}

impl Aggregate for Membership {
    type Event = UserEvent;

    fn apply(&mut self, event: &UserEvent) {
        self.joined |= matches!(event, UserEvent::Joined { .. });
    }
}

/// A person, an app or a provider of the transaction's organization, if the scope names one. Another
/// organization's is as unknown as none.
async fn expect_known(tx: &Tx, scope: &BudgetScope) -> Result<(), BudgetError> {
    match scope {
        BudgetScope::Organization {} => Ok(()),
        BudgetScope::Provider { provider } => {
            let known = custom_provider::is_known(tx, provider).await?;
            known.then_some(()).ok_or(BudgetError::UnknownProvider)
        }
        BudgetScope::User { user } => {
            let stream = StreamId::of::<UserEvent, _>(*user);
            let (membership, _) = load::<Membership>(tx, &stream).await?;
            membership
                .joined
                .then_some(())
                .ok_or(BudgetError::UnknownUser)
        }
        BudgetScope::App { app } => {
            let apps = registered_app::projection::of_tenant(tx).await?;
            let known = apps.iter().any(|row| row.id == *app);
            known.then_some(()).ok_or(BudgetError::UnknownApp)
        }
    }
}
