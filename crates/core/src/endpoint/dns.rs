//! A text flows in; the reason why it is not a DNS name flows out.
//!
//! The one grammar for the host of a url, for the host patterns of a policy and for its namespaces.

/// Longest label (RFC 1035, section 2.3.4).
pub(super) const LONGEST_LABEL: usize = 63;
/// Longest name that Kubernetes accepts (`DNS1123SubdomainMaxLength`), without a trailing dot.
pub(super) const LONGEST_NAME: usize = 253;

/// Why a text is not a DNS name of at least two labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFault<'a> {
    Empty,
    SingleLabel,
    EmptyLabel,
    LongLabel(&'a str),
    /// The length of the name.
    LongName(usize),
    /// A label that begins or ends with a hyphen.
    Hyphen(&'a str),
    /// A character that no DNS label can have.
    Character(char),
    /// The last label is a number, decimal or hexadecimal, and the labels before it are not.
    NumericLastLabel(&'a str),
    /// Only numbers and dots: some parsers read it as an IPv4 address.
    OnlyNumbers,
}

/// Says why a text is not a DNS name. Upper case and one trailing dot are allowed.
#[must_use]
pub(super) fn fault(text: &str) -> Option<NameFault<'_>> {
    if text.is_empty() {
        return Some(NameFault::Empty);
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.split('.').all(is_number) {
        return Some(NameFault::OnlyNumbers);
    }
    if let Some(fault) = name.split('.').find_map(label_fault) {
        return Some(fault);
    }
    if name.len() > LONGEST_NAME {
        return Some(NameFault::LongName(name.len()));
    }
    match name.rsplit_once('.') {
        None => Some(NameFault::SingleLabel),
        Some((_, last)) if is_number(last) => Some(NameFault::NumericLastLabel(last)),
        Some(_) => None,
    }
}

/// Says why a text is not a label of a DNS name.
#[must_use]
pub(super) fn label_fault(label: &str) -> Option<NameFault<'_>> {
    if label.is_empty() {
        return Some(NameFault::EmptyLabel);
    }
    if let Some(character) = label.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
        return Some(NameFault::Character(character));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Some(NameFault::Hyphen(label));
    }
    (label.len() > LONGEST_LABEL).then_some(NameFault::LongLabel(label))
}

/// Decimal, octal or hexadecimal, as `inet_aton(3)` and the URL standard read a label.
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}
