//! Compares checking 10,000 manifests with only reading and parsing them, on the same number of threads.
//!
//! `cargo bench --package modelendpoint --bench check`; the last line says how many times longer the check takes.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use modelendpoint::lint::run::{Fix, run};
use modelendpoint::lint::sources::{Search, Source, find};
use modelendpoint_core::endpoint::policy;
use modelendpoint_lint::check::Terms;
use modelendpoint_yaml::parse;

const MANIFESTS: usize = 10_000;
const ROUNDS: usize = 7;

fn main() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for at in 0..MANIFESTS {
        fs::write(directory.path().join(format!("{at:05}.yaml")), manifest(at)).expect("a file");
    }
    let paths = [PathBuf::from(directory.path())];
    let terms = Terms { policy: &policy::NONE, namespace: "default", generation: None };
    let found = || find(&paths, &Search::default()).expect("no pattern");
    let plain = best(|| parse_all(&found().sources));
    let checked = best(|| {
        let report = run(found(), terms, Fix::No, |_, _| {});
        assert_eq!((report.count().endpoints, report.count().refused), (MANIFESTS, MANIFESTS / 100));
    });
    println!("{MANIFESTS} manifests, best of {ROUNDS}");
    println!("read and parsed   {plain:>10.1?}");
    println!("checked           {checked:>10.1?}");
    println!("ratio             {:>10.2}", checked.as_secs_f64() / plain.as_secs_f64());
}

/// One in a hundred has a finding, which is realistic.
fn manifest(at: usize) -> String {
    let port = if at.is_multiple_of(100) { ":0" } else { "" };
    format!(
        "# one of many\napiVersion: modelplane.ai/v1alpha1\nkind: ModelEndpoint\nmetadata:\n  name: endpoint-{at}\n  namespace: \
         ml-team\n  labels:\n    app.kubernetes.io/part-of: models\n    tier: \"{}\"\nspec:\n  url: \
         http://10.0.1.50{port}/ml-team/qwen-{at}/v1\n  rewritePath: /ml-team/qwen-{at}/\n",
        at % 7
    )
}

fn parse_all(sources: &[Source]) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
            let text = String::from_utf8(source.read().expect("a file")).expect("UTF-8");
            assert_eq!(std::hint::black_box(parse(&text)).len(), 1);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work);
        }
    });
}

fn best(mut run: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .min()
        .unwrap_or_default()
}
