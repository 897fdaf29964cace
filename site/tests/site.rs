//! The site is built from what the repository holds now.

use std::fs;

use modelendpoint_core::endpoint::mutation;
use modelendpoint_core::endpoint::rules;
use site::{book, diagram, links};

#[test]
fn every_rule_has_its_page_and_no_link_is_dead() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    book::build(folder.path()).expect("the site builds");
    for id in
        rules::ALL.into_iter().map(|rule| rule.id).chain(mutation::ALL.iter().map(|mutation| mutation.id))
    {
        let page = fs::read_to_string(folder.path().join(format!("rules/{id}.html")));
        let title = format!("<h1 id=\"{id}\">");
        assert!(page.is_ok_and(|page| page.contains(&title)), "{id}");
    }
    assert_eq!(links::dead_links(folder.path()).expect("HTML"), Vec::<String>::new());
}

#[test]
fn the_diagram_shows_the_crates_as_they_are() {
    let kept = fs::read_to_string(diagram::file()).expect("the diagram");
    let made = diagram::svg().expect("a diagram");
    assert!(kept == made, "the crates changed; draw them again: cargo run --package site -- diagram");
}
