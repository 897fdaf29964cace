//! What no compiler holds the pure folders to: their order, and the parts of `std` that are not pure.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

fn uses(folder: &str, forbidden: &[&str]) -> Vec<String> {
    let mut uses = Vec::new();
    for path in sources(folder) {
        let text = fs::read_to_string(&path).expect("a source file");
        for word in forbidden.iter().filter(|word| text.contains(**word)) {
            uses.push(format!("{} uses {word}", path.display()));
        }
    }
    uses
}

#[test]
fn the_endpoint_does_not_know_the_review_around_it() {
    assert!(sources("endpoint").len() > 20);
    assert_eq!(uses("endpoint", &["crate::admission", "super::super::admission"]), Vec::<String>::new());
}

#[test]
fn neither_reads_a_clock_nor_does_io() {
    assert!(sources("admission").len() > 5);
    let impure = [
        "std::fs",
        "std::io",
        "std::env",
        "std::time",
        "std::thread",
        "std::process",
        "std::net::Tcp",
        "println!",
    ];
    for folder in ["endpoint", "admission"] {
        assert_eq!(uses(folder, &impure), Vec::<String>::new());
    }
}
