//! The current content of files in; new content, or why it can't be used, out.
//!
//! A failure is reported only if a second look finds it again. Otherwise, the files were just being replaced.

use std::fmt::Display;

/// Files that may change while their content is in use. Content that can't be used never replaces content that can.
#[derive(Debug)]
pub struct Followed<Content> {
    content: Content,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    why: String,
    is_told: bool,
}

/// The result of a look at the files.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Look<New> {
    /// The content has not changed.
    Same,
    /// New content is in use from now on.
    New(New),
    /// The previous content stays in use, for this reason. It is reported once.
    Refused(String),
    /// The previous content stays in use. The reason was already reported, or is reported at the next look.
    Pending,
}

impl<Content: PartialEq> Followed<Content> {
    /// Files whose content is in use.
    pub fn new(content: Content) -> Self {
        Followed { content, failure: None }
    }

    /// Takes the current content of the files, and a function that puts new content into use. Errors are shown with
    /// `{:#}`, so that an `anyhow::Error` shows its causes.
    pub fn look<New, Unread: Display, Unusable: Display>(
        &mut self,
        found: Result<Content, Unread>,
        adopt: impl FnOnce(&Content) -> Result<New, Unusable>,
    ) -> Look<New> {
        let content = match found {
            Ok(content) => content,
            Err(why) => return self.failed(format!("{why:#}")),
        };
        if content == self.content {
            self.failure = None;
            return Look::Same;
        }
        match adopt(&content) {
            Ok(new) => {
                *self = Followed::new(content);
                Look::New(new)
            }
            Err(why) => self.failed(format!("{why:#}")),
        }
    }

    fn failed<New>(&mut self, why: String) -> Look<New> {
        match &mut self.failure {
            Some(failure) if failure.why == why => {
                if failure.is_told {
                    return Look::Pending;
                }
                failure.is_told = true;
                Look::Refused(why)
            }
            _ => {
                self.failure = Some(Failure { why, is_told: false });
                Look::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_once_when_it_is_seen_again() {
        let mut number = Followed::new("1");
        let mut look = |found: Result<&'static str, &str>| number.look(found, |text| text.parse::<u8>());
        let no_digit = || Look::Refused("invalid digit found in string".to_owned());
        for (found, expected) in [
            (Ok("1"), Look::Same),
            (Ok("2"), Look::New(2)),
            (Ok("x"), Look::Pending),
            (Ok("3"), Look::New(3)),
            (Ok("x"), Look::Pending),
            (Ok("y"), no_digit()),
            (Ok("y"), Look::Pending),
            (Err("away"), Look::Pending),
            (Err("away"), Look::Refused("away".to_owned())),
            (Ok("3"), Look::Same),
            (Err("away"), Look::Pending),
            (Err("away"), Look::Refused("away".to_owned())),
            (Ok("4"), Look::New(4)),
        ] {
            assert_eq!(look(found), expected, "{found:?}");
        }
    }
}
