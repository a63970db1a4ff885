//! Vault addresses: handles let someone ask, connect tickets let someone ask once within a ceiling.

mod ceiling;
pub mod http;
pub mod page;
mod store;

pub use ceiling::{WireCeiling, granted_within};
pub use events::Ceiling;
pub use store::{
    AddressError, Addresses, HandleRow, TICKET_LIVES, Ticket, TicketRow, Whose, use_ticket,
};
