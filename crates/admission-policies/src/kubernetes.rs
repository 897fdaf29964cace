//! Minor versions of Kubernetes, and what they serve.

use std::fmt::{self, Display};
use std::str::FromStr;

/// `1.37`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(u16);

impl Minor {
    /// The oldest one that the product supports. It has all that the validating policies use.
    pub const OLDEST: Minor = Minor(34);
    /// The newest one that the tests run on.
    pub const NEWEST: Minor = Minor(37);

    /// MutatingAdmissionPolicy is v1 since 1.36. In 1.34 and 1.35 it is v1beta1, behind a feature gate and a flag.
    #[must_use]
    pub(crate) fn serves_mutating_policies(self) -> bool {
        self >= Minor(36)
    }
}

impl FromStr for Minor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let version = text.strip_prefix('v').unwrap_or(text);
        let mut parts = version.split('.');
        let minor = match (parts.next(), parts.next().map(str::parse)) {
            (Some("1"), Some(Ok(minor))) => Minor(minor),
            _ => return Err(format!("write a minor version of Kubernetes, such as `{}`", Minor::NEWEST)),
        };
        if minor < Minor::OLDEST {
            return Err(format!("the oldest version of Kubernetes that is supported is {}", Minor::OLDEST));
        }
        Ok(minor)
    }
}

impl Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_version_is_read_with_or_without_what_stands_around_it() {
        assert_eq!(
            ["1.34", "v1.37", "v1.36.2", "1.40"].map(str::parse),
            [Ok(Minor(34)), Ok(Minor(37)), Ok(Minor(36)), Ok(Minor(40))]
        );
    }

    #[test]
    fn what_is_no_version_or_too_old_is_refused_in_words() {
        for text in ["", "34", "2.1", "1.x", "1"] {
            assert_eq!(
                text.parse::<Minor>(),
                Err("write a minor version of Kubernetes, such as `1.37`".to_owned())
            );
        }
        let too_old = "the oldest version of Kubernetes that is supported is 1.34".to_owned();
        assert_eq!("1.33".parse::<Minor>(), Err(too_old));
    }
}
