//! Log lines out, to stderr, as text or JSON.
//!
//! No text in a line can control a terminal or hide from a reader, whoever wrote it: see `Gathered`. [`quota`] limits the
//! lines of each kind.

pub(crate) mod quota;

use std::io::{self, BufWriter, Write, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{panic, thread};

use tracing::{Metadata, error};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::{LogFormat, LogLevel};
use modelendpoint_core::endpoint::quote::{Seen, is_invisible};
use quota::LineKind;

/// The most lines that wait for stderr. If stderr is stuck, further lines are dropped: the log must not stop the server.
const WAITING_LINES: usize = 8192;

/// The most bytes that are written at once, so that lines of several writers to one pipe stay whole (`PIPE_BUF`).
const WRITTEN_AT_ONCE: usize = 4096;

/// How long to gather lines after a write.
const PAUSE: Duration = Duration::from_millis(5);

/// Lines that were dropped because too many waited.
#[derive(Debug, Clone, Default)]
pub struct Dropped(Option<ErrorCounter>);

impl Dropped {
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.0.as_ref().map_or(0, |counter| counter.dropped_lines() as u64)
    }
}

/// Writes the lines that wait when its last clone is dropped, or earlier.
#[derive(Debug, Clone)]
pub struct Log(Arc<Mutex<Option<WorkerGuard>>>);

impl Log {
    /// Writes the lines that wait, for a bounded time. Later lines are lost.
    pub fn finish(&self) {
        quota::tell();
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(guard);
    }
}

/// Logs from now on.
#[must_use]
pub fn start(format: LogFormat, level: LogLevel) -> (Log, Dropped) {
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(WAITING_LINES)
        .finish(Gathered(BufWriter::with_capacity(WRITTEN_AT_ONCE, stderr())));
    let dropped = Dropped(Some(writer.error_counter()));
    let lines = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_max_level(match level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        })
        .with_target(false)
        .with_ansi(false);
    match format {
        LogFormat::Text => lines.finish().with(filter_fn(keeps_secrets)).init(),
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(false);
            lines.finish().with(filter_fn(keeps_secrets)).init();
        }
    }
    panic::set_hook(Box::new(|panic| {
        // Only the location: the message of a panic may quote a url with a password.
        let place = panic.location().map(ToString::to_string);
        LineKind::Panic.line(|| error!(place, "panic"));
    }));
    (Log(Arc::new(Mutex::new(Some(guard)))), dropped)
}

/// kube's client quotes whole answers that it can't read, and one of them contains the private keys of
/// `--managed-certs`. The callers log failures themselves.
fn keeps_secrets(line: &Metadata<'_>) -> bool {
    !line.target().starts_with("kube_client")
}

/// Writes many lines together. The first one is written at once, followed by a [`PAUSE`]: waking the writing thread and
/// calling the system for each line would be a fifth of what a denial costs.
///
/// Lines contain values that clients wrote. Both formats escape most control characters. This replaces the others, and
/// invisible characters and those that change the direction of the text, with their code points, as in messages to users.
struct Gathered<W: Write>(BufWriter<W>);

impl<W: Write> Write for Gathered<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match escaped(line) {
            None => self.0.write_all(line)?,
            Some(escaped) => self.0.write_all(escaped.as_bytes())?,
        }
        Ok(line.len())
    }

    /// Called when no other line waits.
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        thread::sleep(PAUSE);
        Ok(())
    }
}

/// The line with its characters escaped, or `None` if there is nothing to escape.
fn escaped(line: &[u8]) -> Option<String> {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    if text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return None;
    }
    let text = String::from_utf8_lossy(text);
    text.contains(is_invisible).then(|| format!("{}\n", Seen(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_or_hides_is_its_code_point() {
        for (line, expected) in [
            ("all \"fine\"\n", None),
            ("Zürich 東京\n", None),
            ("a\u{202e}b\u{200b}\n", Some("a<U+202E>b<U+200B>\n")),
            ("two\nlines\u{1b}[2K\n", Some("two<U+000A>lines<U+001B>[2K\n")),
            ("\u{e0041}\u{2028}\u{85}\n", Some("<U+E0041><U+2028><U+0085>\n")),
        ] {
            assert_eq!(escaped(line.as_bytes()).as_deref(), expected, "{line:?}");
        }
    }
}
