//! Log lines out, to stderr, as text or JSON.

use std::io::stderr;
use std::panic;

use tracing::error;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::LevelFilter;

use crate::cli::{LogFormat, LogLevel};

/// Lines that wait for stderr. When it is stuck, more are dropped: a log must not stop the server.
const WAITING_LINES: usize = 8192;

/// Logs until the guard is dropped, which writes out what waits.
pub fn start(format: LogFormat, level: LogLevel) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).finish(stderr());
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
    guard
}
