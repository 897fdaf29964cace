//! `cargo metadata` in, the crates and what they depend on as a picture out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use layout::backends::svg::SVGWriter;
use layout::gv::{DotParser, GraphBuilder};
use serde_json::Value;

use crate::repository;

/// Each crate, and the crates that it uses.
type Crates = BTreeMap<String, BTreeSet<String>>;

/// The programs that people run; what they do not need is for tests.
const PROGRAMS: [&str; 2] = ["modelendpoint-webhook", "modelendpoint"];

/// Writes docs/pictures/crates.svg.
///
/// # Errors
/// When cargo or the file system says no.
pub fn write() -> Result<()> {
    fs::write(file(), svg()?).context("cannot write the diagram")
}

/// Where the diagram is kept.
#[must_use]
pub fn file() -> PathBuf {
    repository().join("docs/pictures/crates.svg")
}

/// The diagram of the crates as they are now.
///
/// # Errors
/// What cargo said.
pub fn svg() -> Result<String> {
    let graph = dot(&without_detours(&of_the_programs(&crates()?)));
    let graph = DotParser::new(&graph).process().map_err(|error| anyhow!("{error}"))?;
    let mut builder = GraphBuilder::new();
    builder.visit_graph(&graph);
    let mut svg = SVGWriter::new();
    builder.get().do_it(false, false, false, &mut svg);
    // the crate's font has serifs, and what is drawn in black on nothing can't be seen on a dark page
    let background = "<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"white\"/>\n<defs>";
    Ok(svg.finalize().replacen("<defs>", background, 1).replace("Times, serif", "sans-serif"))
}

fn crates() -> Result<Crates> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(repository())
        .output()
        .context("cargo does not start")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let dependencies = |package: &Value| -> BTreeSet<String> {
        let all = package["dependencies"].as_array().into_iter().flatten();
        all.filter(|dependency| dependency["kind"].is_null() && !dependency["path"].is_null())
            .map(name)
            .collect()
    };
    Ok(packages.iter().map(|package| (name(package), dependencies(package))).collect())
}

fn of_the_programs(crates: &Crates) -> Crates {
    let mut kept = Crates::new();
    let mut waiting: Vec<_> = PROGRAMS.map(ToOwned::to_owned).into();
    while let Some(name) = waiting.pop() {
        let uses = crates.get(&name).cloned().unwrap_or_default();
        waiting.extend(uses.iter().filter(|used| !kept.contains_key(*used)).cloned());
        kept.insert(name, uses);
    }
    kept
}

/// Without an arrow from A to C where there is a way from A by B to C.
fn without_detours(crates: &Crates) -> Crates {
    let reaches = |from: &str, to: &str| {
        let mut waiting = vec![from];
        while let Some(name) = waiting.pop() {
            let uses = crates.get(name).into_iter().flatten();
            if name == to {
                return true;
            }
            waiting.extend(uses.map(String::as_str));
        }
        false
    };
    let direct = |uses: &BTreeSet<String>| {
        let is_detour = |used: &String| uses.iter().any(|other| other != used && reaches(other, used));
        uses.iter().filter(|used| !is_detour(used)).cloned().collect()
    };
    crates.iter().map(|(name, uses)| (name.clone(), direct(uses))).collect()
}

fn dot(crates: &Crates) -> String {
    let mut dot = String::from("digraph {\n  node [shape=box]\n");
    for (name, uses) in crates {
        for used in uses {
            let _ = writeln!(dot, "  \"{name}\" -> \"{used}\"");
        }
    }
    dot + "}\n"
}
