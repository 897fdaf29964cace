//! `audit` as it runs in a cluster: the binary against a real API server.

mod audited;
mod reports;
