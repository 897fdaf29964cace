//! What a ModelEndpoint means: its two fields flow in, a default, a normalized value or a verdict flows out.
//!
//! Pure: no I/O, no clock, no runtime, nothing of Kubernetes' wire. A url is read once
//! ([`EndpointUrl`]); the [`rules`] judge what was read.

pub mod address;
pub mod correction;
pub mod endpoint_url;
pub mod field;
pub mod host;
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
