//! The progress in, a line on a terminal out.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// A line with the progress on a terminal, if the work takes long.
pub(super) struct Progress {
    of_what: &'static str,
    began: Instant,
    is_shown: bool,
}

impl Progress {
    const PATIENCE: Duration = Duration::from_millis(500);
    const WIDTH: usize = 30;

    pub(super) fn of(of_what: &'static str, is_quiet: bool) -> Self {
        Progress { of_what, began: Instant::now(), is_shown: !is_quiet && stderr().is_terminal() }
    }

    pub(super) fn tell(&self, done: usize, all: usize) {
        if self.is_shown && self.began.elapsed() > Self::PATIENCE {
            let filled = Self::WIDTH * done.min(all) / all.max(1);
            let bar = "#".repeat(filled) + &" ".repeat(Self::WIDTH - filled);
            let _ = write!(stderr().lock(), "\r[{bar}] {done}/{all} {}", self.of_what);
        }
    }

    pub(super) fn end(&self) {
        if self.is_shown && self.began.elapsed() > Self::PATIENCE {
            // ANSI: erase the line
            let _ = write!(stderr().lock(), "\r\x1b[2K");
        }
    }
}
