//! What polls of a session are answered with.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{super::packet::Packet, Ending, Phase, Session};

/// How long a poll waits for the upgrade that is under way.
const NOOP_AFTER: Duration = Duration::from_millis(100);
/// How long a noop is kept for a poll that the client's goodbye has overtaken.
const NOOP_KEPT: Duration = Duration::from_secs(1);

/// What a poll finds.
enum Look {
    Packets(Vec<Packet>),
    Nothing,
    Probing,
    Upgraded,
}

impl Session {
    /// Waits for what the poll is answered with. `None` where an upgrade has overtaken it.
    pub(in super::super) async fn take_for_poll(&self, bytes_max: usize) -> Option<Vec<Packet>> {
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
    pub(in super::super) fn owes_noop(&self) -> bool {
        self.state().owes_noop
    }

    /// Returns once it is paid, or nobody came for it.
    pub(in super::super) async fn noop_taken(&self) {
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
}
