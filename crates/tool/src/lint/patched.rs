//! A source in, the name of its file in a patch out.

use std::env;
use std::fmt::Write;
use std::fs;

use super::sources::Source;
use modelendpoint_core::endpoint::quote::is_invisible;

/// The name of a file in a patch.
pub(super) struct Named {
    path: String,
    /// Whether it is outside of the working directory, so that its name is relative to the root.
    pub(super) is_outside: bool,
}

impl Named {
    /// If the path is a link, the file that it leads to, because a patch can't be applied to a link.
    pub(super) fn of(source: &Source) -> Self {
        let file = match source {
            Source::File(path, _) => fs::canonicalize(path).ok(),
            Source::StandardInput | Source::Cluster(_) => None,
        };
        let Some(file) = file else {
            return Named { path: source.name().trim_start_matches('/').to_owned(), is_outside: false };
        };
        let directory = env::current_dir().and_then(fs::canonicalize).unwrap_or_default();
        let below = file.strip_prefix(&directory).ok().filter(|_| directory.is_absolute());
        let path = below.or_else(|| file.strip_prefix("/").ok()).unwrap_or(&file);
        Named { path: path.display().to_string(), is_outside: below.is_none() }
    }

    /// The name as Git writes it below `a` or `b`: with a tab after it if it contains a space, and as a C string if
    /// it contains invisible characters.
    pub(super) fn below(&self, side: char) -> String {
        let name = &self.path;
        if !name.contains(|character| is_invisible(character) || matches!(character, '"' | '\\')) {
            let end = if name.contains(' ') { "\t" } else { "" };
            return format!("{side}/{name}{end}");
        }
        let mut quoted = format!("\"{side}/");
        for character in name.chars() {
            if is_invisible(character) {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(quoted, "\\{byte:03o}");
                }
            } else {
                quoted.extend(matches!(character, '"' | '\\').then_some('\\'));
                quoted.push(character);
            }
        }
        quoted + "\""
    }
}
