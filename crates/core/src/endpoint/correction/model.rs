//! The model's name that was probably meant.

use super::{LONGEST, suggestion};
use crate::endpoint::placeholder;
use crate::endpoint::rewrite_path::is_unseen;
use crate::endpoint::rules::Suggestion;

/// The name without white space around it, which YAML's block scalars add.
#[must_use]
pub(super) fn correct_model(text: &str) -> Option<Suggestion> {
    if text.len() > 2 * LONGEST || placeholder::find(text).is_some() {
        return None;
    }
    let name = text.trim_matches(is_unseen).to_owned();
    suggestion(name.clone(), text, &name)
}
