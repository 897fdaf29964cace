//! Any bytes to both webhooks: nothing panics, and every answer is a review with the request's UID.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelendpoint_core::admission::{self, Hook};
use modelendpoint_core::endpoint::Policy;

fuzz_target!(|body: &[u8]| {
    for hook in [Hook::Mutate, Hook::Validate] {
        let Ok(answer) = admission::answer(&Policy::NONE, hook, body) else { continue };
        let review: serde_json::Value = serde_json::from_slice(&answer.review).expect("JSON");
        assert_eq!(review["response"]["uid"], *answer.request.uid);
        assert!(hook == Hook::Mutate || review["response"].get("patch").is_none());
    }
});
