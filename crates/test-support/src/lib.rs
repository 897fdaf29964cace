//! Helpers for several test programs: [`webhook`] starts the server, [`client`] calls it over TLS, [`pairs`] issues
//! certificates, [`otlp`] receives traces, [`flags`] checks how a program defines its flags, [`picture`] draws what a
//! terminal shows.

#![expect(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::new_without_default,
    clippy::return_self_not_must_use,
    reason = "for tests, which panic when something is not as they expect"
)]

pub mod client;
pub mod flags;
pub mod otlp;
pub mod pairs;
pub mod picture;
pub mod webhook;
