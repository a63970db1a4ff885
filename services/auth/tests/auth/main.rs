//! What people, programs and operators do with the auth service, on a real Postgres.
#![cfg(test)]

mod api_tokens;
mod bad_input;
mod identity_provider;
mod links;
mod members;
mod provisioning;
mod scratch;
mod sessions;
mod signer;
mod sso;
mod sso_connections;
mod sso_faults;
mod sso_returns;
mod vault;
