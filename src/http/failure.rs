//! How an error looks on the paths that existing clients use.

use poem_openapi::{
    Object,
    registry::{MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};
use serde_json::Value;

use super::example::example;
use crate::wire::{ErrorCode, Form, Problem};

/// An error as existing clients expect it.
#[derive(Object)]
#[oai(example)]
struct Failure {
    success: bool,
    error: String,
}

example!(Failure { "success": false, "error": "Session not found" });

/// `{"success":false,"error":…}`: how existing clients expect an error.
pub(super) struct AsFailure;

impl Form for AsFailure {
    const CONTENT_TYPE: &'static str = "application/json; charset=utf-8";

    fn body(problem: &Problem) -> Value {
        Failure { success: false, error: problem.detail.clone() }.to_json().unwrap_or_default()
    }

    fn schema(_: &[ErrorCode]) -> MetaSchemaRef {
        Failure::schema_ref()
    }

    fn register(registry: &mut Registry, _: &[ErrorCode]) {
        Failure::register(registry);
    }
}
