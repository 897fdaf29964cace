//! `cargo run --package chart-docs`: deploy/chart/values.yaml flows in, its README.md and values.schema.json flow
//! out. A test fails if they are out of date.

mod readme;
mod schema;
mod values;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use values::Values;

fn main() -> Result<()> {
    for (file, content) in generated()? {
        fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The files, and the content that they should have.
fn generated() -> Result<[(PathBuf, String); 2]> {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/chart");
    let text = fs::read_to_string(chart.join("values.yaml")).context("cannot read values.yaml")?;
    let values = Values::read(&text)?;
    Ok([
        (chart.join("README.md"), readme::of(&values)),
        (chart.join("values.schema.json"), format!("{:#}\n", schema::of(&values))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_and_the_schema_are_current() {
        for (file, content) in generated().expect("values.yaml is as it should be") {
            let there = fs::read_to_string(&file).unwrap_or_default();
            assert!(there == content, "{} is old: run `cargo run --package chart-docs`", file.display());
        }
    }
}
