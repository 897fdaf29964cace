//! A source in, the name of its file as a patch has it out.

use std::env;
use std::fmt::Write;
use std::fs;

use super::sources::Source;
use modelendpoint_core::endpoint::quote::is_invisible;

/// A file as a patch names it.
pub(super) struct Named {
    path: String,
    /// Whether it is not below the working directory, so that its name is that below the root.
    pub(super) is_outside: bool,
}

impl Named {
    /// The file itself, where a link leads to it: no patch is applied to a link.
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

    /// As git writes it below `a` or `b`: with a tab behind it where there is a space in it, and like a string in C
    /// where there is something in it that could not be seen.
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
