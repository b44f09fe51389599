//! The form of errors.
//!
//! Endpoints answer with the errors that they know. What never reached one (no such path, a body that does not parse, a panic
//! that poem caught) arrives here as a poem error and is given the same form.

use std::{borrow::Cow, sync::Arc};

use poem::{Endpoint, Error, IntoResponse, Request, Response, error::CorsError, http::StatusCode};
use poem_openapi::error::{ContentTypeError, ParseParamError};

use super::failure::AsFailure;
use crate::{
    store::{AppendError, StoreError},
    wire::{AsProblem, ErrorCode, Form, Problem},
};

/// Paths whose clients expect `{"success":false,"error":…}`.
const DROP_IN: &str = "/api/v1/course-generation/";

/// Gives every error that no endpoint has formed the form of its path.
pub(super) async fn unify<E: Endpoint>(next: Arc<E>, request: Request) -> poem::Result<Response> {
    let is_drop_in = request.original_uri().path().starts_with(DROP_IN);
    match next.call(request).await {
        Ok(response) => Ok(response.into_response()),
        // A refusal that an endpoint has formed.
        Err(error) if error.is_from_response() => Ok(error.into_response()),
        Err(error) => {
            let problem = problem(&error);
            Ok(if is_drop_in { AsFailure::respond(&problem) } else { AsProblem::respond(&problem) })
        }
    }
}

/// An answer in the form of the path that was asked for.
pub(super) fn answer(request: &Request, problem: &Problem) -> Response {
    respond(request.original_uri().path(), problem)
}

pub(super) fn respond(path: &str, problem: &Problem) -> Response {
    if path.starts_with(DROP_IN) { AsFailure::respond(problem) } else { AsProblem::respond(problem) }
}

fn problem(error: &Error) -> Problem {
    let status = error.status();
    if status.is_server_error() {
        tracing::error!(%error, "a request failed");
    }
    let detail = if status.is_server_error() { Cow::from("the server could not answer") } else { detail(error) };
    Problem { status: status.as_u16(), ..Problem::new(code_of(status), detail) }
}

fn code_of(status: StatusCode) -> ErrorCode {
    match status {
        StatusCode::UNAUTHORIZED => ErrorCode::Unauthorized,
        StatusCode::FORBIDDEN => ErrorCode::Forbidden,
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PayloadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::UnsupportedMediaType,
        StatusCode::TOO_MANY_REQUESTS => ErrorCode::TooManyRequests,
        StatusCode::SERVICE_UNAVAILABLE => ErrorCode::Unavailable,
        status if status.is_client_error() => ErrorCode::BadRequest,
        _ => ErrorCode::Internal,
    }
}

/// What was wrong, in our words: poem's name our types and speak of parsing.
fn detail(error: &Error) -> Cow<'static, str> {
    if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
        return format!("{name}: {}", rule(reason)).into();
    }
    if matches!(error.downcast_ref(), Some(CorsError::OriginNotAllowed)) {
        return "Origin: pages of this origin may not call here".into();
    }
    match error.downcast_ref() {
        Some(ContentTypeError::NotSupported { content_type }) => {
            format!("Content-Type: must be application/json, is {content_type}").into()
        }
        Some(ContentTypeError::ExpectContentType) => "Content-Type: is required, and must be application/json".into(),
        None => error.to_string().into(),
    }
}

/// The rule that a parameter breaks, from poem-openapi's account of how it failed.
fn rule(reason: &str) -> Cow<'static, str> {
    let bound = |name: &str| {
        let rest = reason.strip_prefix("verification failed. ")?.strip_prefix(name)?;
        rest.strip_prefix('(')?.split_once(',').map(|(bound, _)| bound.to_owned())
    };
    if let Some(min) = bound("minimum") {
        return format!("must be at least {min}").into();
    }
    if let Some(max) = bound("maximum") {
        return format!("must be at most {max}").into();
    }
    if reason.contains("expects an input value") {
        return "is required".into();
    }
    // Types of our own name their rule.
    if let Some((_, rule)) = reason.split_once(": ").filter(|(_, rest)| rest.starts_with("must ")) {
        return rule.split(" (occurred while parsing").next().unwrap_or_default().to_owned().into();
    }
    let kinds = [
        (r#"failed to parse "integer"#, "must be a whole number from 0"),
        (r#"failed to parse "string_uuid"#, "must be a UUID"),
        (r#"failed to parse "string_date-time"#, "must be a time such as 2026-01-31T12:00:00Z"),
        (r#"failed to parse "boolean"#, "must be true or false"),
        (r#"failed to parse "string_ip"#, "must be an IP address"),
        (r#"failed to parse "ExportFormat"#, "must be ndjson or csv"),
    ];
    let known = kinds.into_iter().find(|(start, _)| reason.starts_with(start));
    known.map_or_else(|| reason.to_owned().into(), |(_, rule)| rule.into())
}

/// What the database's absence looks like from outside; the cause is logged here, once.
pub(super) fn store(error: StoreError) -> Problem {
    if error.is_transient() {
        tracing::warn!(%error, "a request found no database");
        Problem::new(ErrorCode::Unavailable, "the database cannot be reached at the moment")
    } else {
        tracing::error!(%error, "a request failed in the database");
        Problem::new(ErrorCode::Internal, "the server could not answer")
    }
}

pub(super) fn append(error: AppendError) -> Problem {
    let code = match error {
        AppendError::NotFound => ErrorCode::SessionNotFound,
        AppendError::Ended | AppendError::Duplicate => ErrorCode::SessionEnded,
        AppendError::Fenced | AppendError::Unavailable | AppendError::OutcomeUnknown => ErrorCode::Unavailable,
        AppendError::Rejected(_) => ErrorCode::Internal,
    };
    Problem::new(code, error.to_string())
}
