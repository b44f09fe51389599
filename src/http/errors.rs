//! The form of errors.
//!
//! Endpoints answer with the errors that they know. What never reached one (no such path, a body that does not parse, a panic
//! that poem caught) arrives here as a poem error and is given the same form.

use std::{borrow::Cow, sync::Arc};

use poem::{
    Endpoint, Error, IntoResponse, Request, Response,
    http::{StatusCode, header},
};
use serde_json::json;

use crate::{
    feed::JoinError,
    store::{AppendError, StoreError},
    wire::{ErrorCode, Problem},
};

/// Paths whose clients expect `{"success":false,"error":…}`.
const DROP_IN: &str = "/api/v1/course-generation/";

/// Gives every error that no endpoint has formed the form of its path.
pub(super) async fn unify<E: Endpoint>(next: Arc<E>, request: Request) -> poem::Result<Response> {
    let is_drop_in = request.original_uri().path().starts_with(DROP_IN);
    match next.call(request).await {
        Ok(response) => Ok(response.into_response()),
        Err(error) => Ok(form(error, is_drop_in)),
    }
}

fn form(error: Error, is_drop_in: bool) -> Response {
    let status = error.status();
    let code = code_of(status);
    if status.is_server_error() {
        tracing::error!(%error, "a request failed");
    }
    let detail = if status.is_server_error() { Cow::from("the server could not answer") } else { detail(&error) };
    let body = if is_drop_in {
        json!({"success": false, "error": detail})
    } else {
        let problem = Problem { status: status.as_u16(), ..Problem::new(code, detail) };
        serde_json::to_value(problem).unwrap_or_default()
    };
    let content_type = if is_drop_in { "application/json; charset=utf-8" } else { "application/problem+json" };
    let mut response = Response::builder().status(status).content_type(content_type).body(body.to_string());
    // 405 says what is allowed.
    if let Some(allow) = error.into_response().headers().get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allow.clone());
    }
    response
}

fn code_of(status: StatusCode) -> ErrorCode {
    match status {
        StatusCode::UNAUTHORIZED => ErrorCode::Unauthorized,
        StatusCode::FORBIDDEN => ErrorCode::Forbidden,
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PayloadTooLarge,
        StatusCode::SERVICE_UNAVAILABLE => ErrorCode::Unavailable,
        status if status.is_client_error() => ErrorCode::BadRequest,
        _ => ErrorCode::Internal,
    }
}

/// What poem says, without the names of our types.
fn detail(error: &Error) -> Cow<'static, str> {
    let text = error.to_string();
    let text = text.strip_prefix("parse request payload error: ").unwrap_or(&text);
    match text.strip_prefix("failed to parse \"").and_then(|rest| rest.split_once("\": ")) {
        // `failed to parse "Type.field": reason`, or a field's own: `failed to parse "Type": reason`
        Some((place, reason)) => {
            let reason = reason.trim();
            match place.split_once('.') {
                Some((_, field)) => format!("{field}: {reason}").into(),
                None => reason.to_owned().into(),
            }
        }
        None => text.to_owned().into(),
    }
}

/// What the database's absence looks like from outside; the cause is logged here, once.
pub(super) fn store(error: &StoreError) -> Problem {
    if error.is_transient() {
        tracing::warn!(%error, "a request found no database");
        Problem::new(ErrorCode::Unavailable, "the database cannot be reached at the moment")
    } else {
        tracing::error!(%error, "a request failed in the database");
        Problem::new(ErrorCode::Internal, "the server could not answer")
    }
}

pub(super) fn append(error: &AppendError) -> Problem {
    let code = match error {
        AppendError::NotFound => ErrorCode::SessionNotFound,
        AppendError::Ended | AppendError::Duplicate => ErrorCode::SessionEnded,
        AppendError::Fenced | AppendError::Unavailable | AppendError::OutcomeUnknown => ErrorCode::Unavailable,
        AppendError::Rejected(_) => ErrorCode::Internal,
    };
    Problem::new(code, error.to_string())
}

/// A session that is not there, in the words of every endpoint.
pub(super) fn no_session() -> Problem {
    Problem::new(ErrorCode::SessionNotFound, JoinError::NotFound.to_string())
}
