//! What the consent service promises, on real servers.

mod bus;
mod deciding;
mod delivery;
mod doors;
mod flat;
mod grants;
mod keys;
mod oauth;
mod oauth_mistakes;
mod rebuild;
mod scratch;
mod secrets;
mod tenants;
mod tickets;
mod world;
