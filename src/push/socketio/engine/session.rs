//! One Engine.IO session: what its transports and its application share.
//!
//! The application puts messages in at one end and waits while there are too many; the transport of the moment, a poll or
//! a WebSocket, takes packets out at the other. Everything that may change hands is under one lock, never held across an
//! await: the queue, who polls and posts, how far an upgrade has come, how the session ended.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Options,
    packet::{Message, Packet},
    queue::Queue,
};
use crate::push::Gauge;

/// How long a poll waits for the upgrade that is under way.
const NOOP_AFTER: Duration = Duration::from_millis(100);
/// How long a noop is kept for a poll that the client's goodbye has overtaken.
const NOOP_KEPT: Duration = Duration::from_secs(1);

/// The session has ended; nothing can be sent on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed")]
pub struct Closed;

/// The client sent what it must not; its session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a packet that clients do not send")]
pub(super) struct Violation;

/// Which transport packets leave by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Polling,
    /// A WebSocket is there and has not asked anything yet. Polling goes on.
    Upgrading,
    /// It has asked, and waits for the client to end its poll: polls are answered with a noop, packets wait.
    Probing,
    WebSocket,
}

/// Who ended the session: it decides what a waiting poll is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Client,
    Server,
}

struct State {
    queue: Queue,
    phase: Phase,
    is_polled: bool,
    is_posted: bool,
    ending: Option<Ending>,
    owes_noop: bool,
    _gauge: Gauge,
}

/// What a poll finds.
enum Look {
    Packets(Vec<Packet>),
    Nothing,
    Probing,
    Upgraded,
}

pub(super) struct Session {
    pub(super) sid: String,
    state: Mutex<State>,
    /// The transports wait for it: something is queued, the phase is another, the session has ended.
    changed: Notify,
    /// The application waits for it: the queue is not full any more.
    room: Notify,
    heard: Notify,
    ponged: Notify,
    closed: CancellationToken,
    incoming: mpsc::Sender<Message>,
}

impl Session {
    pub(super) fn new(sid: String, phase: Phase, options: &Options, incoming: mpsc::Sender<Message>) -> Self {
        let name = if phase == Phase::WebSocket { options.websocket_name } else { options.polling_name };
        let state = State {
            queue: Queue::default(),
            phase,
            is_polled: false,
            is_posted: false,
            ending: None,
            owes_noop: false,
            _gauge: Gauge::new(name),
        };
        Self {
            sid,
            state: Mutex::new(state),
            changed: Notify::new(),
            room: Notify::new(),
            heard: Notify::new(),
            ponged: Notify::new(),
            closed: CancellationToken::new(),
            incoming,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Ends the session; of several endings the first counts.
    pub(super) fn close(&self, ending: Ending) {
        {
            let mut state = self.state();
            if state.ending.is_none() {
                state.ending = Some(ending);
                state.owes_noop = ending == Ending::Client && state.phase != Phase::WebSocket;
            }
        }
        self.closed.cancel();
        self.changed.notify_waiters();
    }

    pub(super) fn push(&self, packet: Packet) {
        self.state().queue.push(packet);
        self.changed.notify_waiters();
    }

    /// Waits until there is room, then queues the message.
    pub(super) async fn send(&self, message: Message) -> Result<(), Closed> {
        loop {
            if self.is_closed() {
                return Err(Closed);
            }
            let is_full = self.state().queue.is_full();
            if !is_full {
                self.push(Packet::Message(message));
                return Ok(());
            }
            // One application sends, so the permit that `take` leaves is for it.
            tokio::select! {
                () = self.room.notified() => {}
                () = self.closed.cancelled() => {}
            }
        }
    }

    fn taken(&self, state: &State) {
        if !state.queue.is_full() {
            self.room.notify_one();
        }
    }

    /// What a packet from the client does. Waits while the application has enough to do.
    pub(super) async fn receive(&self, packet: Packet) -> Result<(), Violation> {
        self.heard.notify_waiters();
        match packet {
            Packet::Message(message) => self.incoming.send(message).await.map_err(|_| Violation),
            Packet::Pong => {
                self.ponged.notify_waiters();
                Ok(())
            }
            Packet::Close => {
                self.close(Ending::Client);
                Ok(())
            }
            Packet::Noop => Ok(()),
            // Pings come from the server in this version of the protocol; probes belong on a WebSocket that upgrades.
            Packet::Open(_) | Packet::Ping | Packet::Probe | Packet::ProbeAnswer | Packet::Upgrade => Err(Violation),
        }
    }

    /// Returns once the client owes a pong for longer than allowed. The next ping is due an interval after the pong, not after
    /// the last ping: a client counts the same way.
    pub(super) async fn heartbeat(&self, opened: Instant, options: &Options) {
        let mut due = opened + options.ping_interval;
        loop {
            sleep_until(due).await;
            let mut ponged = std::pin::pin!(self.ponged.notified());
            ponged.as_mut().enable();
            self.state().queue.push_first(Packet::Ping);
            self.changed.notify_waiters();
            let mut deadline = due + options.ping_timeout;
            loop {
                tokio::select! {
                    biased;
                    () = &mut ponged => break,
                    // Whatever it sends, it lives: a pong may be stuck behind a long upload.
                    () = self.heard.notified() => deadline = Instant::now() + options.ping_timeout,
                    () = sleep_until(deadline) => return,
                }
            }
            due = Instant::now() + options.ping_interval;
        }
    }

    /// The first packet of a session that polls.
    pub(super) fn take_handshake(&self) -> Vec<Packet> {
        self.state().queue.take(1)
    }

    /// Waits for packets to write to the WebSocket. Empty: the session has ended, and everything was taken.
    pub(super) async fn take_for_websocket(&self, bytes_max: usize) -> Vec<Packet> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Before the look at the queue: what comes in after it wakes the wait.
            changed.as_mut().enable();
            {
                let mut state = self.state();
                let packets = state.queue.take(bytes_max);
                if !packets.is_empty() || state.ending.is_some() {
                    self.taken(&state);
                    return packets;
                }
            }
            changed.await;
        }
    }

    /// Waits for what the poll is answered with. `None` where an upgrade has overtaken it.
    pub(super) async fn take_for_poll(&self, bytes_max: usize) -> Option<Vec<Packet>> {
        // A poll that waits when the probe comes is let go, so that the client can upgrade. One that comes after it is from
        // a client that has not read the answer yet, and would come again and again.
        let is_late = self.state().phase == Phase::Probing;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.look(bytes_max) {
                Look::Packets(packets) => return Some(packets),
                Look::Nothing => changed.await,
                Look::Probing | Look::Upgraded if !is_late => return Some(vec![Packet::Noop]),
                Look::Probing => tokio::select! {
                    () = changed => {}
                    () = sleep(NOOP_AFTER) => return Some(vec![Packet::Noop]),
                },
                Look::Upgraded => return None,
            }
        }
    }

    fn look(&self, bytes_max: usize) -> Look {
        let mut state = self.state();
        match (state.ending, state.phase) {
            // The poll of a client that has just said goodbye ends without a word.
            (Some(Ending::Client), _) => {
                state.owes_noop = false;
                self.changed.notify_waiters();
                Look::Packets(vec![Packet::Noop])
            }
            (Some(Ending::Server), _) => {
                let mut packets = state.queue.take(usize::MAX);
                packets.push(Packet::Close);
                Look::Packets(packets)
            }
            (None, Phase::WebSocket) => Look::Upgraded,
            (None, _) if !state.queue.is_empty() => {
                let packets = state.queue.take(bytes_max);
                self.taken(&state);
                Look::Packets(packets)
            }
            (None, Phase::Probing) => Look::Probing,
            (None, Phase::Polling | Phase::Upgrading) => Look::Nothing,
        }
    }

    /// Whether a poll may still come for its noop: it was sent before the client's goodbye and travels on a connection of its own.
    pub(super) fn owes_noop(&self) -> bool {
        self.state().owes_noop
    }

    /// Returns once it is paid, or nobody came for it.
    pub(super) async fn noop_taken(&self) {
        let paid = async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                changed.as_mut().enable();
                if !self.owes_noop() {
                    return;
                }
                changed.await;
            }
        };
        let _ = timeout(NOOP_KEPT, paid).await;
    }

    /// Begins a request; `None` where the transport is the WebSocket by now. A second request of one kind beside a first
    /// ends the session.
    pub(super) fn begin(&self, request: Request) -> Option<Begun<'_>> {
        let mut state = self.state();
        let is_over = state.ending.is_some() && !(state.owes_noop && request == Request::Poll);
        if state.phase == Phase::WebSocket || is_over {
            return None;
        }
        let is_under_way = state.is_under_way(request);
        if *is_under_way {
            drop(state);
            self.close(Ending::Server);
            return None;
        }
        *is_under_way = true;
        Some(Begun { session: self, request, is_done: false })
    }

    /// Begins an upgrade; `None` where there is nothing to upgrade, or one is under way.
    pub(super) fn begin_upgrade(&self) -> Option<Upgrade<'_>> {
        let mut state = self.state();
        if state.phase != Phase::Polling || state.ending.is_some() {
            return None;
        }
        state.phase = Phase::Upgrading;
        Some(Upgrade { session: self, is_done: false })
    }

    fn set_phase(&self, phase: Phase) {
        self.state().phase = phase;
        self.changed.notify_waiters();
    }
}

impl State {
    fn is_under_way(&mut self, request: Request) -> &mut bool {
        match request {
            Request::Poll => &mut self.is_polled,
            Request::Post => &mut self.is_posted,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Poll,
    Post,
}

/// A request under way. Dropped before it is [done](Begun::done), as its handler is when the client hangs up, it ends the
/// session: what it carried is lost.
pub(super) struct Begun<'a> {
    session: &'a Session,
    request: Request,
    is_done: bool,
}

impl Begun<'_> {
    pub(super) fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        *self.session.state().is_under_way(self.request) = false;
        if !self.is_done {
            self.session.close(Ending::Server);
        }
    }
}

/// An upgrade under way. Dropped before it is [done](Upgrade::done), polling goes on as if nothing had been.
pub(super) struct Upgrade<'a> {
    session: &'a Session,
    is_done: bool,
}

impl Upgrade<'_> {
    /// Lets a waiting poll go.
    pub(super) fn probing(&self) {
        self.session.set_phase(Phase::Probing);
    }

    pub(super) fn done(mut self, options: &Options) {
        self.is_done = true;
        self.session.state()._gauge = Gauge::new(options.websocket_name);
        self.session.set_phase(Phase::WebSocket);
    }
}

impl Drop for Upgrade<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.session.set_phase(Phase::Polling);
        }
    }
}
