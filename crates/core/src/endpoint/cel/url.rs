//! The name of a variable with a text flows in; variables with the parts and faults of that text as a url flow out.
//!
//! They read it as [`url`](crate::endpoint::url), [`host`](crate::endpoint::host) and
//! [`endpoint_url`](crate::endpoint::endpoint_url) do. A test compares the two on a real API server.

use super::{Variable, placeholder, reading};

/// `{}` is the name of the text.
const READING: [(&str, &str); 29] = [
    // RFC 3986, Appendix B
    ("{}BeforeQuery", r"variables.{}.find(r'^[^?#]*')"),
    ("{}Scheme", r"variables.{}BeforeQuery.find(r'^[^:/]+:').replace(':', '')"),
    ("{}KnownScheme", "variables.{}Scheme.lowerAscii()"),
    (
        "{}BehindScheme",
        "variables.{}Scheme == ''
? variables.{}BeforeQuery
: variables.{}BeforeQuery.substring(variables.{}Scheme.size() + 1)",
    ),
    ("{}HasAuthority", "variables.{}BehindScheme.startsWith('//')"),
    (
        "{}Authority",
        "variables.{}HasAuthority ? variables.{}BehindScheme.substring(2).find(r'^[^/]*') : ''",
    ),
    (
        "{}Path",
        "variables.{}HasAuthority
? variables.{}BehindScheme.substring(2 + variables.{}Authority.size())
: variables.{}BehindScheme",
    ),
    ("{}PathBody", "variables.{}Path.find(r'^(?s:.*[^/])')"),
    (
        "{}DefaultBody",
        "(variables.{}PathBody.endsWith('/v1')
? variables.{}PathBody.substring(0, variables.{}PathBody.size() - 2)
: variables.{}PathBody).find(r'^(?s:.*[^/])')",
    ),
    ("{}WrittenHostAndPort", "variables.{}Authority.substring(variables.{}Authority.lastIndexOf('@') + 1)"),
    ("{}HostAndPort", "variables.{}WrittenHostAndPort.lowerAscii()"),
    // an IPv6 address with its brackets
    (
        "{}Host",
        r"variables.{}HostAndPort.startsWith('[') && variables.{}HostAndPort.contains(']')
? variables.{}HostAndPort.find(r'^[^\]]*\]')
: variables.{}HostAndPort.find(r'^[^:]*')",
    ),
    (
        "{}HasUpperCase",
        "variables.{}Scheme != variables.{}KnownScheme ||
variables.{}WrittenHostAndPort.substring(0, variables.{}Host.size()) != variables.{}Host",
    ),
    ("{}PortText", "variables.{}HostAndPort.substring(variables.{}Host.size())"),
    // 0 if there is no port, or an impossible one
    (
        "{}Port",
        "variables.{}PortText.matches(r'^:?0*[1-9][0-9]{0,4}$') && int(variables.{}PortText.replace(':', '')) <= 65535
? int(variables.{}PortText.replace(':', ''))
: 0",
    ),
    (
        "{}HasOnlyUriCharacters",
        r"variables.{}.matches(r'^[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%\x27-]*$')",
    ),
    // `$(NAME)` and `$NAME`. Where a password could be, a dollar sign is part of the password.
    (
        "{}HasVariable",
        r"variables.{}BeforeQuery.matches(r'\$\(.*\)|\$[A-Z_][A-Z0-9_]+([^\pL\pN_]|$)') &&
!variables.{}Authority.find(r'^.*@').matches(r'\$\(.*\)|\$[A-Z_][A-Z0-9_]+([^\pL\pN_]|$)')",
    ),
    // The text after the last `:` may be a port. CEL's isIP does not accept an IPv4-mapped address, so `ffff` is
    // replaced with `fffe`.
    (
        "{}IsBareIpv6",
        "variables.{}HostAndPort.indexOf(':') != variables.{}HostAndPort.lastIndexOf(':') &&
(isIP(variables.{}HostAndPort.replace('ffff', 'fffe', 1)) ||
variables.{}HostAndPort.matches(r':[0-9]{1,5}$') &&
isIP(variables.{}HostAndPort.substring(0, variables.{}HostAndPort.lastIndexOf(':')).replace('ffff', 'fffe', 1)))",
    ),
    (
        "{}Fault",
        r"variables.{} == '' ? 'empty'
: !variables.{}HasOnlyUriCharacters
? (variables.{}HasPlaceholder ? 'template' : 'characters')
: variables.{}Scheme == '' ? 'no-scheme'
: !variables.{}HasAuthority
? (variables.{}Scheme.contains('.') || variables.{}Path.matches(r'^[0-9]') ? 'no-scheme' : 'no-authority')
: !variables.{}Scheme.matches(r'^[A-Za-z][A-Za-z0-9+.-]*$') ? 'malformed-scheme'
: variables.{}HasVariable ? 'template'
: variables.{}IsBareIpv6 ? 'bare-ipv6'
: variables.{}Path.startsWith('//') && variables.{}PortText == ':' && variables.{}Host in ['http', 'https'] ? 'scheme-twice'
: !variables.{}HostAndPort.matches(r'^(\[[^\[\]]*\](:[^\[\]]*)?|[^\[\]]*)$') ||
variables.{}Authority.matches(r'[\[\]].*@') ||
variables.{}.find(r'[?#].*').matches(r'[\[\]]') ? 'brackets'
: ''",
    ),
    (
        "{}AuthorityIsClear",
        "variables.{}HasAuthority && !(variables.{}Fault in ['template', 'bare-ipv6', 'scheme-twice', 'brackets'])",
    ),
    // A bad character elsewhere does not affect host and port.
    (
        "{}HostIsClear",
        r"variables.{}AuthorityIsClear && variables.{}Host.matches(r'^[a-z0-9._~:\[\]!$&()*+,;=%\x27-]*$')",
    ),
    (
        "{}PortIsClear",
        r"variables.{}AuthorityIsClear && variables.{}PortText.matches(r'^[a-z0-9._~:\[\]!$&()*+,;=%\x27-]*$')",
    ),
    // The text in the brackets. In mapped addresses, `ffff` is replaced with `fffe`.
    ("{}InBrackets", r"variables.{}Host.startsWith('[') ? variables.{}Host.replace('[', '', 1).find(r'^[^\]]*') : ''"),
    (
        "{}Ipv6",
        "!variables.{}InBrackets.contains(':') ? ''
: isIP(variables.{}InBrackets) ? variables.{}InBrackets
: variables.{}InBrackets.replace('ffff', 'fffe', 1)",
    ),
    ("{}IsMapped", "isIP(variables.{}Ipv6) && !isIP(variables.{}InBrackets)"),
    (
        "{}Name",
        "variables.{}Host.endsWith('.')
? variables.{}Host.substring(0, variables.{}Host.size() - 1)
: variables.{}Host",
    ),
    (
        "{}HostKind",
        r"variables.{}Host.startsWith('[')
? (variables.{}InBrackets.contains('%') ? 'ipv6-zone'
: !isIP(variables.{}Ipv6) ? 'not-ipv6'
: (variables.{}IsMapped
? variables.{}InBrackets.startsWith('::ffff:') && variables.{}InBrackets.contains('.')
: ip.isCanonical(variables.{}InBrackets)) ? 'ipv6' : 'ipv6-not-canonical')
: isIP(variables.{}Host) ? 'ipv4'
: variables.{}Host == '' ? 'empty'
: variables.{}Name.matches(r'^([0-9]+|0x[0-9a-f]*)(\.([0-9]+|0x[0-9a-f]*))*$') ? 'ipv4-lookalike'
: variables.{}Name.size() > 253 ||
!variables.{}Name.matches(r'^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$')
? 'malformed-name'
: !variables.{}Name.contains('.') ? 'single-label'
: variables.{}Name.matches(r'\.([0-9]+|0x[0-9a-f]*)$') ? 'numeric-last-label'
: 'name'",
    ),
    // the address type of the EndpointSlice
    (
        "{}Family",
        "variables.{}HostKind == 'ipv4' ? 'IPv4'
: variables.{}HostKind in ['ipv6', 'ipv6-not-canonical', 'ipv6-zone'] ? 'IPv6'
: variables.{}HostKind in ['empty', 'not-ipv6'] ? ''
: 'FQDN'",
    ),
    // whether Modelplane composes an EndpointSlice from it that the API server accepts
    (
        "{}HasSlice",
        r"variables.{}PortText.matches(r'^:?0*$') || variables.{}Port != 0
? (variables.{}HostKind in ['name', 'numeric-last-label'] ||
variables.{}HostKind == 'ipv4-lookalike' && variables.{}Host.matches(r'\.[^.]') ||
(variables.{}HostKind == 'ipv4' || variables.{}HostKind == 'ipv6' && !variables.{}IsMapped) &&
[ip(variables.{}HostKind == 'ipv4' ? variables.{}Host : variables.{}InBrackets)].all(address,
!address.isUnspecified() && !address.isLoopback() &&
!address.isLinkLocalUnicast() && !address.isLinkLocalMulticast()))
: false",
    ),
];

/// The reading of `variables.<text>`.
pub(super) fn variables(text: &str) -> impl Iterator<Item = Variable> {
    let placeholder = reading(&placeholder::READING, text);
    placeholder.chain(reading(&READING, text))
}
