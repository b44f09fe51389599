//! What an operation answers when it has done what was asked: a status, and JSON that the document describes.

use std::marker::PhantomData;

use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::{ToJSON, Type},
};

const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// JSON of the type `T`, and in the document `T`'s own description.
pub(super) struct Reply<T, const STATUS: u16 = 200> {
    json: String,
    described_by: PhantomData<fn() -> T>,
}

impl<T: ToJSON, const STATUS: u16> Reply<T, STATUS> {
    pub(super) fn new(value: &T) -> Self {
        Self::raw(value.to_json_string())
    }
}

impl<T, const STATUS: u16> Reply<T, STATUS> {
    /// JSON that is text already. Events leave as they stand in the log: parsing them into values and writing them again would
    /// cost time and change their bytes.
    pub(super) const fn raw(json: String) -> Self {
        Self { json, described_by: PhantomData }
    }
}

impl<T, const STATUS: u16> IntoResponse for Reply<T, STATUS> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(STATUS).unwrap_or_default();
        Response::builder().status(status).content_type(CONTENT_TYPE).body(self.json)
    }
}

impl<T: Type, const STATUS: u16> ApiResponse for Reply<T, STATUS> {
    fn meta() -> MetaResponses {
        let mut registry = Registry::new();
        let schema = registry.create_fake_schema::<T>();
        MetaResponses {
            responses: vec![MetaResponse {
                description: schema.description.unwrap_or_default(),
                status: Some(STATUS),
                status_range: None,
                content: vec![MetaMediaType { content_type: CONTENT_TYPE, schema: T::schema_ref() }],
                headers: Vec::new(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
