//! `check` as people run it: the binary on files, with its whole output compared.

mod admission_policies;
mod cluster;
mod cluster_faults;
mod control_plane;
mod corpus;
mod diff;
mod findings;
mod fix;
mod formats;
mod generated;
mod output;
mod picture;
mod policy;
mod schema;
mod sources;
mod upgrade;
mod workspace;
