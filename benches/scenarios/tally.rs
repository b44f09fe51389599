//! What one subscriber has seen, held against the contract: offsets 1, 2, 3 …, each message once, in order, of its session only.

use std::{collections::HashSet, ops::AddAssign, sync::atomic::Ordering::Relaxed};

use serde::Serialize;

use crate::{
    ledger::Ledger,
    token::{Token, number_after},
};

/// Missing messages that are remembered one by one: bounds the memory of a run that goes wrong.
const MISSING_MAX: usize = 100_000;

/// Everything that must not happen. All zero, or the run has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Messages that never came although later ones of the same publisher and session did.
    pub gaps: u64,
    /// Acknowledged messages at the end that never came.
    pub undelivered: u64,
    pub duplicates: u64,
    /// Messages that came after a later one of the same publisher and session.
    pub out_of_order: u64,
    /// Frames whose offset was not the one after the frame's before.
    pub broken_offsets: u64,
    /// Messages of a session that was not joined.
    pub misrouted: u64,
    /// Subscribers that saw messages at other offsets than the publishers were told.
    pub disagreements: u64,
}

impl Faults {
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.gaps += other.gaps;
        self.undelivered += other.undelivered;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
        self.broken_offsets += other.broken_offsets;
        self.misrouted += other.misrouted;
        self.disagreements += other.disagreements;
    }
}

/// A subscriber's memory; it survives its connections.
#[derive(Debug)]
pub struct Tally {
    pub session: usize,
    /// The last-seen offset to come back with.
    pub offset: u64,
    /// Messages, each counted once.
    pub messages: u64,
    fingerprints: u64,
    publishers: Vec<Publisher>,
    faults: Faults,
}

#[derive(Debug)]
struct Publisher {
    lane: u16,
    next: u32,
    missing: HashSet<u32>,
}

impl Tally {
    pub fn new(session: usize) -> Self {
        Self { session, offset: 0, messages: 0, fingerprints: 0, publishers: Vec::new(), faults: Faults::default() }
    }

    /// Counts a frame of the log; returns its token where it holds a message that had not come before.
    pub fn count(&mut self, frame: &[u8]) -> Option<Token> {
        let offset = number_after(frame, b"\"offset\":").unwrap_or(0);
        if offset != self.offset + 1 {
            self.faults.broken_offsets += 1;
        }
        self.offset = self.offset.max(offset);
        let token = Token::find(frame)?;
        if usize::from(token.session) != self.session {
            self.faults.misrouted += 1;
            return None;
        }
        if !self.is_first(token) {
            self.faults.duplicates += 1;
            return None;
        }
        self.messages += 1;
        self.fingerprints = self.fingerprints.wrapping_add(token.fingerprint(offset));
        Some(token)
    }

    fn is_first(&mut self, token: Token) -> bool {
        let index = self.publishers.iter().position(|publisher| publisher.lane == token.lane);
        let index = index.unwrap_or_else(|| {
            self.publishers.push(Publisher { lane: token.lane, next: 0, missing: HashSet::new() });
            self.publishers.len() - 1
        });
        let publisher = &mut self.publishers[index];
        if token.number < publisher.next {
            let was_missing = publisher.missing.remove(&token.number);
            self.faults.out_of_order += u64::from(was_missing);
            return was_missing;
        }
        let room = MISSING_MAX.saturating_sub(publisher.missing.len());
        publisher.missing.extend((publisher.next..token.number).take(room));
        publisher.next = token.number + 1;
        true
    }

    /// What was wrong, once everything that was published has had its time to arrive.
    pub fn judge(&self, ledger: &Ledger) -> Faults {
        let published = &ledger.sessions[self.session];
        let gaps = self.publishers.iter().map(|publisher| publisher.missing.len() as u64).sum();
        let missing = published.messages.load(Relaxed).saturating_sub(self.messages);
        let disagrees = missing == 0 && published.fingerprints.load(Relaxed) != self.fingerprints;
        Faults { gaps, undelivered: missing.saturating_sub(gaps), disagreements: disagrees.into(), ..self.faults }
    }
}
