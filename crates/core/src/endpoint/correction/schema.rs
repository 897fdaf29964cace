//! The schema that was probably meant.

use super::{suggestion, unwrapped};
use crate::endpoint::providers::Schema;
use crate::endpoint::rules::Suggestion;

/// One of the two names, spelled as the resource does.
#[must_use]
pub(super) fn correct_schema(text: &str) -> Option<Suggestion> {
    let bare = unwrapped(text, "schema");
    let plain = |text: &str| text.replace(['-', '_', ' '], "").to_ascii_lowercase();
    let meant = Schema::ALL.into_iter().find(|schema| plain(schema.name()) == plain(&bare))?;
    suggestion(meant.name().to_owned(), text, meant.name())
}
