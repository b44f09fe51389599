//! Packets on their way to one client. Pure.
//!
//! Its bound is kept by those who fill it: who sends messages waits while the queue [is full](Queue::is_full), so it holds
//! at most one message more than its bound, and the few packets of the engine itself.

use std::collections::VecDeque;

use super::packet::Packet;

/// Bytes that wait for the client. What does not fit stays with the application, which reads on from the log later.
const BYTES_MAX: usize = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct Queue {
    packets: VecDeque<Packet>,
    bytes: usize,
}

impl Queue {
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn push(&mut self, packet: Packet) {
        self.bytes += packet.bytes();
        self.packets.push_back(packet);
    }

    /// Ahead of what waits: a client that takes long to read a large event must still hear the ping in time.
    pub(super) fn push_first(&mut self, packet: Packet) {
        self.bytes += packet.bytes();
        self.packets.push_front(packet);
    }

    /// The first packets, up to `bytes_max` of them, but at least one where there is one.
    pub(super) fn take(&mut self, bytes_max: usize) -> Vec<Packet> {
        let mut bytes = 0;
        let mut count = 0;
        for packet in &self.packets {
            if count > 0 && bytes + packet.bytes() > bytes_max {
                break;
            }
            bytes += packet.bytes();
            count += 1;
        }
        self.bytes -= bytes;
        let taken = self.packets.drain(..count).collect();
        if self.packets.is_empty() {
            // A burst must not be paid for by the quiet hours after it.
            self.packets.shrink_to(4);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::packet::{Message, Text},
        *,
    };

    fn message(bytes: usize) -> Packet {
        Packet::Message(Message::Text(Text::new(&"x".repeat(bytes - 1))))
    }

    #[test]
    fn takes_what_fits_and_always_something() {
        let mut queue = Queue::default();
        for bytes in [10, 10, 100] {
            queue.push(message(bytes));
        }
        assert_eq!(queue.take(25).len(), 2);
        assert_eq!(queue.take(25), vec![message(100)]);
        assert_eq!(queue.take(25), vec![]);
    }

    #[test]
    fn is_full_until_enough_was_taken() {
        let mut queue = Queue::default();
        queue.push(message(BYTES_MAX - 1));
        assert!(!queue.is_full());
        queue.push(message(10));
        assert!(queue.is_full());
        queue.take(1);
        assert!(!queue.is_full() && !queue.is_empty());
    }

    #[test]
    fn a_ping_overtakes() {
        let mut queue = Queue::default();
        queue.push(message(5));
        queue.push_first(Packet::Ping);
        assert_eq!(queue.take(100), vec![Packet::Ping, message(5)]);
    }
}
