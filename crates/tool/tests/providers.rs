//! docs/providers.md is generated from the catalogue.

use modelendpoint::commands::providers::page;

#[test]
fn the_documentation_of_the_providers_is_up_to_date() {
    let made = page();
    let kept = include_str!("../../../docs/providers.md");
    assert!(
        made == kept,
        "docs/providers.md is out of date; make it again: cargo run --package modelendpoint -- providers --format markdown > docs/providers.md"
    );
}
