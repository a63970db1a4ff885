#![doc = include_str!("../README.md")]

mod assets;
pub mod chart;
mod component;
mod error_page;
mod field;
pub mod filters;
mod html;
mod layout;
mod notice;
mod spend;

pub use assets::{asset_url, assets};
pub use component::{Badge, Confirm, Copyable, CsrfField, Empty, Tone};
pub use error_page::error_page;
pub use field::{Choice, Field};
pub use html::{html, html_with};
pub use layout::{Layout, NavEntry, Section};
pub use notice::Notice;
pub use spend::SpendBar;
