//! What the service does, seen from outside: real processes, a real PostgreSQL, real clients. One binary, because linking
//! many would take longer than running them.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod history;
mod postgres;
mod provider;
mod resume;
mod support;
