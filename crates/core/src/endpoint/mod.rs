//! What a ModelEndpoint means: its two fields flow in, a default, a normalized value or a verdict flows out.
//!
//! Pure: no I/O, no clock, no runtime, nothing of Kubernetes' wire. A url is read once
//! ([`EndpointUrl`]); the [`rules`] judge what was read.
//!
//! Each layer uses the ones before it, and none behind it: the readers (`field`, `quote`, `dns`, `metadata`,
//! `address`, `host`, `url`, `rewrite_path`, `endpoint_url`), [`policy`], [`rules`], [`correction`], [`judge`],
//! [`gate`].

mod address;
pub mod correction;
mod dns;
mod endpoint_url;
mod field;
pub mod gate;
pub mod host;
pub mod judge;
pub mod metadata;
pub mod mutation;
pub mod policy;
pub mod quote;
pub mod rewrite_path;
pub mod rules;
pub mod url;

pub use endpoint_url::EndpointUrl;
pub use field::{Field, Spec, Value};
pub use policy::Policy;
pub use rewrite_path::RewritePath;
