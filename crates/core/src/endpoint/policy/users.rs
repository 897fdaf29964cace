//! Patterns of users flow in; whether one of them matches a user flows out.

use super::BadPattern;

/// The users that compose endpoints if the policy names nobody: all service accounts of Crossplane.
const CROSSPLANE: &str = "system:serviceaccount:crossplane-system:";

/// Who may set the label that marks an endpoint as Modelplane's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterUsers(Option<Vec<UserPattern>>);

/// The name of a user, or its beginning and a `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPattern {
    text: String,
    is_beginning: bool,
}

impl ClusterUsers {
    pub(super) const NONE: ClusterUsers = ClusterUsers(None);

    #[must_use]
    pub(super) fn contain(&self, user: &str) -> bool {
        match &self.0 {
            None => user.starts_with(CROSSPLANE),
            Some(patterns) => patterns.iter().any(|pattern| pattern.matches(user)),
        }
    }

    /// Whole names, and what names begin with.
    #[must_use]
    pub(crate) fn names_and_beginnings(&self) -> (Vec<&str>, Vec<&str>) {
        let Some(patterns) = &self.0 else { return (vec![], vec![CROSSPLANE]) };
        let of = |is_beginning| {
            let patterns = patterns.iter().filter(move |pattern| pattern.is_beginning == is_beginning);
            patterns.map(|pattern| pattern.text.as_str()).collect()
        };
        (of(false), of(true))
    }
}

impl FromIterator<UserPattern> for ClusterUsers {
    fn from_iter<I: IntoIterator<Item = UserPattern>>(patterns: I) -> Self {
        Self(Some(patterns.into_iter().collect()))
    }
}

impl UserPattern {
    /// # Errors
    /// When no user can match it.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let (name, is_beginning) = text.strip_suffix('*').map_or((text, false), |name| (name, true));
        if text.is_empty() || name.contains('*') {
            return Err(BadPattern(format!(
                "no user can match `{text}`: write a name as `system:serviceaccount:<namespace>:<name>`, and `*` at its \
                 end only"
            )));
        }
        Ok(Self { text: name.to_owned(), is_beginning })
    }

    fn matches(&self, user: &str) -> bool {
        if self.is_beginning { user.starts_with(&self.text) } else { user == self.text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossplane_may_set_the_label_until_a_policy_says_who_may() {
        let crossplane = "system:serviceaccount:crossplane-system:provider-kubernetes-1";
        assert!(ClusterUsers::NONE.contain(crossplane));
        assert!(!ClusterUsers::NONE.contain("system:serviceaccount:crossplane-system-2:crossplane"));
        let users: ClusterUsers = ["ada", "system:serviceaccount:ml:*"]
            .map(|text| UserPattern::parse(text).expect("a user"))
            .into_iter()
            .collect();
        for (user, is_one) in [
            ("ada", true),
            ("adam", false),
            ("system:serviceaccount:ml:composer", true),
            ("system:serviceaccount:mlops:composer", false),
            (crossplane, false),
            ("", false),
        ] {
            assert_eq!(users.contain(user), is_one, "{user}");
        }
        for text in ["", "*a", "a*b", "**"] {
            assert!(UserPattern::parse(text).is_err(), "{text}");
        }
    }
}
