//! Commands and their output in, a picture of the terminal out.
//!
//! Pictures are in docs/pictures. A test runs the commands and compares the result. With `UPDATE_PICTURES=1` in its
//! environment, it writes the picture instead.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anstyle::{Color, RgbColor};
use anstyle_svg::{Term, WIN10_CONSOLE};

/// What was typed and printed so far, with ANSI's escape sequences.
#[derive(Debug, Default)]
pub struct Session(String);

/// The columns of the terminal.
const COLUMNS: usize = 100;
const FOREGROUND: Color = Color::Rgb(RgbColor(0xdc, 0xdf, 0xe4));
const BACKGROUND: Color = Color::Rgb(RgbColor(0x1e, 0x21, 0x27));
const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/pictures");

impl Session {
    pub fn typed(&mut self, command: &str) {
        let _ = writeln!(self.0, "\x1b[1;32m$\x1b[0m \x1b[1m{command}\x1b[0m");
    }

    pub fn printed(&mut self, text: &str) {
        for line in text.lines() {
            let _ = writeln!(self.0, "{}", wrapped(line));
        }
    }

    /// Compares the picture with this file name with the session.
    pub fn must_be(&self, name: &str) {
        let path = Path::new(PICTURES).join(name);
        // The renderer does not count a final line break in the height of the picture.
        let terminal = Term::new().palette(WIN10_CONSOLE).fg_color(FOREGROUND).bg_color(BACKGROUND);
        let svg = terminal.render_svg(self.0.trim_end()) + "\n";
        if env::var_os("UPDATE_PICTURES").is_some() {
            fs::write(&path, svg).expect("the picture can be written");
            return;
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == svg, "docs/pictures/{name} is out of date; run this test with UPDATE_PICTURES=1");
    }
}

/// Breaks a line at spaces before the terminal's edge, so that words stay whole.
fn wrapped(line: &str) -> String {
    let (mut wrapped, mut column) = (String::with_capacity(line.len()), 0);
    for word in line.split_inclusive(' ') {
        let width = width(word);
        if column > 0 && column + width > COLUMNS {
            wrapped.push('\n');
            column = 0;
        }
        wrapped.push_str(word);
        column += width;
    }
    wrapped
}

/// The characters of a word, without the sequences that colour it.
fn width(word: &str) -> usize {
    let pieces = word.split("\x1b[").enumerate();
    let shown = pieces
        .map(|(at, piece)| if at == 0 { piece } else { piece.split_once('m').map_or("", |(_, text)| text) });
    shown.map(|piece| piece.chars().count()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_colours_take_no_room() {
        let red = "\x1b[31mred\x1b[0m";
        assert_eq!(width(red), 3);
        let long = "x".repeat(COLUMNS - 5);
        assert_eq!(wrapped(&format!("{long} {red} end")), format!("{long} {red} \nend"));
    }
}
