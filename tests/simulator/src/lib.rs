#![doc = include_str!("../README.md")]

mod answer;
mod call;
mod control;
mod dialects;
mod entry;
mod form;
mod frames;
mod inbound;
mod ledger;
mod log_file;
mod outbound;
mod prebuilt;
mod prompt;
mod provider;
mod request;
mod rules;
mod script;
mod simulator;
mod stream;
mod target;
mod text;
mod tokens;
mod trailers;
mod turn;

pub use simulator::{Running, Settings, Simulator};
