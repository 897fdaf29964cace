//! Where the server's certificate comes from, and whose certificates it accepts.
//!
//! In: PEM, from files ([`files`]), made to try it out ([`issue`]), or from a Secret that the replicas
//! keep up to date themselves ([`managed`]). It becomes a [`pair::Pair`], which is
//! proved to belong together, and the [`served::Served`] one is what every handshake gets.
//! [`clients`] has the CA that clients are checked by. [`reload`] keeps both at what their files hold.

pub mod clients;
pub mod files;
pub mod issue;
pub mod managed;
pub mod pair;
pub mod reload;
pub mod served;
