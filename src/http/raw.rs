//! JSON that is text already. Events leave as they stand in the log: parsing them into values and writing them again
//! would cost time and change their bytes.

use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::{
    payload::Payload,
    registry::{MetaSchemaRef, Registry},
    types::Type,
};

/// A JSON body whose schema is that of `T`.
pub(super) struct Raw<T> {
    json: String,
    described_by: PhantomData<T>,
}

impl<T> Raw<T> {
    pub(super) const fn new(json: String) -> Self {
        Self { json, described_by: PhantomData }
    }
}

impl<T: Type> Payload for Raw<T> {
    const CONTENT_TYPE: &'static str = "application/json; charset=utf-8";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for Raw<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type("application/json; charset=utf-8").body(self.json)
    }
}
