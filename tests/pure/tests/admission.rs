//! tests/admission, against the pure folders alone.

extern crate pure as modelendpoint_webhook;

#[path = "../../admission/corpus.rs"]
mod corpus;
#[path = "../../admission/json.rs"]
mod json;
#[path = "../../admission/properties.rs"]
mod properties;
#[path = "../../admission/protocol.rs"]
mod protocol;
#[path = "../../admission/reviews.rs"]
mod reviews;
