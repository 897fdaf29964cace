//! The webhook in use: a real kube-apiserver calls it, registered with the manifests in deploy/.
//!
//! Most tests share one control plane ([`cluster::shared`]). A test that counts calls, stops the webhook, or needs
//! endpoints that were stored before the webhook was registered starts its own.

mod cluster;

mod admission;
mod audit;
mod catalogue;
mod client_certificates;
mod clients;
mod composed;
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
