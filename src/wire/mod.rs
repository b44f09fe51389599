//! What every transport shares: the names and payloads of the real-time events, their encodings, the error codes.
//!
//! A frame is encoded once per session event and wire, by whoever needs it first, and shared by all subscribers.

mod client;
mod code;
mod export;
mod frame;
mod json;
mod problem;

pub use client::{Join, Leave, PayloadError};
pub use code::ErrorCode;
pub use export::ExportForm;
pub use frame::{Frame, ServerEvent, Stamped};
pub use json::{JsonError, check_json};
pub use problem::{Problem, Tag};
