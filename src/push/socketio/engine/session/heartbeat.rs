//! The heartbeat of a session: a ping, and a sign of life in time.

use tokio::time::{Instant, sleep_until};

use super::{super::packet::Packet, Options, Session};

impl Session {
    /// Returns once the client owes a pong for longer than allowed. The next ping is due an interval after the pong, not after
    /// the last ping: a client counts the same way.
    pub(in super::super) async fn heartbeat(&self, opened: Instant, options: &Options) {
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
}
