//! docs/rules.md is generated from the catalogue.

use modelendpoint::cli::RulesFormat;
use modelendpoint::commands::rules::catalogue;

#[test]
fn the_documentation_of_the_rules_is_up_to_date() {
    let made = catalogue(RulesFormat::Markdown);
    let kept = include_str!("../../../docs/rules.md");
    assert!(
        made == kept,
        "docs/rules.md is out of date; make it again: cargo run --package modelendpoint -- rules --format markdown > docs/rules.md"
    );
}
