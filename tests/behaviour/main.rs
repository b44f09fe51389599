//! What the service does, seen from outside. One binary, because linking many would take longer than running them.
#![allow(clippy::unwrap_used)]

mod provider;
mod support;
