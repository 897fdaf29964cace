//! Names that mean the machine itself, or nothing at all (RFC 6761, RFC 7686).

/// The names of the loopback addresses in `/etc/hosts` of Fedora and its derivatives, except for `localhost` and
/// names of a single label.
pub(super) const LOCAL_NAMES: [&str; 3] =
    ["localhost.localdomain", "localhost4.localdomain4", "localhost6.localdomain6"];

/// Last labels, or all of a name.
pub(super) const LAST_LABELS: [&str; 3] = ["localhost", "invalid", "onion"];

/// `localhost` and the names under it, its other names, and the top-level domains that never resolve.
pub(super) fn is_special(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
    let is = |known: &&str| last.eq_ignore_ascii_case(known);
    LAST_LABELS.iter().any(is) || LOCAL_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}
