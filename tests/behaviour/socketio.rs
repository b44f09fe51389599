//! Socket.IO: the protocols' rules on raw connections, our events on them, and the clients that exist.

mod clients;
mod engine;
mod events;
mod memory;
mod origins;
mod protocol;
mod raw;
mod recovery;
mod socket;
