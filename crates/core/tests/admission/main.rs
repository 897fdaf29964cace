//! The webhooks as functions: the bytes of an AdmissionReview in, the bytes of its answer out.

mod corpus;
mod corpus_origins;
mod json;
mod properties;
mod properties_origins;
mod protocol;
mod reviews;
mod suggestions;
mod suggestions_origins;
