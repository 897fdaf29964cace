//! The meaning of a ModelEndpoint: its fields flow in; a default, a normalized value or a verdict flows out.
//!
//! Pure: no I/O, no clock, no runtime, nothing of Kubernetes' wire format. A url is read once ([`EndpointUrl`]), and
//! the [`rules`] judge the result. The fields that are present determine the [`Generation`] of the resource, and so
//! which rules apply.
//!
//! Each layer uses only the ones before it: the readers (`field`, `quote`, `dns`, `metadata`, `special_name`,
//! `address`, `host`, `placeholder`, `script`, `url`, `api_path`, `rewrite_path`, `endpoint_url`, `origin`,
//! `providers`), [`policy`], [`rules`], [`cel`], `correction`, [`judge`], [`migration`], [`gate`].

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
