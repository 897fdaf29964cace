//! `audit` as it runs in a cluster: the binary against a real API server.

mod audited;
mod relay;
mod running;

mod bounds;
mod changes;
mod faults;
mod flood;
mod reports;
mod rights;
mod scale;
mod stand;
