//! The server's behaviour on the wire: the real binary, real TLS sockets, real signals.
//!
//! [`webhook`] starts it, [`client`] calls it, and [`pairs`] issues its certificates. [`in_process`] is for settings
//! that the binary has no flag for.

mod in_process;

mod addresses;
mod bodies;
mod certificate_files;
mod client_certificates;
mod descriptors;
mod drain;
mod floods;
mod log_floods;
mod logs;
mod memory;
mod metrics;
mod monitoring;
mod panics;
mod policy;
mod protocol;
mod readiness;
mod slow_clients;
mod small_limits;
mod start_up;
mod traces;
mod try_out;
mod unread;
