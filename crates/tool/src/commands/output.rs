//! The output of a command in; the streams of the process, or a file, out.

use std::fs;
use std::io::{self, ErrorKind, Write, stderr, stdout};
use std::path::Path;

use anstream::AutoStream;
use anstream::stream::RawStream;
use anyhow::Context;
use clap::ColorChoice;

use crate::lint::format::text::Style;
use crate::lint::run::Report;
use crate::lint::sources::Unreadable;
use modelendpoint_core::endpoint::quote::Seen;

/// Writes to a file, or to standard output.
///
/// # Errors
/// If that is not possible. A reader that closes the pipe early, such as `head`, is not an error.
pub(super) fn write(text: &str, file: Option<&Path>) -> anyhow::Result<()> {
    match file {
        Some(file) => fs::write(file, text)
            .with_context(|| format!("cannot write --output {}", Seen(&file.display().to_string()))),
        None => print(text),
    }
}

/// Writes to standard output.
///
/// # Errors
/// As [`write()`].
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
        .context("cannot write to standard output")
}

/// Writes to standard error, if somebody reads it.
pub(super) fn tell(text: &str) {
    let _ = stderr().lock().write_all(text.as_bytes());
}

/// Reports what could not be read or written.
pub(super) fn tell_errors(report: &Report) {
    for Unreadable(why) in &report.unreadable {
        tell(&format!("error: {}\n", Seen(why)));
    }
}

/// Prints a note for people.
pub(super) fn tell_notes(notes: &[String]) {
    for note in notes {
        tell(&format!("note: {}\n", Seen(note)));
    }
}

fn unless_closed(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

/// Whether text on a stream has colours. `auto` depends on the stream, <https://no-color.org> and
/// <https://bixense.com/clicolors>.
pub(super) fn style(wanted: ColorChoice, stream: &impl RawStream) -> Style {
    let is_coloured = match wanted {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => AutoStream::choice(stream) != anstream::ColorChoice::Never,
    };
    if is_coloured { Style::Coloured } else { Style::Plain }
}
