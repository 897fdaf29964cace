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
            format!("has the host {host} with an empty label, which is no DNS name"),
            "take out the extra dot",
        ),
        NameFault::LongLabel(label) => Problem::new(
            format!(
                "has a host with a label of {} characters, and DNS takes {}",
                label.len(),
                dns::LONGEST_LABEL
            ),
            "write a name that exists",
        ),
        NameFault::LongName(length) => Problem::new(
            format!("has a host of {length} characters, and DNS takes {}", dns::LONGEST_NAME),
            "write a name that exists",
        ),
        NameFault::Hyphen(label) => Problem::new(
            format!(
                "has the label {} in its host, and a DNS label neither begins nor ends with `-`",
                url.show(label)
            ),
            "correct the name",
        ),
        NameFault::Character(character) if url.parts.may_show(url.parts.host) => Problem::new(
            format!(
                "has {} in its host {host}, and a DNS name has only letters, digits, `-` and `.`",
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
