//! A piece of text that somebody wrote flows in; what a message may repeat of it flows out.

use std::fmt::{self, Display, Write};

/// The longest piece that a message repeats, in bytes. The API server may truncate a warning at 256.
const LONGEST: usize = 60;

/// A value in backticks. Control and invisible characters appear as code points, and the end of a long value is cut
/// off.
pub struct Quoted<'a>(pub &'a str);

/// The same as [`Quoted`], but the beginning of a long value is cut off instead of its end.
pub struct QuotedEnd<'a>(pub &'a str);

/// Text as it is, except that control and invisible characters appear as code points.
pub struct Seen<'a>(pub &'a str);

/// A character by its name: `a space (U+0020)`, `U+200B`, `` `\` ``.
pub struct Named(pub char);

/// Several characters by their names.
pub struct NamedList<'a>(pub &'a [char]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.ceil_char_boundary(LONGEST);
        f.write_char('`')?;
        Seen(&self.0[..end]).fmt(f)?;
        f.write_str(if end == self.0.len() { "`" } else { "…`" })
    }
}

impl Display for QuotedEnd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.0.ceil_char_boundary(self.0.len().saturating_sub(LONGEST));
        f.write_str(if from == 0 { "`" } else { "`…" })?;
        Seen(&self.0[from..]).fmt(f)?;
        f.write_char('`')
    }
}

impl Display for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_invisible(character) {
                write!(f, "<U+{:04X}>", u32::from(character))?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
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
        /// The most characters that a message names. More would only bury the message.
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

/// U+FFFE, U+FFFF and the other code points that will never be characters (Unicode, section 23.7).
fn is_noncharacter(character: char) -> bool {
    matches!(character, '\u{fdd0}'..='\u{fdef}') || u32::from(character) & 0xfffe == 0xfffe
}

/// Characters that have no shape, or that change how the text around them is shown: all characters of Unicode's
/// categories for controls, formats, separators (except for the space), private use and unassigned code points, and
/// the letters and marks that are invisible (`Default_Ignorable_Code_Point`).
#[must_use]
pub fn is_invisible(character: char) -> bool {
    is_unprintable(character)
        || matches!(character,
            '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
}

/// The categories Cc, Cf, Cn, Co, Cs, Zl, Zp and Zs, except for the space. The standard library has a table of them,
/// and writes them as code points when it quotes a string. It writes a mark so only at the beginning of a string.
fn is_unprintable(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    let mut bytes = [b'x'; 5];
    let length = 1 + character.encode_utf8(&mut bytes[1..]).len();
    str::from_utf8(&bytes[..length]).is_ok_and(|text| text.escape_debug().nth(1) == Some('\\'))
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
    fn what_hides_or_turns_text_around_is_invisible_and_what_people_write_is_not() {
        let hidden = "\0\u{7}\u{1b}\u{7f}\u{85}\u{a0}\u{ad}\u{34f}\u{600}\u{61c}\u{70f}\u{115f}\u{1680}\u{17b4}\
                      \u{180e}\u{200b}\u{200d}\u{200e}\u{2028}\u{2029}\u{202e}\u{2060}\u{2066}\u{2069}\u{206a}\
                      \u{3000}\u{3164}\u{d7ff}\u{e000}\u{fdd0}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{ffff}\u{110bd}\
                      \u{13430}\u{1bca0}\u{1d173}\u{e0001}\u{e0041}\u{e01ef}\u{f0000}\u{10ffff}";
        assert_eq!(hidden.chars().find(|character| !is_invisible(*character)), None);
        let seen = " azAZ09~`'\"\\äßéñ e\u{301} Ω Ж א ب ण ก 東 京 한 ± € 😀 \u{fffd}";
        assert_eq!(seen.chars().find(|character| is_invisible(*character)), None);
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
