//! `instructions CASE [walk]`: answers a case a few times, or walks its JSON, for callgrind to count.
//! Without arguments: the names of the cases.

use std::env;
use std::hint::black_box;

use bench_answer::{CASES, Case};
use modelendpoint_core::admission::{self, Hook};
use modelendpoint_core::endpoint::Policy;
use serde::de::IgnoredAny;

/// Calls that are counted, behind one that is not: the first pays for what is set up once.
const CALLS: usize = 4;

fn main() {
    let mut arguments = env::args().skip(1);
    let Some(name) = arguments.next() else {
        for case in CASES {
            println!("{}", case.name);
        }
        return;
    };
    let case = Case::named(&name).expect("a case of this name");
    let body = case.body();
    let walks = arguments.next().is_some_and(|function| function == "walk");
    let _ = black_box(admission::answer(&Policy::NONE, case.hook, &body));
    for _ in 0..CALLS {
        if walks { counted_walk(&body) } else { counted_answer(case.hook, &body) }
    }
}

#[inline(never)]
fn counted_answer(hook: Hook, body: &[u8]) {
    let _ = black_box(admission::answer(&Policy::NONE, hook, black_box(body)));
}

#[inline(never)]
fn counted_walk(body: &[u8]) {
    let _ = black_box(serde_json::from_slice::<IgnoredAny>(black_box(body)));
}
