//! From `go.mod` to the versions that are written there, and only there.

/// The module file that decides what is built.
pub(crate) const GO_MOD: &str = include_str!("../go.mod");

/// The version of Kubernetes that `go.mod` requires, such as `v1.37.2`.
///
/// # Panics
/// If `go.mod` doesn't require `k8s.io/kubernetes`.
#[must_use]
pub fn kubernetes_version() -> &'static str {
    required(GO_MOD, "k8s.io/kubernetes").expect("go.mod requires k8s.io/kubernetes")
}

/// The oldest Go that can build it, such as `1.26.0`.
pub(crate) fn go_version() -> &'static str {
    GO_MOD.lines().find_map(|line| line.strip_prefix("go ")).expect("go.mod names a version of Go")
}

/// `v1.37.2` as `("1", "37")`.
pub(crate) fn major_and_minor(version: &str) -> Option<(&str, &str)> {
    let mut parts = version.strip_prefix('v')?.splitn(3, '.');
    Some((parts.next()?, parts.next()?))
}

fn required<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    go_mod.lines().find_map(|line| {
        let line = line.trim();
        let requirement = line.strip_prefix("require ").unwrap_or(line);
        let mut words = requirement.split_whitespace();
        (words.next()? == module).then(|| words.next())?.filter(|word| word.starts_with('v'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_is_found_in_a_block_and_on_a_line_of_its_own() {
        let block = "require (\n\texample.org/a v1.2.3 // indirect\n\texample.org/a/b v2.0.0\n)\n";
        assert_eq!(required(block, "example.org/a"), Some("v1.2.3"));
        assert_eq!(required("require example.org/a v1.2.3\n", "example.org/a"), Some("v1.2.3"));
    }

    #[test]
    fn a_replacement_is_no_requirement() {
        let replace = "replace (\n\texample.org/a => example.org/a v1.2.3\n)\n";
        assert_eq!(required(replace, "example.org/a"), None);
    }

    #[test]
    fn go_mod_names_a_release_of_kubernetes_and_of_go() {
        let (major, minor) = major_and_minor(kubernetes_version()).expect("vMAJOR.MINOR.PATCH");
        assert_eq!(major, "1");
        assert!(minor.parse::<u32>().is_ok(), "{minor}");
        assert!(go_version().starts_with("1."), "{}", go_version());
    }
}
