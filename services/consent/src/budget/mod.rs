//! What an organization lets be spent above its grants: as a whole, by one person, by one app, or at
//! one provider. A call must fit into every budget that covers it, as it must into its grant's limits.

mod budget;
pub mod http;
pub mod page;
pub mod projection;
pub mod shadow;
mod standing;
mod store;

pub use budget::{Budget, Change, LONGEST_LABEL, Refusal};
pub use projection::BudgetRow;
pub use standing::SpendView;
pub use store::{BudgetError, Budgets, in_force};
