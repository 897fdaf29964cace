//! The admission policies that are made of the catalogue, on a real kube-apiserver beside the webhook: one namespace
//! is judged by policies alone, and one by the webhook alone.
//!
//! ```text
//! world       the control plane with both namespaces
//! sample      an endpoint to write
//! verdict     what the API server says to a write
//! specs       specs that are put together at random
//! origins     the same of Modelplane 0.5's fields
//! agreement   corpus and generated specs, created and updated: the same verdicts and the same stored objects
//! examples    every example of every rule, by policies alone
//! overrides   what differs between namespaces
//! outage      the webhook fails in every way, under a load of good and bad writes, with and without the backstop
//! garbage     a server that stands in for it
//! load        the writes
//! ```

mod agreement;
mod examples;
mod garbage;
mod load;
mod origins;
mod outage;
mod overrides;
mod sample;
mod specs;
mod verdict;
mod world;
