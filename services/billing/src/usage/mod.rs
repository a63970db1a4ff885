//! What calls cost: one row for each call, rolled up by day.

mod amount;
mod calls;
mod group;
mod http;
mod page;
mod projection;
mod reading;
mod rebuild;
mod row;
mod shadow;
mod shadow_report;
mod span;

pub use amount::{Sum, in_thousands};
pub use calls::{CallCursor, CallQuestion};
pub use group::{Group, Groups, GroupsError};
pub use http::{list_calls, show_shadow_use, show_usage};
pub use page::usage_page;
pub use projection::{NAME, Usage, UsageError};
pub use reading::{Asker, Line, total};
pub use row::{LONGEST_NAME, ShadowWord, UsageRow};
pub use shadow::{Calls, ShadowDay, ShadowReport};
pub use shadow_report::shadow_page;
pub use span::{LONGEST_SPAN_DAYS, Month, MonthError, Span, SpanError};
