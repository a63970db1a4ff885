//! What scopes of budgets are called, and those that a new one may have.

use events::{BudgetScope, Provider};
use ids::UserId;
use pages::Choice;
use postgres::DatabaseError;
use sessions::SignedIn;

use crate::{budget::projection, custom_provider::CustomProviders, registered_app, vault::Vault};

/// The scopes that a budget may have, each with its name for people.
pub(super) struct Names(Vec<(BudgetScope, String)>);

impl Names {
    /// The organization, its people who granted something, its apps, and the providers it may ask.
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) async fn of(vault: &Vault, person: &SignedIn) -> Result<Self, DatabaseError> {
        let tx = vault.begin("name scopes of budgets", person.tenant).await?;
        let people = projection::who_granted(&tx).await?;
        let apps = registered_app::projection::of_tenant(&tx).await?;
        tx.commit().await?;
        let added = CustomProviders::new(vault.clone())
            .of(person.tenant)
            .await?;
        let people = people.into_iter().map(|(user, name)| of_person(user, name));
        let apps = apps.into_iter().map(|row| {
            (
                BudgetScope::App { app: row.id },
                format!("The app {}", row.name),
            )
        });
        let built_in = Provider::BUILT_IN
            .iter()
            .filter_map(|name| name.parse().ok());
        let added = added.into_iter().map(|row| row.provider.name);
        let providers = built_in.chain(added).map(of_provider);
        let everything = BudgetScope::Organization {};
        let all = std::iter::once((everything, "Everything".to_owned()))
            .chain(people)
            .chain(apps)
            .chain(providers);
        Ok(Self(all.collect()))
    }

    #[cfg(test)]
    pub(super) const fn made_up(names: Vec<(BudgetScope, String)>) -> Self {
        Self(names)
    }

    /// A scope in words; whom nobody can name any more is named by the id.
    pub(super) fn name(&self, scope: &BudgetScope) -> String {
        let known = self.0.iter().find(|(known, _)| known == scope);
        known.map_or_else(|| scope.to_string(), |(_, name)| name.clone())
    }

    /// Those that have no budget yet.
    pub(super) fn free(&self, taken: &[&BudgetScope], chosen: &str) -> Vec<Choice> {
        let free = self.0.iter().filter(|(scope, _)| !taken.contains(&scope));
        let choice = |(scope, name): &(BudgetScope, String)| {
            let value = scope.to_string();
            let chosen = value == chosen;
            Choice::new(value, name.clone()).chosen(chosen)
        };
        free.map(choice).collect()
    }
}

fn of_person(user: UserId, name: String) -> (BudgetScope, String) {
    (BudgetScope::User { user }, name)
}

fn of_provider(provider: Provider) -> (BudgetScope, String) {
    let name = format!("At {}", provider.display_name());
    (BudgetScope::Provider { provider }, name)
}
