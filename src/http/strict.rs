//! JSON bodies, read strictly: an error names the field and the rule, in words for whoever wrote the client. Why not
//! poem-openapi's `Json`: it turns numbers into strings where it can, and does not name a field that is missing.

use std::{fmt, marker::PhantomData};

use poem::{Error, Request, RequestBody, Result, http::StatusCode};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    error::ContentTypeError,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry},
    types::Type,
};
use serde::{
    Deserialize,
    de::{DeserializeOwned, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value;

/// A body that is read into a `T` and described as an `S`.
pub(super) struct Strict<T, S = T> {
    pub(super) body: T,
    described_by: PhantomData<S>,
}

impl<T: Send, S: Type> Payload for Strict<T, S> {
    const CONTENT_TYPE: &'static str = <Json<S> as Payload>::CONTENT_TYPE;

    fn check_content_type(content_type: &str) -> bool {
        <Json<S> as Payload>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        S::schema_ref()
    }

    fn register(registry: &mut Registry) {
        S::register(registry);
    }
}

impl<'a, T: DeserializeOwned + Send, S: Type> ApiExtractor<'a> for Strict<T, S> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        match request.content_type() {
            Some(content_type) if Self::check_content_type(content_type) => {}
            Some(content_type) => {
                return Err(ContentTypeError::NotSupported { content_type: content_type.to_owned() }.into());
            }
            None => return Err(ContentTypeError::ExpectContentType.into()),
        }
        let bytes = body.take()?.into_bytes().await?;
        check_shape(&bytes, &S::schema_ref())?;
        let body = parse(&bytes).map_err(|rule| Error::from_string(rule, StatusCode::BAD_REQUEST))?;
        Ok(Self { body, described_by: PhantomData })
    }
}

/// A struct that is read from a JSON object and from nothing else. By itself it would be read from an array as well, its fields
/// by their order, which nobody was ever told of.
#[derive(Debug)]
pub(super) struct Keyed<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Keyed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Keyed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> std::result::Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Keyed)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// The same for a value with structs inside: wherever what was `read` from the `given` JSON is written as an object, an object
/// must have been given.
///
/// # Errors
///
/// Names the first place where it was not.
pub(super) fn check_objects(given: &Value, read: &Value, place: &str) -> std::result::Result<(), String> {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => read
            .iter()
            .filter_map(|(field, read)| Some((field, given.get(field)?, read)))
            .try_for_each(|(field, given, read)| check_objects(given, read, &format!("{place}.{field}"))),
        (_, Value::Object(_)) => Err(format!("{place}: must be an object")),
        (Value::Array(given), Value::Array(read)) => given
            .iter()
            .zip(read)
            .enumerate()
            .try_for_each(|(index, (given, read))| check_objects(given, read, &format!("{place}[{index}]"))),
        _ => Ok(()),
    }
}

/// The body of a request, where it is described as one object.
fn check_shape(bytes: &[u8], described: &MetaSchemaRef) -> Result<()> {
    let is_array = bytes.trim_ascii_start().starts_with(b"[");
    match described {
        MetaSchemaRef::Reference(_) if is_array => {
            Err(Error::from_string("the body must be a JSON object", StatusCode::BAD_REQUEST))
        }
        MetaSchemaRef::Reference(_) | MetaSchemaRef::Inline(_) => Ok(()),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> std::result::Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let body = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if !inner.is_data() {
            return format!("the body must be JSON: {inner}");
        }
        // Where in the text a wrong value stands is of no use to anybody; its field is.
        let rule = inner.to_string();
        let rule = rule.split(" at line ").next().unwrap_or_default();
        // `expected struct Name`: the name is ours alone.
        let rule = rule
            .split_once("expected struct ")
            .map_or_else(|| rule.to_owned(), |(found, _)| format!("{found}expected an object"));
        match (rule.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')), path.as_str()) {
            (Some(field), ".") => format!("{field}: is required"),
            (Some(field), place) => format!("{place}.{field}: is required"),
            (None, ".") => format!("the body: {rule}"),
            (None, place) => format!("{place}: {rule}"),
        }
    })?;
    deserializer.end().map_err(|error| format!("the body must be JSON: {error}"))?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Form {
        #[allow(dead_code)]
        topic: String,
        #[allow(dead_code)]
        user_id: uuid::Uuid,
    }

    #[test]
    fn a_struct_is_read_from_an_object_alone() {
        let user = r#""11111111-1111-4111-8111-111111111111""#;
        let keyed = |json: &str| parse::<Vec<Keyed<Form>>>(json.as_bytes());
        assert!(keyed(&format!(r#"[{{"topic":"x","user_id":{user}}}]"#)).is_ok());
        let refused = keyed(&format!(r#"[{{"topic":"x","user_id":{user}}},["x",{user}]]"#)).unwrap_err();
        assert_eq!(refused, "[1]: invalid type: sequence, expected an object");
        assert_eq!(keyed(r#"[{"topic":"x"}]"#).unwrap_err(), "[0].user_id: is required");
    }

    #[test]
    fn objects_stay_objects_all_the_way_down() {
        let read = json!({"a": {"b": [{"c": 1}, {"c": 2}]}, "d": [1]});
        assert_eq!(check_objects(&json!({"a": {"b": [{"c": 1}, {"c": 2}], "e": 0}, "d": [1]}), &read, "x"), Ok(()));
        let wrong = |given| check_objects(&given, &read, "x").unwrap_err();
        assert_eq!(wrong(json!([[[[1], [2]]], [1]])), "x: must be an object");
        assert_eq!(wrong(json!({"a": {"b": [{"c": 1}, [2]]}, "d": [1]})), "x.a.b[1]: must be an object");
    }

    fn wrong(json: &str) -> String {
        parse::<Form>(json.as_bytes()).unwrap_err()
    }

    #[test]
    fn errors_name_the_field_and_the_rule() {
        assert_eq!(wrong("{}"), "topic: is required");
        assert_eq!(wrong(r#"{"topic":5}"#), "topic: invalid type: integer `5`, expected a string");
        assert!(wrong(r#"{"topic":"x","user_id":"y"}"#).starts_with("user_id: "));
        assert!(wrong("[]").starts_with("the body: "), "{}", wrong("[]"));
        assert!(wrong("{").starts_with("the body must be JSON: "));
        assert!(wrong("").starts_with("the body must be JSON: "));
        assert!(
            wrong(r#"{"topic":"x","user_id":"11111111-1111-4111-8111-111111111111"} x"#)
                .starts_with("the body must be JSON: ")
        );
    }
}
