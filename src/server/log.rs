//! One structured line for each denial, each failure and each review that a rule warned about.
//!
//! Text from a client appears only as the value of a field, where control and invisible characters are escaped
//! ([`crate::telemetry`]), so nobody can forge a line. Objects and urls never appear. The number of lines of each kind
//! has a bound ([`LineKind`]).

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::StatusCode;
use tracing::{debug, info};

use super::refusal::Refusal;
use crate::telemetry::quota::LineKind;
use modelendpoint_core::admission::{Answer, Hook, Outcome};

/// The most characters that are logged of a value that a client wrote.
const LONGEST_VALUE: usize = 256;

/// One line for each review: at level info if it was denied or failed, if a rule warned, or if something seems wrong with
/// the registration; otherwise at level debug.
pub(super) fn record_answer(hook: Hook, answer: &Answer<'_>, latency: Duration) {
    let notice = answer.notice.as_deref().map(short);
    let warned = (!answer.warned.is_empty()).then(|| answer.warned.join(","));
    macro_rules! line {
        ($level:ident, $what:literal) => {
            $level!(
                uid = short(&answer.request.uid),
                user = short(&answer.request.user),
                namespace = short(&answer.request.namespace),
                name = short(&answer.request.name),
                operation = answer.operation.name(),
                hook = hook.path(),
                rules = answer.rules.join(","),
                warned,
                mutation = answer.mutation,
                dryRun = answer.request.dry_run,
                latency_seconds = latency.as_secs_f64(),
                notice,
                $what
            )
        };
    }
    match answer.outcome {
        Outcome::Denied => LineKind::Denial.line(|| line!(info, "denied")),
        Outcome::Failed => LineKind::Failure.line(|| line!(info, "failed")),
        Outcome::Allowed if answer.notice.is_some() => LineKind::Notice.line(|| line!(info, "allowed")),
        Outcome::Allowed if !answer.rules.is_empty() => {
            LineKind::Denial.line(|| line!(info, "would be denied"));
        }
        Outcome::Allowed if warned.is_some() => {
            LineKind::Warning.line(|| line!(info, "allowed with warnings"));
        }
        Outcome::Allowed => line!(debug, "allowed"),
        Outcome::Patched => line!(debug, "patched"),
    }
}

/// One line for each call that was refused.
pub(super) fn record_refusal(hook: Hook, refusal: &Refusal, status: StatusCode, latency: Duration) {
    LineKind::Refusal.line(|| {
        info!(
            hook = hook.path(),
            status = status.as_u16(),
            reason = short(&refusal.sentence()),
            latency_seconds = latency.as_secs_f64(),
            "refused"
        );
    });
}

/// One line for each client that was refused at the handshake for its certificate.
pub(super) fn record_rejection(client: SocketAddr, why: &str) {
    LineKind::Rejection.line(|| {
        info!(
            client = client.to_string(),
            reason = short(why),
            "rejected at the handshake: no certificate signed by --client-ca"
        );
    });
}

/// The value, cut to [`LONGEST_VALUE`].
fn short(value: &str) -> &str {
    value.char_indices().nth(LONGEST_VALUE).map_or(value, |(end, _)| &value[..end])
}
