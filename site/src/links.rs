//! Markdown in, its links out; a folder of HTML in, its dead links out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pulldown_cmark::{Event, Options, Parser, Tag};
use scraper::{Html, Selector};

/// A link or a picture in Markdown.
#[derive(Debug)]
pub struct Link {
    pub to: String,
    /// Where the address is written, in bytes.
    at: Range<usize>,
}

/// The links and pictures of a text, from top to bottom.
#[must_use]
pub fn links(text: &str) -> Vec<Link> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
        .into_offset_iter()
        .filter_map(|(event, range)| {
            let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event else {
                return None;
            };
            let at = range.start + text[range.clone()].rfind(&*dest_url)?;
            Some(Link { at: at..at + dest_url.len(), to: dest_url.into_string() })
        })
        .collect()
}

/// The text with other addresses.
///
/// # Errors
/// The first one of `to`.
pub fn rewrite(text: &str, to: impl Fn(&Link) -> Result<String>) -> Result<String> {
    let mut links = links(text);
    links.sort_by_key(|link| link.at.start);
    let (mut rewritten, mut next) = (String::with_capacity(text.len()), 0);
    for link in &links {
        rewritten.push_str(text.get(next..link.at.start).unwrap_or_default());
        rewritten.push_str(&to(link)?);
        next = link.at.end;
    }
    rewritten.push_str(&text[next..]);
    Ok(rewritten)
}

/// Every link in the HTML below a folder that leads to no file or to no element, as `page: address`.
///
/// # Errors
/// When a file can't be read.
pub fn dead_links(folder: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    for path in files(folder)? {
        let is_html = path.extension().is_some_and(|extension| extension == "html");
        let html = if is_html { fs::read_to_string(&path)? } else { String::new() };
        pages.insert(path, Seen::of(&html));
    }
    let mut dead = Vec::new();
    for (page, seen) in &pages {
        for link in &seen.links {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { resolve(page, path) };
            // the page to try the webhook reads its fragment as what to try
            let is_free = fragment.is_empty() || target.ends_with("try.html");
            let is_there = pages.get(&target).is_some_and(|target| is_free || target.ids.contains(fragment));
            if !is_there {
                dead.push(format!("{}: {link}", page.strip_prefix(folder).unwrap_or(page).display()));
            }
        }
    }
    Ok(dead)
}

/// What the link check needs of a page.
struct Seen {
    ids: BTreeSet<String>,
    /// Those to the site itself.
    links: BTreeSet<String>,
}

impl Seen {
    fn of(html: &str) -> Self {
        let document = Html::parse_document(html);
        let all = |selector, attribute| {
            let selector = Selector::parse(selector).expect("a selector");
            let elements = document.select(&selector).collect::<Vec<_>>();
            elements
                .into_iter()
                .filter_map(move |element| element.attr(attribute))
                .map(ToOwned::to_owned)
                .collect::<Vec<_>>()
        };
        let links =
            [("a[href]", "href"), ("link[href]", "href"), ("img[src]", "src"), ("script[src]", "src")];
        let is_own =
            |link: &String| !link.contains("://") && !link.starts_with("mailto:") && !link.starts_with('/');
        Seen {
            ids: all("[id]", "id").into_iter().collect(),
            links: links
                .into_iter()
                .flat_map(|(selector, attribute)| all(selector, attribute))
                .filter(is_own)
                .collect(),
        }
    }
}

fn resolve(page: &Path, link: &str) -> PathBuf {
    let mut path = page.parent().unwrap_or(Path::new("")).to_owned();
    for segment in link.split('/') {
        match segment {
            ".." => drop(path.pop()),
            "" | "." => {}
            _ => path.push(segment),
        }
    }
    if link.ends_with('/') { path.join("index.html") } else { path }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { files.extend(self::files(&path)?) } else { files.push(path) }
    }
    Ok(files)
}
