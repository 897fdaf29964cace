//! The webhook where it works: a real kube-apiserver calls it, registered by the manifests of deploy/.
//!
//! One control plane serves all tests that can share it ([`cluster::shared`]); a test that counts calls,
//! stops the webhook, or needs endpoints from before its time starts one of its own.

mod cluster;

mod admission;
mod audit;
mod catalogue;
mod client_certificates;
mod clients;
mod conditions;
mod consumers;
mod crossplane;
mod defaults;
mod legacy;
mod origins;
mod outage;
mod recording;
mod restarts;
mod terminal;
mod terminating;
mod traces;
mod upgrade;
mod versions;
mod ways_around;
