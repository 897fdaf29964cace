//! The Markdown files of the repository in, the pages of the site out: docs/README.md decides which there are, and
//! in which order.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use modelendpoint_core::endpoint::mutation;
use modelendpoint_core::endpoint::rules;

use crate::links::{Link, links, rewrite};
use crate::providers;
use crate::repository;

/// A page of the site, in Markdown.
#[derive(Debug)]
pub struct Page {
    /// Below the site's root, with `.md` behind it.
    pub path: String,
    pub text: String,
}

/// The list of all pages, which is no page of the site: its sidebar has the same.
const CONTENTS: &str = "docs/README.md";
/// Split into a page for each rule.
const RULES: &str = "docs/rules.md";
/// With a page for each provider beside it.
const PROVIDERS: &str = "docs/providers.md";
const DECISIONS: &str = "docs/decisions/README.md";

/// Files outside of docs/ that are pages too.
const OTHERS: [(&str, &str); 5] = [
    ("README.md", "index.md"),
    ("certs/README.md", "certs.md"),
    ("CHANGELOG.md", "changelog.md"),
    ("CONTRIBUTING.md", "contributing.md"),
    ("SECURITY.md", "security.md"),
];

/// The address of the repository's files, for those that are no pages.
const FILES: &str = "https://github.com/modelplane/modelendpoint-webhook/blob/main";

/// Every page but the site's own.
///
/// # Errors
/// Which file can't be read, or has a link that leads nowhere.
pub fn pages() -> Result<Vec<Page>> {
    let mut pages = Vec::new();
    for file in files()? {
        let text = read(&file)?;
        if file == RULES {
            pages.extend(pages_of_rules(&text)?);
        } else if file == PROVIDERS {
            let text = rewrite(&text, |link| place(&file, "providers/index.md", link))?;
            pages.extend(providers::pages(&text));
        } else {
            let path = page_of(&file).context("a file of the list is a page")?;
            pages.push(Page { text: rewrite(&text, |link| place(&file, &path, link))?, path });
        }
    }
    Ok(pages)
}

/// The chapters, as mdBook wants them.
///
/// # Errors
/// Which page has no title.
pub fn summary(pages: &[Page]) -> Result<String> {
    let titles: BTreeMap<_, _> = pages.iter().map(|page| (page.path.as_str(), page.text.as_str())).collect();
    let title = |path: &str| {
        let text = titles.get(path).with_context(|| format!("{path} is no page"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("# "));
        line.with_context(|| format!("{path} has no title"))
    };
    let mut summary = String::from("# Summary\n\n[Introduction](index.md)\n[Try it](try.md)\n");
    for line in read(CONTENTS)?.lines() {
        if let Some(heading) = line.strip_prefix("## ").filter(|heading| !heading.ends_with('?')) {
            let _ = writeln!(summary, "\n# {heading}\n");
        }
        if !line.starts_with('|') {
            continue;
        }
        for file in linked_files(CONTENTS, line) {
            let Some(path) = page_of(&file) else { continue };
            let _ = writeln!(summary, "- [{}]({path})", title(&path)?);
            let below = path.strip_suffix("index.md").filter(|below| !below.is_empty());
            for page in pages.iter().filter(|page| page.path != path) {
                if below.is_some_and(|below| page.path.starts_with(below)) {
                    let _ = writeln!(summary, "  - [{}]({})", title(&page.path)?, page.path);
                }
            }
        }
    }
    summary.push_str("\n# Project\n\n");
    for (_, path) in OTHERS.into_iter().skip(2) {
        let _ = writeln!(summary, "- [{}]({path})", title(path)?);
    }
    Ok(summary)
}

/// The Markdown files that are pages, from the root of the repository.
fn files() -> Result<Vec<String>> {
    let mut files: Vec<_> = OTHERS.into_iter().map(|(file, _)| file.to_owned()).collect();
    for file in
        linked_files(CONTENTS, &read(CONTENTS)?).into_iter().chain(linked_files(DECISIONS, &read(DECISIONS)?))
    {
        if page_of(&file).is_some() && !files.contains(&file) {
            files.push(file);
        }
    }
    for entry in fs::read_dir(repository().join("docs"))? {
        let file = format!("docs/{}", entry?.file_name().to_string_lossy());
        if is_markdown(&file) && file != CONTENTS && !files.contains(&file) {
            bail!("{CONTENTS} does not list {file}");
        }
    }
    Ok(files)
}

fn linked_files(from: &str, text: &str) -> Vec<String> {
    links(text).into_iter().filter_map(|link| target(from, &link.to)).map(|(file, _)| file).collect()
}

/// The page that a file becomes.
fn page_of(file: &str) -> Option<String> {
    if let Some((_, path)) = OTHERS.iter().find(|(other, _)| *other == file) {
        return Some((*path).to_owned());
    }
    let path = file.strip_prefix("docs/").filter(|path| is_markdown(path))?;
    Some(match path {
        "README.md" => "index.md".to_owned(),
        "rules.md" => "rules/index.md".to_owned(),
        "providers.md" => "providers/index.md".to_owned(),
        _ => path.replace("README.md", "index.md"),
    })
}

/// A rule's page is named by its id; so are the pages of mutations.
fn pages_of_rules(text: &str) -> Result<Vec<Page>> {
    let mut pages = Vec::new();
    let (head, rest) = text.split_once("\n## ").context("there are rules")?;
    let head = head.split_once("-->\n").map_or(head, |(_, head)| head);
    // the heading of the first group is behind it
    let head = head.split("\n# ").next().unwrap_or(head);
    pages.push(Page { path: "rules/index.md".to_owned(), text: head.to_owned() });
    for entry in rest.split("\n## ") {
        // so is the heading of the next group
        let entry = entry.split("\n# ").next().unwrap_or(entry);
        let id = entry.lines().next().unwrap_or_default();
        pages.push(Page { path: format!("rules/{id}.md"), text: format!("# {entry}\n") });
    }
    for page in &mut pages {
        page.text = rewrite(&page.text, |link| place(RULES, &page.path, link))?;
    }
    Ok(pages)
}

/// Where a link of a file leads to from its page: to a page, to a file beside it, or to the repository.
fn place(file: &str, page: &str, link: &Link) -> Result<String> {
    let Some((to, fragment)) = target(file, &link.to) else { return Ok(link.to.clone()) };
    let up = "../".repeat(page.matches('/').count());
    let mut ids = rules::ALL.into_iter().map(|rule| rule.id).chain(mutation::ALL.iter().map(|doc| doc.id));
    if to == RULES && ids.any(|id| fragment == id) {
        return Ok(format!("{up}rules/{fragment}.md"));
    }
    let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
    if !repository().join(&to).exists() {
        bail!("{file}: the link to {} leads nowhere", link.to);
    }
    Ok(match (page_of(&to), to.strip_prefix("docs/")) {
        (Some(page), _) => format!("{up}{page}{fragment}"),
        (None, Some(path)) if !repository().join(&to).is_dir() => format!("{up}{path}"),
        (None, _) => format!("{FILES}/{to}"),
    })
}

/// The file of the repository that a link leads to, and the fragment; `None` for what is elsewhere.
fn target(from: &str, link: &str) -> Option<(String, String)> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    if path.is_empty() {
        return Some((from.to_owned(), fragment.to_owned()));
    }
    let mut segments: Vec<_> = from.split('/').collect();
    segments.pop();
    for segment in path.split('/') {
        match segment {
            ".." => drop(segments.pop()),
            "" | "." => {}
            _ => segments.push(segment),
        }
    }
    let mut file = segments.join("/");
    if file == "docs/decisions" {
        file.push_str("/README.md");
    }
    Some((file, fragment.to_owned()))
}

fn is_markdown(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension == "md")
}

fn read(file: &str) -> Result<String> {
    fs::read_to_string(repository().join(file)).with_context(|| format!("cannot read {file}"))
}
