//! A text flows in; letters in it that only look like those of another alphabet flow out.

/// Characters that look like a hyphen, but are different to DNS: U+2010 to U+2015, the minus sign, and their
/// variants.
#[must_use]
pub(super) fn is_dash(character: char) -> bool {
    matches!(
        character,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

/// The alphabets that share shapes with the Latin one. Scripts that are written together with it, such as Han, do not
/// count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Latin,
    Cyrillic,
    Greek,
    Armenian,
    Cherokee,
}

/// The first letter of a host that belongs to another alphabet than the rest of its label. Also that of a label in
/// which all letters only look Latin.
#[must_use]
pub(super) fn look_alike(host: &str) -> Option<char> {
    host.split('.').find_map(|label| {
        let foreign =
            label.chars().find(|c| matches!(alphabet(*c), Some(other) if other != Alphabet::Latin))?;
        let own = alphabet(foreign);
        let is_mixed = label.chars().any(|c| alphabet(c).is_some_and(|other| Some(other) != own));
        let is_disguised = label.chars().all(|c| alphabet(c).is_none() || looks_latin(c));
        (is_mixed || is_disguised).then_some(foreign)
    })
}

fn alphabet(character: char) -> Option<Alphabet> {
    if !character.is_alphabetic() {
        return None;
    }
    Some(match character {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{ff21}'..='\u{ff5a}' => {
            Alphabet::Latin
        }
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Alphabet::Greek,
        '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{a640}'..='\u{a69f}' => Alphabet::Cyrillic,
        '\u{530}'..='\u{58f}' => Alphabet::Armenian,
        '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => Alphabet::Cherokee,
        _ => return None,
    })
}

/// Letters of Unicode's confusables with the shape of a small Latin letter.
fn looks_latin(character: char) -> bool {
    "аьсԁеһіјӏорԛѕԝхуғԍαεικνορτυχγϲϳյոօսզհցքлмтнкв".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_of_another_alphabet_is_found_where_it_does_not_belong() {
        for (host, letter) in [
            ("\u{430}pi.openai.com", Some('\u{430}')),
            ("api.\u{43e}penai.com", Some('\u{43e}')),
            ("\u{430}\u{440}\u{440}\u{04cf}\u{435}.com", Some('\u{430}')),
            ("\u{3bf}\u{3c1}.com", Some('\u{3bf}')),
            ("b\u{fc}cher.example", None),
            ("\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.example", None),
            ("\u{4e2d}\u{6587}ai.example", None),
            ("api.example.com", None),
        ] {
            assert_eq!(look_alike(host), letter, "{host}");
        }
    }
}
