//! Why the host of a url or an origin is no DNS name flows in, what to say of it flows out.

use super::Problem;
use crate::endpoint::EndpointUrl;
use crate::endpoint::dns::{self, NameFault};
use crate::endpoint::quote::Named;

/// What is wrong with the name itself; `None` for a fault that each generation has its own words for.
pub(super) fn of_name<'a>(url: &EndpointUrl<'a>, fault: NameFault<'a>) -> Option<Problem<'a>> {
    let host = url.show(url.parts.host);
    Some(match fault {
        NameFault::EmptyLabel => Problem::new(
            format!("has the host {host} with an empty label, so it is not a DNS name"),
            "remove the extra dot",
        ),
        NameFault::LongLabel(label) => Problem::new(
            format!(
                "has a host with a label of {} characters, and DNS allows at most {}",
                label.len(),
                dns::LONGEST_LABEL
            ),
            "write the server's DNS name",
        ),
        NameFault::LongName(length) => Problem::new(
            format!("has a host of {length} characters, and DNS allows at most {}", dns::LONGEST_NAME),
            "write the server's DNS name",
        ),
        NameFault::Hyphen(label) => Problem::new(
            format!(
                "has the label {} in its host, but a DNS label cannot begin or end with `-`",
                url.show(label)
            ),
            "correct the name",
        ),
        NameFault::Character(character) if url.parts.may_show(url.parts.host) => Problem::new(
            format!(
                "has {} in its host {host}, but a DNS name has only letters, digits, `-` and `.`",
                Named(character)
            ),
            "correct the name",
        ),
        NameFault::Character(_) => Problem::new(
            "has a host with a character other than letters, digits, `-` and `.`",
            "correct the name",
        ),
        NameFault::Empty
        | NameFault::SingleLabel
        | NameFault::NumericLastLabel(_)
        | NameFault::OnlyNumbers => return None,
    })
}
