//! Writing, listing and removing rules.

use event_store::StreamId;
use events::{AppKey, ApprovalRuleEvent, RuleTerms};
use ids::{AppId, ApprovalRuleId, TenantId, UserId};
use postgres::DatabaseError;

use super::{ApprovalRule, ApprovalRuleRow, InForce, Refusal, projection};
use crate::{
    grant::projection::live_by,
    projections::{RecordError, load, record},
    registered_app,
    vault::{Actor, Vault, one_at_a_time},
};

/// The most rules of one person.
const MOST: usize = 100;

/// The rules that people wrote.
#[derive(Clone)]
pub struct ApprovalRules(Vault);

/// A rule to write.
#[derive(Debug, Clone)]
pub struct NewRule {
    /// For which app.
    pub app: NamedApp,
    /// What it grants.
    pub terms: RuleTerms,
}

/// The app that a rule is for.
#[derive(Debug, Clone)]
pub enum NamedApp {
    /// The registered one of this client id.
    Client(AppId),
    /// Whoever shows to control this domain.
    Domain(String),
}

/// Why no rule was written or removed.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The organization has no such app.
    #[error("no app of this client id is registered with your organization")]
    UnknownApp,
    /// The person has as many as one may have.
    #[error("a person has at most {MOST} approval rules; remove one first")]
    TooMany,
    /// It could not be recorded.
    #[error("the rule could not be recorded")]
    Record(#[from] RecordError),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
}

impl ApprovalRules {
    /// The rules of this vault.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self(vault)
    }

    /// A person's rules, newest first, with what their live grants come to.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Vec<(ApprovalRuleRow, InForce)>, DatabaseError> {
        let now = self.0.clock.now();
        let tx = self.0.begin("list approval rules", tenant).await?;
        let mut rules = Vec::new();
        for row in projection::of_user(&tx, user).await? {
            let in_force = InForce::of(&live_by(&tx, row.id, now).await?);
            rules.push((row, in_force));
        }
        tx.commit().await?;
        Ok(rules)
    }

    /// Writes a rule. It decides about what comes in from then on.
    ///
    /// # Errors
    /// When there is no such app, the person has too many rules, or it cannot be recorded.
    pub async fn write(&self, actor: &Actor, new: NewRule) -> Result<ApprovalRuleId, RuleError> {
        let tx = self.0.begin("write approval rule", actor.tenant).await?;
        one_at_a_time(&tx, actor.user).await?;
        if projection::of_user(&tx, actor.user).await?.len() >= MOST {
            return Err(RuleError::TooMany);
        }
        let (key, name) = match new.app {
            NamedApp::Domain(domain) => (
                AppKey::Domain {
                    domain: domain.clone(),
                },
                domain,
            ),
            NamedApp::Client(id) => {
                let apps = registered_app::projection::of_tenant(&tx).await?;
                let app = apps.into_iter().find(|app| app.id == id);
                let app = app.ok_or(RuleError::UnknownApp)?;
                (AppKey::Client { app: id }, app.name)
            }
        };
        let context = self.0.context(actor);
        let id = ApprovalRuleId::new(context.at);
        let stream = StreamId::of::<ApprovalRuleEvent, _>(id);
        let (rule, version) = load::<ApprovalRule>(&tx, &stream).await?;
        let event = rule.write(actor.user, key, name, new.terms)?;
        record(&tx, &stream, version, &[event], &context).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(id)
    }

    /// Removes a rule: it decides nothing any more. What it granted stays until it is revoked.
    ///
    /// # Errors
    /// When there is no such rule of this person, or it cannot be recorded.
    pub async fn remove(&self, actor: &Actor, id: ApprovalRuleId) -> Result<(), RuleError> {
        let tx = self.0.begin("remove approval rule", actor.tenant).await?;
        // What is being decided by it is decided before this answers.
        one_at_a_time(&tx, actor.user).await?;
        let stream = StreamId::of::<ApprovalRuleEvent, _>(id);
        let (rule, version) = load::<ApprovalRule>(&tx, &stream).await?;
        let event = rule.remove(actor.user)?;
        record(&tx, &stream, version, &[event], &self.0.context(actor)).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(())
    }
}
