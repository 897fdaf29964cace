//! The layers of the core use only those below them. The compiler does not check that within a crate.

#![expect(clippy::disallowed_methods, reason = "this test reads the sources")]

use std::fs;
use std::path::{Path, PathBuf};

/// From bottom to top, by the beginning of the path under `src`.
const LAYERS: [&str; 8] = [
    "endpoint/policy",
    "endpoint/rules",
    "endpoint/cel",
    "endpoint/correction",
    "endpoint/judge",
    "endpoint/migration",
    "endpoint/gate",
    "admission",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the sources");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The code of a file, without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

#[test]
fn no_layer_uses_one_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut uses = Vec::new();
    let mut seen = [false; LAYERS.len()];
    for path in sources(&root) {
        let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
        if ["lib.rs", "endpoint/mod.rs"].contains(&name.as_str()) {
            continue;
        }
        let layer = LAYERS.iter().position(|layer| name.starts_with(layer));
        if let Some(layer) = layer {
            seen[layer] = true;
        }
        let code = code(&path);
        // Files in no layer are below all of them.
        for above in &LAYERS[layer.map_or(0, |layer| layer + 1)..] {
            let module = above.rsplit('/').next().unwrap_or_default();
            let is_used = code
                .lines()
                .filter(|line| {
                    line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub use ")
                })
                .any(|line| {
                    line.contains(&format!("crate::{}", above.replace('/', "::")))
                        || (name.starts_with("endpoint/") && line.contains(&format!("super::{module}")))
                });
            if is_used {
                uses.push(format!("{name} uses {above}"));
            }
        }
    }
    assert_eq!(uses, Vec::<String>::new());
    assert_eq!(seen, [true; LAYERS.len()], "a layer has no file");
}
