//! The pure core of modelendpoint-webhook: the bytes of an AdmissionReview in, the bytes of its answer out.
//!
//! ```text
//! admission    an AdmissionReview in, its answer out
//!  └─ endpoint    a url and a rewritePath in, a default or violations out
//! ```
//!
//! A crate of its own, so that it compiles with nothing but what crates/core/Cargo.toml lists: no runtime, no
//! Kubernetes client, no TLS. `crates/core/clippy.toml` keeps the clocks and the I/O of `std` out.

#![warn(unreachable_pub)]

pub mod admission;
pub mod endpoint;
