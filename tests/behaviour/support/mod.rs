//! What the tests drive the service with.

pub mod aimock;
pub mod api;
pub mod database;
pub mod logs;
pub mod proxy;
pub mod scripted;
pub mod service;
pub mod socket;
