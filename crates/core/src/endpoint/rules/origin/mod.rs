//! The rules of `origin`, `api`, `model`, `credential` and the cluster's label, which Modelplane has from 0.5 on.

mod known_provider;

pub(super) mod cluster_label;
pub(super) mod credential_in_plaintext;
pub(super) mod credential_required;
pub(super) mod model_characters;
pub(super) mod origin_address;
pub(super) mod origin_fragment;
pub(super) mod origin_host;
pub(super) mod origin_lower_case;
pub(super) mod origin_metadata;
pub(super) mod origin_not_allowed;
pub(super) mod origin_path;
pub(super) mod origin_port;
pub(super) mod origin_port_scheme;
pub(super) mod origin_query;
pub(super) mod origin_scheme;
pub(super) mod origin_separator;
pub(super) mod origin_special_name;
pub(super) mod origin_syntax;
pub(super) mod origin_trailing_dot;
pub(super) mod origin_userinfo;
pub(super) mod prefix_absolute;
pub(super) mod prefix_characters;
pub(super) mod prefix_dot_segment;
pub(super) mod prefix_empty_segment;
pub(super) mod prefix_fragment;
pub(super) mod prefix_operation;
pub(super) mod prefix_percent;
pub(super) mod prefix_query;
pub(super) mod prefix_url;
pub(super) mod prefix_version_twice;
pub(super) mod provider_api;
pub(super) mod provider_credential;
pub(super) mod provider_prefix;
pub(super) mod provider_schema;
pub(super) mod schema_name;
pub(super) mod schema_not_allowed;
pub(super) mod secret_key;
pub(super) mod secret_name;

pub(in crate::endpoint) use prefix_operation::OPERATIONS as PREFIX_OPERATIONS;
