//! `coursestream`: a course-generation service whose sessions are durable event logs in PostgreSQL.
//!
//! One journey leads through every room:
//!
//! ```text
//! POST /generate ─► generation (a leased run) ─► provider (model) ─► messages
//!     ─► store::append  (group commit: one statement per batch of many sessions)  ══► PostgreSQL
//!     ─► feed  (this node: the committed batch; other nodes: NOTIFY wakes, rows are read)
//!     ─► push::{websocket, socketio, sse}  (one cursor per subscription) ─► client
//! ```
//!
//! # Rooms
//!
//! Imports point down; skipping levels is fine.
//!
//! ```text
//! cli          the commands; generate and tail are clients like any other
//! app          the only wiring: what a node is made of, start and stop
//! http         the OpenAPI endpoints, one file per resource; the access trail; the page, out of the binary
//! push         connections: the pump, and one file or room per transport
//! jobs         chores on a schedule
//! generation   runs: start, cancel, claim; the workflow as a fold (pure); prompts; log capture
//! feed         tails, shared recent frames, subscriptions; listener, notifier, sweep
//! limits       how much one caller may have at a time and per second
//! auth         who asks, and what he may do; its pure parts (principals, keys, policy) are known below, too
//! store        all SQL: append, read, sessions, leases, courses, partitions, seals
//! seal         the hashes of an ended log, the chain that they form, where a log differs (pure)
//! projection   the fold of events to a session's state (pure)
//! event        SessionId, Offset, Event, Draft (pure)
//!
//! leaves:      generation ─► provider ─► course;   {http, push, feed} ─► wire ─► {event, auth, limits}
//! doors:       {http, push, wire} ─► limits ─► auth ─► store
//! beside:      postgres (the private cluster), config, telemetry
//! ```
//!
//! Never: SQL outside [`store`], [`postgres`] and `feed/listener.rs`; I/O in [`event`], [`course`], [`projection`] or
//! [`generation::workflow`]; a [`provider`] that knows sessions; [`push`] appending; [`http`] and [`push`] importing each other;
//! [`feed`] sending an event that is not committed.
//!
//! # Invariants
//!
//! 1. Nobody receives an event that is not committed with `synchronous_commit = on`.
//! 2. Offsets of a session are 1, 2, 3 … in commit order, assigned under the session row's lock.
//! 3. Events are never updated or deleted row by row; a trigger refuses it. Pruning moves whole partitions.
//! 4. Status, counts and courses are projections: written with the events, equal to the fold of the events.
//! 5. NOTIFY is never issued in the append's transaction.
//! 6. One dedicated connection LISTENs per node; after a reconnection every followed session is asked about; a probe tells
//!    whether wake-ups arrive.
//! 7. Memory per subscriber is bounded: a slow client falls behind in the log, not in a queue. A frame is encoded once per
//!    session event and wire.
//! 8. Only the holder of a session's lease appends to it; the append checks the lease's fence.
//! 9. A run always ends in exactly one terminal event.
//!
//! # Finding your room
//!
//! A new frame field → [`wire`]; an endpoint → [`http`]; a kind of event → [`event`], then whatever the compiler names; a column
//! → a migration and [`store`]; who may do what → [`auth::policy`]; a model vendor → [`provider`]; a chore → [`jobs`]; a client
//! sees stale data → [`feed`]; connections drop → [`push`]; a question of analysts → a view of the schema `analytics`, in a migration, and
//! `scripts/analytics`.

pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod course;
pub mod event;
pub mod feed;
pub mod generation;
pub mod http;
pub mod jobs;
pub mod limits;
pub mod postgres;
pub mod projection;
pub mod provider;
pub mod push;
pub mod seal;
pub mod store;
pub mod telemetry;
pub mod wire;
