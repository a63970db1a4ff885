//! What the consent service promises, on real servers.
#![cfg(test)]

mod answer;
mod asked;
mod assertions;
mod bus;
mod callback;
mod confidential;
mod deciding;
mod decisions;
mod delivery;
mod device;
mod doors;
mod flat;
mod grants;
mod introspect;
mod keys;
mod leftovers;
mod native;
mod oauth;
mod oauth_afterwards;
mod oauth_mistakes;
mod person;
mod popup;
mod pushed;
mod rebuild;
mod refresh;
mod resource;
mod scratch;
mod secrets;
mod step_up;
mod step_up_link;
mod step_up_oauth;
mod tenants;
mod tickets;
mod way_back;
mod world;
