//! The repository's documentation in, a folder of HTML out.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;

use crate::pages::{Page, pages, summary};
use crate::repository;

/// The site's own pages, styles and scripts.
const ASSETS: [(&str, &str); 4] = [
    ("try.md", include_str!("../pages/try.md")),
    ("try.js", include_str!("../assets/try.js")),
    ("site.css", include_str!("../assets/site.css")),
    ("versions.js", include_str!("../assets/versions.js")),
];

/// Builds the site, but for the WebAssembly.
///
/// # Errors
/// What is wrong with a page, or with the folder.
pub fn build(folder: &Path) -> Result<()> {
    let root = tempfile::tempdir().context("no temporary folder")?;
    let source = root.path().join("src");
    let pages = pages()?;
    for Page { path, text } in &pages {
        put(&source.join(path), text.as_bytes())?;
    }
    put(&source.join("SUMMARY.md"), summary(&pages)?.as_bytes())?;
    copy_other_files(&repository().join("docs"), &source)?;
    for (path, text) in ASSETS {
        let home = if path.ends_with("site.css") || path == "versions.js" { root.path() } else { &source };
        put(&home.join(path), text.as_bytes())?;
    }
    let mut config: Config =
        include_str!("../book.toml").parse().map_err(|error| anyhow!("book.toml: {error}"))?;
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    config.build.build_dir = fs::canonicalize(folder)?;
    MDBook::load_with_config(root.path(), config)?.build()
}

/// Pictures and schemas, which pages link to.
fn copy_other_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        let to = to.join(path.file_name().context("an entry of a folder has a name")?);
        if path.is_dir() {
            copy_other_files(&path, &to)?;
        } else if path.extension().is_none_or(|extension| extension != "md") {
            put(&to, &fs::read(&path)?)?;
        }
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
