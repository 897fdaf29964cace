//! What a ModelEndpoint means: its fields flow in, a default, a normalized value or a verdict flows out.
//!
//! Pure: no I/O, no clock, no runtime, nothing of Kubernetes' wire. A url is read once
//! ([`EndpointUrl`]); the [`rules`] judge what was read. Which fields there are says which [`Generation`] of the
//! resource the endpoint belongs to, and so which rules are about it.
//!
//! Each layer uses the ones before it, and none behind it: the readers (`field`, `quote`, `dns`, `metadata`,
//! `special_name`, `address`, `host`, `placeholder`, `script`, `url`, `api_path`, `rewrite_path`, `endpoint_url`,
//! `origin`, `providers`), [`policy`], [`rules`], [`cel`], `correction`,
//! [`judge`], [`migration`], [`gate`].

mod address;
mod api_path;
pub mod cel;
mod correction;
mod dns;
mod endpoint_url;
mod field;
pub mod gate;
pub mod host;
pub mod judge;
pub mod metadata;
pub mod migration;
pub mod mutation;
pub(crate) mod origin;
mod placeholder;
pub mod policy;
pub mod providers;
pub mod quote;
pub mod rewrite_path;
pub mod rules;
mod script;
mod special_name;
pub mod url;

pub use endpoint_url::EndpointUrl;
pub use field::{CLUSTER_LABEL, Field, Generation, Spec, Value};
pub use origin::DEFAULT_PREFIX;
pub use policy::Policy;
pub use rewrite_path::RewritePath;
