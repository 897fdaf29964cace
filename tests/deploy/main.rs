//! What deploy/ installs: its manifests on a real kube-apiserver, and replicas of the webhook that run with the
//! permissions of its service account and manage their certificates.

mod installed;
mod relay;

mod admission;
mod api_server_away;
mod chart;
mod chart_releases;
mod chart_values;
mod clock;
mod dashboard;
mod manifests;
mod names;
mod network_policy;
mod own_registration;
mod policy_config_map;
mod repairs;
mod replicas;
mod restored;
mod rights;
mod rotation;
mod several_api_servers;
mod skewed;
mod uninstalling;
