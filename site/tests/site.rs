//! The site is built from what the repository holds now.

use std::fs;

use modelendpoint_core::endpoint::mutation;
use modelendpoint_core::endpoint::providers::{self, Provider};
use modelendpoint_core::endpoint::rules;
use site::{book, diagram, links};

#[test]
fn every_rule_and_every_provider_has_its_page_and_no_link_is_dead() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    book::build(folder.path()).expect("the site builds");
    for id in
        rules::ALL.into_iter().map(|rule| rule.id).chain(mutation::ALL.iter().map(|mutation| mutation.id))
    {
        let page = fs::read_to_string(folder.path().join(format!("rules/{id}.html")));
        let title = format!("<h1 id=\"{id}\">");
        assert!(page.is_ok_and(|page| page.contains(&title)), "{id}");
    }
    let list = fs::read_to_string(folder.path().join("providers/index.html")).expect("the list of providers");
    for slug in providers::all().iter().map(Provider::slug) {
        assert!(folder.path().join(format!("providers/{slug}.html")).exists(), "{slug}");
        assert!(list.contains(&format!("<a href=\"{slug}.html\">")), "{slug}");
    }
    let rule = fs::read_to_string(folder.path().join("rules/url-provider.html")).expect("the rule's page");
    assert!(rule.contains("href=\"../providers/index.html\""), "url-provider does not link to the providers");
    assert_eq!(links::dead_links(folder.path()).expect("HTML"), Vec::<String>::new());
}

#[test]
fn the_diagram_shows_the_crates_as_they_are() {
    let kept = fs::read_to_string(diagram::file()).expect("the diagram");
    let made = diagram::svg().expect("a diagram");
    assert!(kept == made, "the crates changed; draw them again: cargo run --package site -- diagram");
}
