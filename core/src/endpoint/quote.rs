//! A piece of what somebody wrote flows in, what a message may repeat of it flows out.

use std::fmt::{self, Display, Write};

/// Longest piece that a message repeats, in bytes: the API server may cut a warning at 256.
const LONGEST: usize = 60;

/// A value in backticks: control and invisible characters by their code point, the tail of a long one
/// cut off.
pub struct Quoted<'a>(pub &'a str);

/// A value in backticks as [`Quoted`], but where it is long, its head is cut off and its end remains.
pub struct QuotedEnd<'a>(pub &'a str);

/// A character by its name: `a space (U+0020)`, `U+200B`, `` `\` ``.
pub struct Named(pub char);

/// Several characters by their names.
pub struct NamedList<'a>(pub &'a [char]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.ceil_char_boundary(LONGEST);
        f.write_char('`')?;
        write_seen(&self.0[..end], f)?;
        f.write_str(if end == self.0.len() { "`" } else { "…`" })
    }
}

impl Display for QuotedEnd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.0.ceil_char_boundary(self.0.len().saturating_sub(LONGEST));
        f.write_str(if from == 0 { "`" } else { "`…" })?;
        write_seen(&self.0[from..], f)?;
        f.write_char('`')
    }
}

fn write_seen(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for character in text.chars() {
        if is_invisible(character) {
            write!(f, "<U+{:04X}>", u32::from(character))?;
        } else {
            f.write_char(character)?;
        }
    }
    Ok(())
}

impl Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Named(character) = *self;
        let name = match character {
            ' ' => "a space",
            '\t' => "a tab",
            '\n' => "a line break",
            '\r' => "a carriage return",
            '\\' => "a backslash",
            '\0' => "a null character",
            '\u{a0}' => "a no-break space",
            '\u{200b}' => "a zero-width space",
            '\u{feff}' => "a byte order mark",
            _ if character.is_control() => "a control character",
            _ if is_noncharacter(character) => "a noncharacter",
            _ if is_invisible(character) => "an invisible character",
            _ => return write!(f, "`{character}`"),
        };
        write!(f, "{name} (U+{:04X})", u32::from(character))
    }
}

impl Display for NamedList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More than these would only bury the message.
        const MOST: usize = 4;
        for (index, character) in self.0.iter().take(MOST).enumerate() {
            let more = index + 1 < self.0.len().min(MOST) || self.0.len() > MOST;
            let before = match index {
                0 => "",
                _ if more => ", ",
                _ => " and ",
            };
            write!(f, "{before}{}", Named(*character))?;
        }
        if self.0.len() > MOST {
            write!(f, " and {} more", self.0.len() - MOST)?;
        }
        Ok(())
    }
}

/// U+FFFE, U+FFFF and their like, which will never be characters (Unicode, section 23.7).
fn is_noncharacter(character: char) -> bool {
    matches!(character, '\u{fdd0}'..='\u{fdef}') || u32::from(character) & 0xfffe == 0xfffe
}

/// Control characters, noncharacters, white space other than the space, and what leaves nothing to see: the
/// format characters (Unicode `Default_Ignorable_Code_Point` and the bidirectional controls).
#[must_use]
pub fn is_invisible(character: char) -> bool {
    character.is_control()
        || is_noncharacter(character)
        || (character.is_whitespace() && character != ' ')
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_named() {
        assert_eq!(Quoted("/a\n\u{200b}b/").to_string(), "`/a<U+000A><U+200B>b/`");
        assert_eq!(Quoted(&"é".repeat(31)).to_string(), format!("`{}…`", "é".repeat(30)));
        assert_eq!(Quoted(&"é".repeat(30)).to_string(), format!("`{}`", "é".repeat(30)));
        assert_eq!(Quoted("a b").to_string(), "`a b`");
    }

    #[test]
    fn the_end_of_a_long_value_remains_where_that_is_what_matters() {
        assert_eq!(QuotedEnd("/a\u{200b}b/").to_string(), "`/a<U+200B>b/`");
        assert_eq!(QuotedEnd(&"é".repeat(30)).to_string(), format!("`{}`", "é".repeat(30)));
        assert_eq!(QuotedEnd(&"é".repeat(31)).to_string(), format!("`…{}`", "é".repeat(30)));
        assert_eq!(QuotedEnd(&format!("{}/", "é".repeat(30))).to_string(), format!("`…{}/`", "é".repeat(29)));
    }

    #[test]
    fn a_character_has_a_name_if_it_cannot_be_seen_or_is_easily_taken_for_another() {
        for (character, name) in [
            (' ', "a space (U+0020)"),
            ('\t', "a tab (U+0009)"),
            ('\n', "a line break (U+000A)"),
            ('\r', "a carriage return (U+000D)"),
            ('\\', "a backslash (U+005C)"),
            ('\0', "a null character (U+0000)"),
            ('\u{a0}', "a no-break space (U+00A0)"),
            ('\u{200b}', "a zero-width space (U+200B)"),
            ('\u{feff}', "a byte order mark (U+FEFF)"),
            ('\u{7}', "a control character (U+0007)"),
            ('\u{2003}', "an invisible character (U+2003)"),
            ('\u{202e}', "an invisible character (U+202E)"),
            ('\u{fffe}', "a noncharacter (U+FFFE)"),
            ('\u{10ffff}', "a noncharacter (U+10FFFF)"),
            ('\u{fdd0}', "a noncharacter (U+FDD0)"),
            ('\u{fffd}', "`\u{fffd}`"),
            ('ü', "`ü`"),
            ('|', "`|`"),
        ] {
            assert_eq!(Named(character).to_string(), name);
        }
    }

    #[test]
    fn a_list_of_characters_reads_as_a_sentence() {
        assert_eq!(NamedList(&[' ']).to_string(), "a space (U+0020)");
        assert_eq!(NamedList(&[' ', '|']).to_string(), "a space (U+0020) and `|`");
        assert_eq!(NamedList(&['^', '|', '"']).to_string(), "`^`, `|` and `\"`");
        assert_eq!(NamedList(&['a', 'b', 'c', 'd']).to_string(), "`a`, `b`, `c` and `d`");
        assert_eq!(NamedList(&['a', 'b', 'c', 'd', 'e', 'f']).to_string(), "`a`, `b`, `c`, `d` and 2 more");
    }
}
