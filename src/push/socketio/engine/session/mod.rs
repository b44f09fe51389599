//! One Engine.IO session: what its transports and its application share.
//!
//! The application puts messages in at one end and waits while there are too many; the transport of the moment, a poll or
//! a WebSocket, takes packets out at the other. Everything that may change hands is under one lock, never held across an
//! await: the queue, who polls and posts, how far an upgrade has come, how the session ended.

mod heartbeat;
mod poll;
mod turns;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    Options,
    packet::{Message, Packet},
    queue::Queue,
};
use crate::push::{Gauge, Meter};
pub(super) use turns::Request;

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
    meter: Meter,
}

impl Session {
    pub(super) fn new(
        sid: String,
        phase: Phase,
        options: &Options,
        incoming: mpsc::Sender<Message>,
        meter: Meter,
    ) -> Self {
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
            meter,
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
        self.meter.take(packet.bytes()).await;
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

    fn set_phase(&self, phase: Phase) {
        self.state().phase = phase;
        self.changed.notify_waiters();
    }
}
