//! The connections of one listener: who is served, who waits for a place in the [`Line`], and who has to leave.
//!
//! The accept loop ([`super::listener`]) reports events, and this module reacts to them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpStream;
use tokio::task::JoinError;
use tokio::time::{interval, sleep};
use tracing::{debug, error, info, warn};

use super::connection::{Handler, ListenerContext, speak_http};
use super::handshake::{check_client, shake_hands};
use super::line::{Line, Newcomer};
use super::listener::{Accepted, Tls};
use super::metrics::{Counted, ListenerMetrics, Shed};
use super::pace::{Leave, Pace};
use super::patrol::{Patrol, ROUND, Vacancy};
use super::source::ClientSource;
use crate::telemetry::quota::LineKind;

/// How long to pause when the listener can't accept.
const PAUSE: Duration = Duration::from_millis(100);

/// How many connections beyond the limit may have been told to end without having ended yet.
const ENDING: usize = 16;

pub(super) struct Crowd<H> {
    tls: Option<Tls>,
    handler: H,
    context: Arc<ListenerContext>,
    metrics: ListenerMetrics,
    patrol: Patrol,
    line: Line<Accepted>,
}

impl<H: Handler> Crowd<H> {
    pub(super) fn new(
        tls: Option<Tls>,
        handler: H,
        context: ListenerContext,
        metrics: ListenerMetrics,
    ) -> Self {
        let (patrol, line) = (Patrol::default(), Line::default());
        Self { tls, handler, context: Arc::new(context), metrics, patrol, line }
    }

    /// Whether another connection may be accepted.
    pub(super) fn has_capacity(&self) -> bool {
        self.patrol.len() < self.context.limits.connections + ENDING
    }

    pub(super) fn is_empty(&self) -> bool {
        self.patrol.is_empty()
    }

    /// Whether newcomers wait for a place.
    pub(super) fn is_waiting(&self) -> bool {
        !self.line.is_empty()
    }

    /// Collects the connections that ended, and gives their places to those that wait in the line.
    pub(super) fn settle(&mut self) {
        while let Some(ended) = self.patrol.ended() {
            self.record_end(ended);
        }
        while self.line.take_overdue(self.context.limits.handshake).is_some() {
            self.context.metrics.shed.inc(Shed::Refused);
        }
        while self.has_capacity()
            && let Some((stream, client)) = self.next_in_line()
        {
            self.start(Some(ClientSource::of(client)), (stream, client));
        }
        self.context.full.store(self.patrol.is_full(&self.context.limits), Relaxed);
    }

    fn next_in_line(&mut self) -> Option<Accepted> {
        let Self { line, patrol, context, metrics, .. } = self;
        let is_line_full = line.is_full();
        line.take(|newcomer| has_place(newcomer, patrol, is_line_full, context, metrics))
    }

    /// Puts a newcomer in the line. If the line is then too long, one newcomer has to leave.
    pub(super) fn join(&mut self, source: ClientSource, accepted: Accepted) {
        if self.line.join(accepted, source).is_some() {
            self.context.metrics.shed.inc(Shed::Refused);
        }
    }

    /// Serves a connection from now on. Without a source it is the server's own, beyond all limits.
    pub(super) fn start(&mut self, source: Option<ClientSource>, accepted: Accepted) {
        let counted = Counted::in_gauge(self.metrics.open.clone());
        let pace = Pace::new();
        let connection = {
            let (tls, handler, context) = (self.tls.clone(), self.handler.clone(), Arc::clone(&self.context));
            handle_connection(accepted, tls, handler, Arc::clone(&pace), context, counted)
        };
        self.patrol.spawn(source, pace, &self.context.limits, connection);
    }

    /// The next connection that ends; `None` if none is open.
    pub(super) async fn next_ended(&mut self) -> Option<Result<(), JoinError>> {
        self.patrol.next_ended().await
    }

    pub(super) fn record_end(&self, ended: Result<(), JoinError>) {
        if ended.is_err_and(|error| error.is_panic()) {
            self.context.metrics.panics.inc();
            LineKind::Panic.line(|| error!("a connection was cut because serving it panicked"));
        }
    }

    /// Ends the connections that took too long.
    pub(super) fn make_round(&mut self) {
        self.patrol.make_round(&self.context.limits);
    }

    /// Makes every client connect again, with a certificate that is trusted now.
    pub(super) fn revoke_all(&mut self) {
        info!(connections = self.patrol.len(), "the client CA changed: clients must connect again");
        self.patrol.tell_all_to_leave(Leave::Revoked);
    }

    /// Ends a connection for its file descriptor; waits a while if none can be ended.
    pub(super) async fn free_a_descriptor(&mut self) {
        let Some(worth) = self.patrol.give_way(None, true, &self.context.limits) else {
            return sleep(PAUSE).await;
        };
        self.context.metrics.shed.inc(worth.into());
        if let Some(ended) = self.patrol.next_ended().await {
            self.record_end(ended);
        }
    }

    /// Awaits the connections that are still open, with a bound.
    pub(super) async fn finish(mut self) {
        self.patrol.tell_all_to_leave(Leave::InGoodOrder);
        let longest = self.context.limits.finish;
        let mut rounds = interval(ROUND);
        let mut end = pin!(sleep(longest));
        loop {
            tokio::select! {
                ended = self.patrol.next_ended() => match ended {
                    Some(ended) => self.record_end(ended),
                    None => return,
                },
                _ = rounds.tick() => self.make_round(),
                () = end.as_mut() => {
                    warn!(connections = self.patrol.len(), "cut the connections that had not finished after {longest:?}");
                    return;
                }
            }
        }
    }
}

/// Whether there is a place for a newcomer. If necessary, another connection is ended for it. If none can be, one is
/// asked to close after its answer, and the newcomer has to wait.
fn has_place(
    newcomer: &mut Newcomer<Accepted>,
    patrol: &mut Patrol,
    is_line_full: bool,
    context: &ListenerContext,
    metrics: &ListenerMetrics,
) -> bool {
    let ListenerContext { limits, metrics: all, .. } = context;
    let vacancy = patrol.make_room(newcomer.source, is_line_full, limits);
    if let Vacancy::Made(limit, _) | Vacancy::None(limit) = vacancy
        && !newcomer.is_counted
    {
        newcomer.is_counted = true;
        metrics.limit_hits.inc(limit);
    }
    match vacancy {
        Vacancy::Free => true,
        Vacancy::Made(_, worth) => {
            all.shed.inc(worth.into());
            true
        }
        Vacancy::None(limit) => {
            if !newcomer.is_expected && patrol.ask_to_close(newcomer.source, limit, limits) {
                newcomer.is_expected = true;
                all.shed.inc(Shed::BusyClient);
            }
            false
        }
    }
}

/// Speaks HTTP on a connection until it ends, after a TLS handshake if the listener wants one.
async fn handle_connection(
    (stream, address): Accepted,
    tls: Option<Tls>,
    handler: impl Handler,
    pace: Arc<Pace>,
    context: Arc<ListenerContext>,
    _counted: Counted<Gauge>,
) {
    // Answers are small and complete: waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY");
    }
    let mut socket = Socket { stream, finished: false };
    match tls {
        None => speak_http(&mut socket.stream, handler, None, pace, &context).await,
        Some(Tls { config, clients }) => {
            let shaken = shake_hands(&mut socket.stream, address, &config, &pace, &context.metrics);
            if let Some(stream) = shaken.await {
                let stranger = clients.and_then(|clients| check_client(&clients, &stream, &pace));
                speak_http(stream, handler, stranger, pace, &context).await;
            }
        }
    }
    socket.finished = true;
}

/// Resets the connection if its task is aborted. Otherwise, the kernel would keep what the client has not read, for
/// minutes and beyond every limit.
struct Socket {
    stream: TcpStream,
    finished: bool,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = self.stream.set_zero_linger()
        {
            debug!(%error, "cannot set SO_LINGER");
        }
    }
}
