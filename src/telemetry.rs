//! Log lines out, to stderr, as text or JSON.

use std::io::{self, BufWriter, Write, stderr};
use std::time::Duration;
use std::{panic, thread};

use tracing::error;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::LevelFilter;

use crate::cli::{LogFormat, LogLevel};

/// Lines that wait for stderr. When it is stuck, more are dropped: a log must not stop the server.
const WAITING_LINES: usize = 8192;

/// Most bytes that are written at once, so that lines of several writers to one pipe stay whole (`PIPE_BUF`).
const WRITTEN_AT_ONCE: usize = 4096;

/// How long lines gather after some were written.
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

/// Logs until the guard is dropped, which writes out what waits.
pub fn start(format: LogFormat, level: LogLevel) -> (WorkerGuard, Dropped) {
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
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).init(),
    }
    panic::set_hook(Box::new(|panic| {
        // Only where: what a panic says may quote a url, and that may hold a password.
        let place = panic.location().map(ToString::to_string);
        error!(place, "panic");
    }));
    (guard, dropped)
}

/// Lines that are written together when many come. The first one goes out at once, and then there is a
/// [`PAUSE`]: to wake the writing thread up and to call the system for each line would be a fifth of what a
/// denial costs.
struct Gathered<W: Write>(BufWriter<W>);

impl<W: Write> Write for Gathered<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line)
    }

    /// Called when no more lines wait.
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        thread::sleep(PAUSE);
        Ok(())
    }
}
