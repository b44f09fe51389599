//! What the tests drive the service with.

pub mod aimock;
pub mod answers;
pub mod api;
pub mod chance;
pub mod database;
pub mod forwarder;
pub mod logs;
pub mod model;
pub mod outside;
pub mod proxy;
pub mod scripted;
pub mod service;
pub mod socket;
pub mod socketio;
pub mod sse;
