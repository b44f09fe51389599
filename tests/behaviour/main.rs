//! What the service does, seen from outside: real processes, a real PostgreSQL, real clients. One binary, because linking
//! many would take longer than running them.
#![allow(clippy::unwrap_used)]

mod postgres;
mod provider;
mod support;
