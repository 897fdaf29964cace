//! How useful an open connection is when another one needs its place.
//!
//! [`of`] returns a [`Worth`]. Connections are ended in its order. A connection that is delivering a review on
//! time is [`Worth::Busy`] and is never ended: at most it is asked to close after its answer.

use std::time::Duration;

use super::pace::{Delivered, Pace, Waiting};

/// Ordered from the least useful connection to the most useful one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Worth {
    /// It has kept the server waiting for longer than the limit.
    Slow,
    /// None of its requests was of the kind that the listener exists for.
    Useless,
    /// It has not sent a byte yet, but is still in time.
    Silent,
    /// It has not sent a request yet, but is still in time.
    New,
    /// It has just arrived. It is ended only if too many others wait for a place.
    Young,
    /// It has delivered reviews, and is between two of them.
    Useful,
    /// It is delivering a review on time, or taking the answer.
    Busy,
}

impl Worth {
    /// Whether such a connection may be ended for another one. One that has just arrived is spared unless the line is
    /// full.
    #[must_use]
    pub fn may_end(self, is_line_full: bool) -> bool {
        match self {
            Self::Slow | Self::Useless | Self::Silent | Self::New | Self::Useful => true,
            Self::Young => is_line_full,
            Self::Busy => false,
        }
    }
}

/// For how long a new connection counts as [`Worth::Young`]: a handshake takes round trips and, on a busy machine, has
/// to wait for the CPU.
const GRACE: Duration = Duration::from_millis(250);

/// A connection that was asked to close after its answer gets a quarter of the patience for the rest of the request:
/// others wait for its place.
///
/// `kept_waiting` is for how long the client has kept the server waiting for the same thing, `age` for how long
/// the connection has been open.
pub(super) fn of(pace: &Pace, kept_waiting: Duration, age: Duration, patience: Duration) -> Worth {
    let delivered = pace.has_delivered();
    let so_far = match delivered {
        Delivered::Nothing | Delivered::Bytes if age > patience => Worth::Slow,
        Delivered::Nothing | Delivered::Bytes if age <= GRACE => Worth::Young,
        Delivered::Nothing => Worth::Silent,
        Delivered::Bytes => Worth::New,
        Delivered::Other => Worth::Useless,
        Delivered::Reviews => Worth::Useful,
    };
    match pace.waiting() {
        Waiting::Request | Waiting::Response | Waiting::Head if kept_waiting > patience => Worth::Slow,
        Waiting::Request if pace.next_is_last() && kept_waiting > patience / 4 => Worth::Slow,
        Waiting::Request => Worth::Busy,
        Waiting::Response if delivered == Delivered::Reviews => Worth::Busy,
        Waiting::Close => Worth::Useless,
        Waiting::Handshake | Waiting::Fresh | Waiting::Idle | Waiting::Head | Waiting::Response => so_far,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);
    const AT_FIRST: Duration = Duration::from_millis(200);
    const SOON: Duration = Duration::from_millis(900);
    const LATE: Duration = Duration::from_millis(1100);

    /// The worth of a connection that has delivered this and waits for that: at first, soon after, and late.
    fn worth(delivered: Delivered, waiting: Waiting) -> [Worth; 3] {
        let pace = Pace::new();
        pace.delivered(delivered);
        pace.now(waiting);
        pace.unwritten(waiting == Waiting::Response);
        [AT_FIRST, SOON, LATE].map(|kept| of(&pace, kept, kept, PATIENCE))
    }

    #[test]
    fn a_connection_without_a_request_is_young_then_new_and_then_slow() {
        for waiting in [Waiting::Handshake, Waiting::Fresh, Waiting::Head] {
            assert_eq!(worth(Delivered::Nothing, waiting), [Worth::Young, Worth::Silent, Worth::Slow]);
            assert_eq!(worth(Delivered::Bytes, waiting), [Worth::Young, Worth::New, Worth::Slow]);
        }
    }

    #[test]
    fn one_that_is_delivering_a_review_on_time_is_busy() {
        let busy_then_slow = [Worth::Busy, Worth::Busy, Worth::Slow];
        assert_eq!(worth(Delivered::Bytes, Waiting::Request), busy_then_slow);
        assert_eq!(worth(Delivered::Reviews, Waiting::Request), busy_then_slow);
        assert_eq!(worth(Delivered::Reviews, Waiting::Response), busy_then_slow);
    }

    #[test]
    fn one_that_was_asked_to_close_is_slow_sooner() {
        let pace = Pace::new();
        pace.now(Waiting::Request);
        pace.make_next_the_last();
        assert_eq!([AT_FIRST, SOON].map(|kept| of(&pace, kept, kept, PATIENCE)), [Worth::Busy, Worth::Slow]);
    }

    #[test]
    fn what_it_has_delivered_is_what_an_idle_one_is_worth() {
        assert_eq!(worth(Delivered::Reviews, Waiting::Idle), [Worth::Useful; 3]);
        assert_eq!(worth(Delivered::Other, Waiting::Idle), [Worth::Useless; 3]);
    }

    #[test]
    fn slow_ones_give_way_first_and_busy_ones_last() {
        let all = [
            Worth::Slow,
            Worth::Useless,
            Worth::Silent,
            Worth::New,
            Worth::Young,
            Worth::Useful,
            Worth::Busy,
        ];
        assert!(all.is_sorted());
    }
}
