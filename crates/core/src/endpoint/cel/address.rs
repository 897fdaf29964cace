//! Finds special addresses and names, as [`address`](crate::endpoint::address) and
//! [`metadata`](crate::endpoint::metadata) do, and uses their data.

use std::net::IpAddr;

use super::{Variable, texts};
use crate::endpoint::metadata::SERVICES;
use crate::endpoint::special_name::{LAST_LABELS, LOCAL_NAMES};

/// The variables that the rules use, and those that they depend on.
pub(super) fn variables() -> Vec<Variable> {
    vec![
        Variable::new("addressDigits", digits()),
        Variable::new("nameIsOfMetadataService", name_is_of_metadata_service()),
        Variable::new("nameIsSpecial", name_is_special()),
        Variable::new("addressIsOfMetadataService", address_is_of_metadata_service()),
        Variable::new("addressLeadsToSpecialIpv4", leads_to_special_ipv4()),
        Variable::new(
            "addressIsSpecial",
            "variables.host == 'ipv4' ? !ip(variables.urlHost).isGlobalUnicast()
: variables.host in ['ipv6', 'ipv6-not-canonical']
? variables.urlIsMapped || !ip(variables.urlIpv6).isGlobalUnicast() || variables.addressLeadsToSpecialIpv4
: false"
                .to_owned(),
        ),
    ]
}

/// An address as a fixed number of digits, so that comparing texts compares addresses: 12 decimal digits for IPv4, 32
/// hexadecimal digits for IPv6, and none for a name.
pub(super) fn digits_of(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.octets().iter().map(|octet| format!("{octet:03}")).collect(),
        IpAddr::V6(address) => address.segments().iter().map(|segment| format!("{segment:04x}")).collect(),
    }
}

fn digits() -> String {
    r"variables.host == 'ipv4'
? variables.urlHost.split('.').map(octet, ('00' + octet).substring(octet.size() - 1)).join('')
: variables.host in ['ipv6', 'ipv6-not-canonical']
? [string(ip(variables.urlIpv6)).split('::').map(half, half == '' ? [] : half.split(':'))].map(halves,
halves[0] + [0, 1, 2, 3, 4, 5, 6, 7].filter(group,
group < (halves.size() == 1 ? 0 : 8 - halves[0].size() - halves[1].size())).map(group, '0') +
(halves.size() == 1 ? [] : halves[1]))[0].map(group, ('000' + group).substring(group.size() - 1)).join('')
.replace('00000000000000000000fffe', variables.urlIsMapped ? '00000000000000000000ffff' : '00000000000000000000fffe')
: ''"
        .to_owned()
}

fn name_is_of_metadata_service() -> String {
    let names = texts(SERVICES.iter().flat_map(|service| service.names));
    format!(
        r"variables.host in ['name', 'single-label'] &&
(variables.urlName in {names} ||
variables.urlName.matches(r'^instance-data\.[^.]+\.compute\.internal$'))"
    )
}

fn name_is_special() -> String {
    format!(
        r"variables.host in ['name', 'single-label'] &&
(variables.urlName.matches(r'(^|\.)({})$') || variables.urlName in {})",
        LAST_LABELS.join("|"),
        texts(LOCAL_NAMES)
    )
}

fn address_is_of_metadata_service() -> String {
    let mut addresses: Vec<_> = addresses().map(digits_of).collect();
    addresses.sort_unstable();
    addresses.dedup();
    format!("variables.addressDigits in {}", texts(addresses))
}

fn addresses() -> impl Iterator<Item = IpAddr> {
    SERVICES.iter().flat_map(|service| service.addresses).copied()
}

/// Does what `address::embedded` does, with the digits: 4 for a group, 2 for an octet.
fn leads_to_special_ipv4() -> String {
    // the metadata services, except for link-local ones
    let mut services: Vec<[String; 4]> = addresses()
        .filter_map(|address| match address {
            IpAddr::V4(address) if !address.is_link_local() => {
                Some(address.octets().map(|octet| format!("{octet:02x}")))
            }
            _ => None,
        })
        .collect();
    services.sort_unstable();
    services.dedup();
    // with octet 8, which is not a valid port of the IPv4 address, in the middle
    let joined = |gap_before: usize| -> String {
        let gap = |at: usize| if at == gap_before { ".." } else { "" };
        let service = |octets: &[String; 4]| {
            octets.iter().enumerate().map(|(at, octet)| format!("{}{octet}", gap(at))).collect::<String>()
        };
        services.iter().map(service).collect::<Vec<_>>().join("|")
    };
    let (whole, after_one, after_two) = (joined(4), joined(1), joined(2));
    let special = format!("0{{8}}|7f.{{6}}|a9fe.{{4}}|e.{{7}}|f{{8}}|{whole}");
    format!(
        r"variables.addressDigits.matches(r'^((0064ff9b0{{16}}|0{{16}}(0000|ffff)0000)({special})$|2002({special}))') ||
variables.addressDigits.startsWith('0064ff9b0001') &&
(variables.addressDigits.matches(r'^.{{12}}(a9fe|{after_two}|..(a9..fe|{after_one})|.{{6}}(a9fe|{whole})|.{{12}}(a9fe|{whole}))') ||
(variables.addressDigits.matches(r'^.{{12}}(0[1-9a-f]|[1-9a-f].)..00.{{4}}0{{10}}$')
? variables.addressDigits.matches(r'^.{{12}}((7f|e.)|ff(ff00ffff))')
: variables.addressDigits.matches(r'^.{{14}}(0[1-9a-f]|[1-9a-f].)00.{{6}}0{{8}}$')
? variables.addressDigits.matches(r'^.{{14}}((7f|e.)|ff00ffffff)')
: variables.addressDigits.matches(r'^.{{16}}00(0[1-9a-f]|[1-9a-f].).{{6}}0{{6}}$')
? variables.addressDigits.matches(r'^.{{18}}((7f|e.)|ffffffff)')
: variables.addressDigits.matches(r'^.{{24}}({special})')))"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_compare_as_addresses_do() {
        let digits = |text: &str| digits_of(text.parse().expect("an address"));
        assert_eq!(digits("10.0.1.50"), "010000001050");
        assert_eq!(digits("2001:db8::10"), "20010db8000000000000000000000010");
        assert!(digits("9.0.0.0") < digits("10.0.0.0"));
        assert!(digits("::ff") < digits("::100"));
    }
}
