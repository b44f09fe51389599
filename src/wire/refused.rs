//! What an operation refuses with: the problems that it knows stand in its type, and so in the OpenAPI document.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use poem::{IntoResponse, Response, http::StatusCode};
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};
use serde_json::{Value, json};

use super::{ErrorCode, Problem};

/// The problems that every operation knows: a page of an origin that may not call, a database that is away, and worse.
const ALWAYS: [ErrorCode; 3] = [ErrorCode::Forbidden, ErrorCode::Internal, ErrorCode::Unavailable];

/// One of the problems that an operation knows. Write the type as [`refused!`](crate::refused); `?` makes one of any
/// [`Problem`].
pub struct Refused<const CODES: u64, F = AsProblem> {
    problem: Problem,
    form: PhantomData<fn() -> F>,
}

/// `refused![SessionNotFound, OffsetAhead]`: the type of an operation's refusals, beside those that every operation knows.
/// `refused![as Form; …]` where they are not written as problem details.
#[macro_export]
macro_rules! refused {
    (as $form:ty; $($code:ident),* $(,)?) => {
        $crate::wire::Refused<{ $crate::wire::codes(&[$($crate::wire::ErrorCode::$code),*]) }, $form>
    };
    ($($code:ident),* $(,)?) => { $crate::refused![as $crate::wire::AsProblem; $($code),*] };
}

/// The set of some codes, as a number.
#[must_use]
pub const fn codes(codes: &[ErrorCode]) -> u64 {
    let mut set = 0;
    let mut place = 0;
    while place < codes.len() {
        set |= 1 << codes[place] as u64;
        place += 1;
    }
    set
}

const _: () = assert!(ErrorCode::ALL.len() <= 64, "a set of codes is a number of 64 bits");

/// How a problem is written.
pub trait Form: 'static {
    const CONTENT_TYPE: &'static str;

    fn body(problem: &Problem) -> Value;
    /// The body of an answer that has one of these codes.
    fn schema(codes: &[ErrorCode]) -> MetaSchemaRef;
    fn register(registry: &mut Registry, codes: &[ErrorCode]);

    /// The whole answer.
    fn respond(problem: &Problem) -> Response {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::builder().status(status).content_type(Self::CONTENT_TYPE);
        if let Some(seconds) = problem.retry_after {
            response = response.header("retry-after", seconds);
        }
        response.body(Self::body(problem).to_string())
    }
}

/// Problem details of RFC 9457.
pub struct AsProblem;

impl Form for AsProblem {
    const CONTENT_TYPE: &'static str = "application/problem+json";

    fn body(problem: &Problem) -> Value {
        problem.to_json().unwrap_or_default()
    }

    fn schema(codes: &[ErrorCode]) -> MetaSchemaRef {
        MetaSchemaRef::Reference(schema_name(codes))
    }

    fn register(registry: &mut Registry, codes: &[ErrorCode]) {
        Problem::register(registry);
        let one_of = |values: Vec<Value>| {
            MetaSchemaRef::Inline(Box::new(MetaSchema { enum_items: values, ..MetaSchema::new("string") }))
        };
        let words = codes.iter().map(|code| json!(code.as_str())).collect();
        let kinds = codes.iter().map(|code| json!(Problem::kind_of(*code))).collect();
        let narrowed = MetaSchema {
            properties: vec![("type", one_of(kinds)), ("code", one_of(words))],
            ..MetaSchema::new("object")
        };
        registry.create_schema::<Self, _>(schema_name(codes), |_| MetaSchema {
            all_of: vec![Problem::schema_ref(), MetaSchemaRef::Inline(Box::new(narrowed))],
            example: codes.first().map(|code| Self::body(&Problem::new(*code, code.title()))),
            ..MetaSchema::ANY
        });
    }
}

/// `SessionNotFoundProblem`, `BadRequestOrOffsetAheadProblem`.
fn schema_name(codes: &[ErrorCode]) -> String {
    let names: Vec<String> = codes.iter().map(|code| format!("{code:?}")).collect();
    format!("{}Problem", names.join("Or"))
}

impl<const CODES: u64, F> From<Problem> for Refused<CODES, F> {
    fn from(problem: Problem) -> Self {
        debug_assert!(known(CODES).any(|code| code == problem.code), "{} is not in the document", problem.code);
        Self { problem, form: PhantomData }
    }
}

impl<const CODES: u64, F: Form> From<Refused<CODES, F>> for poem::Error {
    fn from(refused: Refused<CODES, F>) -> Self {
        Self::from_response(refused.into_response())
    }
}

impl<const CODES: u64, F: Form> IntoResponse for Refused<CODES, F> {
    fn into_response(self) -> Response {
        F::respond(&self.problem)
    }
}

impl<const CODES: u64, F> fmt::Debug for Refused<CODES, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl<const CODES: u64, F: Form> ApiResponse for Refused<CODES, F> {
    fn meta() -> MetaResponses {
        let responses = by_status(CODES).into_iter().map(|(status, codes)| describe::<F>(status, &codes)).collect();
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        for codes in by_status(CODES).into_values() {
            F::register(registry, &codes);
        }
    }
}

fn by_status(set: u64) -> BTreeMap<u16, Vec<ErrorCode>> {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in known(set) {
        by_status.entry(code.status()).or_default().push(code);
    }
    by_status
}

fn known(set: u64) -> impl Iterator<Item = ErrorCode> {
    ErrorCode::ALL.into_iter().filter(move |code| codes(&[*code]) & set != 0 || ALWAYS.contains(code))
}

fn describe<F: Form>(status: u16, codes: &[ErrorCode]) -> MetaResponse {
    let description = match codes {
        [code] => code.title(),
        _ => "One of several problems: `type` says which.",
    };
    let content = vec![MetaMediaType { content_type: F::CONTENT_TYPE, schema: F::schema(codes) }];
    let headers = if codes.iter().any(|code| code.retry_after().is_some()) { vec![retry_after()] } else { Vec::new() };
    MetaResponse { description, status: Some(status), status_range: None, content, headers }
}

fn retry_after() -> MetaHeader {
    MetaHeader {
        name: "Retry-After".to_owned(),
        description: Some("Seconds after which the same request may succeed.".to_owned()),
        required: true,
        deprecated: false,
        schema: u32::schema_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Example = refused![SessionNotFound, BadRequest, OffsetAhead];

    #[test]
    fn the_description_has_what_was_named_and_what_is_always_known() {
        let statuses: Vec<u16> = Example::meta().responses.iter().filter_map(|answer| answer.status).collect();
        assert_eq!(statuses, [400, 403, 404, 500, 503]);
        let mut registry = Registry::new();
        Example::register(&mut registry);
        let schema = serde_json::to_value(&registry.schemas["BadRequestOrOffsetAheadProblem"]).unwrap();
        assert_eq!(schema["allOf"][1]["properties"]["code"]["enum"], json!(["bad_request", "offset_ahead"]));
    }

    #[test]
    fn who_may_try_again_is_told_when() {
        let refused = Example::from(Problem::new(ErrorCode::Unavailable, "away"));
        assert_eq!(refused.into_response().header("retry-after"), Some("5"));
        let refused = Example::from(Problem::new(ErrorCode::SessionNotFound, "gone"));
        assert_eq!(refused.into_response().header("retry-after"), None);
    }
}
