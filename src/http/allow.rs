//! `Allow` on every 405 (RFC 9110, section 15.5.6). poem's router does not say it; the document knows.

use std::sync::Arc;

use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{HeaderValue, StatusCode, header},
};
use serde_json::Value;

/// The methods of every described path.
#[derive(Clone)]
pub(super) struct Methods(Arc<[(Vec<String>, HeaderValue)]>);

impl Methods {
    /// From the text of an OpenAPI document.
    pub(super) fn of(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let paths = document["paths"].as_object().into_iter().flatten();
        Self(
            paths
                .filter_map(|(path, operations)| {
                    let mut methods: Vec<String> =
                        operations.as_object()?.keys().map(|method| method.to_ascii_uppercase()).collect();
                    if methods.iter().any(|method| method == "GET") {
                        methods.push("HEAD".to_owned());
                    }
                    Some((segments(path), HeaderValue::from_str(&methods.join(", ")).ok()?))
                })
                .collect(),
        )
    }

    /// What a path takes; those that are not described are pages and sockets.
    fn find(&self, path: &str) -> HeaderValue {
        let asked = segments(path);
        let known = self.0.iter().find(|(segments, _)| {
            let pairs = segments.iter().zip(&asked);
            segments.len() == asked.len()
                && pairs.into_iter().all(|(known, asked)| known.starts_with('{') || known == asked)
        });
        known.map_or_else(|| HeaderValue::from_static("GET, HEAD"), |(_, methods)| methods.clone())
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

pub(super) async fn say<E: Endpoint>(next: Arc<E>, request: Request, methods: Methods) -> poem::Result<Response> {
    let path = request.original_uri().path().to_owned();
    let mut response = next.call(request).await?.into_response();
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().entry(header::ALLOW).or_insert_with(|| methods.find(&path));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_takes_the_methods_that_are_described() {
        let methods =
            Methods::of(r#"{"paths":{"/a":{"get":{},"post":{}},"/a/{id}":{"delete":{}},"/a/{id}/b":{"post":{}}}}"#);
        assert_eq!(methods.find("/a"), "GET, POST, HEAD");
        assert_eq!(methods.find("/a/"), "GET, POST, HEAD");
        assert_eq!(methods.find("/a/1"), "DELETE");
        assert_eq!(methods.find("/a/1/b"), "POST");
        assert_eq!(methods.find("/docs"), "GET, HEAD");
    }
}
