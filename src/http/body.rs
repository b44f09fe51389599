//! Bodies are bounded before anything looks at them.

use std::sync::Arc;

use poem::{Endpoint, Error, IntoResponse, Request, Response, error::ReadBodyError, http::StatusCode};

/// The largest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Reads the body, up to its limit. Why not poem's `SizeLimit`: that refuses requests without a Content-Length, every GET and
/// chunked POST among them.
pub(super) async fn bound<E: Endpoint>(next: Arc<E>, mut request: Request) -> poem::Result<Response> {
    let body = request.take_body();
    match body.into_bytes_limit(BODY_BYTES_MAX).await {
        Ok(bytes) => {
            request.set_body(bytes);
            next.call(request).await.map(IntoResponse::into_response)
        }
        Err(ReadBodyError::PayloadTooLarge) => Err(Error::from_string(
            format!("the body must not be larger than {BODY_BYTES_MAX} bytes"),
            StatusCode::PAYLOAD_TOO_LARGE,
        )),
        Err(_) => Err(Error::from_string("the body could not be read", StatusCode::BAD_REQUEST)),
    }
}
