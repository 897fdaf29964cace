//! The pure folders of `modelendpoint-webhook`, compiled with nothing but what they may stand on: no
//! runtime, no Kubernetes client, no TLS. A use of anything else does not compile here.
//!
//! Small as it is, it is also what `cargo mutants` breaks, hundreds of times.

#[path = "../../../src/admission/mod.rs"]
pub mod admission;
#[path = "../../../src/endpoint/mod.rs"]
pub mod endpoint;
