//! What every transport shares: the names and payloads of the real-time events, their encodings, the error codes.
//!
//! A frame is encoded once per session event and wire, by whoever needs it first, and shared by all subscribers.

mod client;
mod code;
mod export;
mod frame;
mod identity;
mod json;
mod param;
mod problem;
mod refused;

pub use client::{Authenticate, Join, Leave, PayloadError};
pub use code::ErrorCode;
pub use export::ExportForm;
pub use frame::{Frame, ServerEvent, Stamped};
pub use identity::Identity;
pub use json::{JsonError, check_json};
pub(crate) use param::param_type;
pub use param::{IdParam, OffsetParam, TextParam, parse_offset};
pub use problem::{Problem, Tag};
pub use refused::{AsProblem, Form, Refused, codes};
