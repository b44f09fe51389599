//! What the tests run beside the service: a model server, a server that answers exactly what it is told, and ears for the log.

pub(crate) mod aimock;
pub(crate) mod logs;
pub(crate) mod scripted;
