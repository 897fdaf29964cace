//! `cargo bench`: time and allocations of an answer, beside what merely walking the JSON costs, and
//! beside kube's own types, which decode all of it.

use bench_answer::{CASES, Case};
use divan::{AllocProfiler, Bencher, black_box, counter::BytesCount};
use kube_core::DynamicObject;
use kube_core::admission::AdmissionReview;
use modelendpoint_core::admission;
use modelendpoint_core::endpoint::Policy;
use serde::de::IgnoredAny;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn names() -> Vec<&'static str> {
    CASES.iter().map(|case| case.name).collect()
}

fn case(name: &str) -> Case {
    Case::named(name).expect("a case of this name")
}

/// Bytes in, bytes out.
#[divan::bench(args = names())]
fn answer(bencher: Bencher, name: &str) {
    let case = case(name);
    let body = case.body();
    bencher
        .counter(BytesCount::of_slice(&body))
        .bench(|| admission::answer(&Policy::NONE, case.hook, black_box(&body)).map(|answer| answer.review));
}

/// Reference: the JSON is walked, and nothing is made of it.
#[divan::bench(args = names())]
fn walk(bencher: Bencher, name: &str) {
    let body = case(name).body();
    bencher
        .counter(BytesCount::of_slice(&body))
        .bench(|| serde_json::from_slice::<IgnoredAny>(black_box(&body)).is_ok());
}

/// Reference: what a webhook with kube's types decodes before it does anything.
#[divan::bench(args = names())]
fn kube_types(bencher: Bencher, name: &str) {
    let body = case(name).body();
    bencher.counter(BytesCount::of_slice(&body)).bench(|| {
        serde_json::from_slice::<AdmissionReview<DynamicObject>>(black_box(&body)).expect("a review")
    });
}
