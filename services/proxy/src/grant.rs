//! An app's own grant, as the proxy enforces it.

pub mod http;
