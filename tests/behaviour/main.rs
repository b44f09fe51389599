//! What the service does, seen from outside: real processes, a real PostgreSQL, real clients. One binary, because linking
//! many would take longer than running them.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod analytics;
mod append;
mod commands;
mod cors;
mod crash;
mod doors;
mod export;
mod faults;
mod generation;
mod history;
mod http;
mod log;
mod metrics;
mod nodes;
mod openapi;
mod postgres;
mod provider;
mod pruning;
mod resume;
mod seals;
mod slow;
mod soak;
mod socketio;
mod sql_cache;
mod support;
mod websocket;
