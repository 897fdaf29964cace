//! File descriptors: raises the soft limit as far as the connections need, and reduces the number of connections to
//! what the hard limit allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

use super::limits::Limits;
use super::line;

/// Descriptors for everything that is not a client's connection: listeners, operators, files, the runtime, and the
/// newcomers that wait at either port.
const RESERVE: u64 = (Limits::OPS_CONNECTIONS + 64 + 2 * line::LONGEST) as u64;

/// How many of the wanted connections there are descriptors for.
#[must_use]
pub(crate) fn make_room(connections: u32) -> usize {
    let needed = u64::from(connections) + RESERVE;
    let limit = getrlimit(Resource::Nofile);
    let available = raise(limit, needed);
    let possible = available.saturating_sub(RESERVE).max(1).min(u64::from(connections));
    if possible < u64::from(connections) {
        warn!(
            wanted = connections,
            possible, "fewer connections than --max-connections: raise the limit of open files"
        );
    }
    usize::try_from(possible).unwrap_or(usize::MAX)
}

/// Raises the soft limit to `needed`, or as far as the hard limit allows. Returns the soft limit.
fn raise(limit: Rlimit, needed: u64) -> u64 {
    let soft = limit.current.unwrap_or(u64::MAX);
    if soft >= needed {
        return soft;
    }
    let reachable = limit.maximum.map_or(needed, |hard| hard.min(needed));
    let raised = Rlimit { current: Some(reachable), maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => reachable,
        Err(error) => {
            warn!(%error, "cannot raise the limit of open files");
            soft
        }
    }
}
