//! Rules that a person wrote: what a verified app is granted at once, without being asked again.
//!
//! A rule decides only about what came through its person's own signed-in browser: an OAuth redirect,
//! a page's popup, a native app's link. There the way back proves which app it is. At a handle anyone
//! can ask in anyone's name, a ticket has a ceiling of its own, and a device may have been started by
//! whoever sent its code: what comes by these waits for the person, or for the ticket.

mod approval_rule;
mod decision;
pub mod http;
pub mod page;
pub mod projection;
mod store;

pub use approval_rule::{ApprovalRule, InForce, Refusal, granted};
pub use decision::decision;
pub use projection::ApprovalRuleRow;
pub use store::{ApprovalRules, NamedApp, NewRule, RuleError};
