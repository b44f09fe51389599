//! Whose turn it is: one poll, one post, one upgrade at a time. Each is a guard, so that it ends however its handler ends.

use super::{Ending, Options, Phase, Session, State};
use crate::push::Gauge;

impl Session {
    /// Begins a request; `None` where the transport is the WebSocket by now. A second request of one kind beside a first
    /// ends the session.
    pub(in super::super) fn begin(&self, request: Request) -> Option<Begun<'_>> {
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
    pub(in super::super) fn begin_upgrade(&self) -> Option<Upgrade<'_>> {
        let mut state = self.state();
        if state.phase != Phase::Polling || state.ending.is_some() {
            return None;
        }
        state.phase = Phase::Upgrading;
        Some(Upgrade { session: self, is_done: false })
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
pub(in super::super) enum Request {
    Poll,
    Post,
}

/// A request under way. Dropped before it is [done](Begun::done), as its handler is when the client hangs up, it ends the
/// session: what it carried is lost.
pub(in super::super) struct Begun<'a> {
    session: &'a Session,
    request: Request,
    is_done: bool,
}

impl Begun<'_> {
    pub(in super::super) fn done(mut self) {
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
pub(in super::super) struct Upgrade<'a> {
    session: &'a Session,
    is_done: bool,
}

impl Upgrade<'_> {
    /// Lets a waiting poll go.
    pub(in super::super) fn probing(&self) {
        self.session.set_phase(Phase::Probing);
    }

    pub(in super::super) fn done(mut self, options: &Options) {
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
