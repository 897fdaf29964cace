//! The webhooks as functions: the bytes of an AdmissionReview in, the bytes of its answer out.

mod corpus;
mod json;
mod properties;
mod protocol;
mod reviews;
