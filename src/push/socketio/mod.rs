//! Socket.IO: Engine.IO 4 and Socket.IO protocol 5, in layers.

pub mod connection;
pub mod engine;
pub mod packet;
