//! Bodies are bounded, in size and in time, before anything looks at them.

use std::{sync::Arc, time::Duration};

use poem::{Endpoint, Error, IntoResponse, Request, Response, error::ReadBodyError, http::StatusCode};

use super::errors;
use crate::{auth::Caller, limits::Limits};

/// What is read of a request.
#[derive(Clone)]
pub struct Bodies {
    pub limits: Limits,
    pub bytes_max: usize,
    /// How long a body may take to arrive; zero is for ever.
    pub timeout: Duration,
}

/// Reads the body, up to its limits. Why not poem's `SizeLimit`: that refuses requests without a Content-Length, every GET and
/// chunked POST among them.
pub(super) async fn bound<E: Endpoint>(next: Arc<E>, mut request: Request, bodies: Bodies) -> poem::Result<Response> {
    let Bodies { limits, bytes_max, timeout } = bodies;
    let read = request.take_body().into_bytes_limit(bytes_max);
    let read = if timeout.is_zero() { Ok(read.await) } else { tokio::time::timeout(timeout, read).await };
    match read {
        Ok(Ok(bytes)) => {
            if let Some(caller) = request.extensions().get::<Caller>()
                && let Err(busy) = limits.bytes_from(caller.address, bytes.len())
            {
                return Ok(errors::answer(&request, &busy.into()));
            }
            request.set_body(bytes);
            next.call(request).await.map(IntoResponse::into_response)
        }
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(Error::from_string(
            format!("the body must not be larger than {bytes_max} bytes"),
            StatusCode::PAYLOAD_TOO_LARGE,
        )),
        Ok(Err(_)) => Err(Error::from_string("the body could not be read", StatusCode::BAD_REQUEST)),
        Err(_) => Err(Error::from_string(
            format!("the body must arrive within {} s", timeout.as_secs()),
            StatusCode::REQUEST_TIMEOUT,
        )),
    }
}
