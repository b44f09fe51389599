//! The one integration binary, rooms by behaviour: everything is driven from outside, against a real PostgreSQL.

#![allow(clippy::unwrap_used)]

mod postgres;
