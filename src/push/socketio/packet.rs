//! Socket.IO packets as text (Socket.IO protocol 5, "Packet encoding"). Pure.
//!
//! `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`. Binary data is replaced by placeholders in the JSON and follows as
//! messages of its own; here it is only counted.

use std::{borrow::Cow, fmt::Write};

use serde_json::{Map, Value};

/// The main namespace, the only one that is not written.
pub const MAIN: &str = "/";

/// Names that mean something else to clients and are never sent.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// A packet, and how many binary attachments belong to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    pub namespace: Cow<'static, str>,
    pub kind: Kind,
    pub attachments: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// From a client: it wants in, with what it says about itself. From the server: it is in.
    Connect(Option<Map<String, Value>>),
    Disconnect,
    /// The first argument is the event's name.
    Event {
        ack: Option<u64>,
        args: Vec<Value>,
    },
    Ack {
        ack: u64,
        args: Vec<Value>,
    },
    ConnectError(Value),
}

/// Not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("a packet begins with its type, 0 to 6")]
    Type,
    #[error("a binary packet names the number of its attachments")]
    Attachments,
    #[error("the ack id is not a whole number")]
    AckId,
    #[error("the payload is not JSON, or not of the packet's form")]
    Payload,
}

impl Packet {
    #[must_use]
    pub const fn new(namespace: Cow<'static, str>, kind: Kind) -> Self {
        Self { namespace, kind, attachments: 0 }
    }

    /// # Errors
    ///
    /// [`Malformed`].
    pub fn decode(text: &str) -> Result<Self, Malformed> {
        let (kind, rest) = text.split_at_checked(1).ok_or(Malformed::Type)?;
        if !matches!(kind, "0" | "1" | "2" | "3" | "4" | "5" | "6") {
            return Err(Malformed::Type);
        }
        let (attachments, rest) = match kind {
            "5" | "6" => {
                let (count, rest) = rest.split_once('-').ok_or(Malformed::Attachments)?;
                (whole_number(count).ok_or(Malformed::Attachments)?, rest)
            }
            _ => (0, rest),
        };
        let (namespace, rest) = match rest.strip_prefix('/') {
            // A packet without anything behind the namespace may end without the comma.
            Some(_) => rest.split_once(',').unwrap_or((rest, "")),
            None => (MAIN, rest),
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (ack, rest) = rest.split_at(digits);
        let ack = match ack {
            "" => None,
            ack => Some(whole_number(ack).ok_or(Malformed::AckId)?),
        };
        let payload = match rest {
            "" => None,
            json => Some(serde_json::from_str(json).map_err(|_| Malformed::Payload)?),
        };
        let kind = Kind::decode(kind, ack, payload)?;
        let namespace = if namespace == MAIN { Cow::Borrowed(MAIN) } else { Cow::Owned(namespace.to_owned()) };
        let attachments = usize::try_from(attachments).map_err(|_| Malformed::Attachments)?;
        Ok(Self { namespace, kind, attachments })
    }

    /// As it is sent.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        self.encode_to(&mut text);
        text
    }

    pub(super) fn encode_to(&self, text: &mut String) {
        let is_binary = self.attachments > 0;
        text.push(match &self.kind {
            Kind::Connect(_) => '0',
            Kind::Disconnect => '1',
            Kind::Event { .. } if is_binary => '5',
            Kind::Event { .. } => '2',
            Kind::Ack { .. } if is_binary => '6',
            Kind::Ack { .. } => '3',
            Kind::ConnectError(_) => '4',
        });
        // Writing to a String cannot fail.
        if is_binary {
            let _ = write!(text, "{}-", self.attachments);
        }
        if self.namespace != MAIN {
            let _ = write!(text, "{},", self.namespace);
        }
        let _ = match &self.kind {
            Kind::Connect(None) | Kind::Disconnect => Ok(()),
            Kind::Connect(Some(payload)) => write!(text, "{}", json(payload)),
            Kind::Event { ack: None, args } => write!(text, "{}", json(args)),
            Kind::Event { ack: Some(ack), args } | Kind::Ack { ack, args } => write!(text, "{ack}{}", json(args)),
            Kind::ConnectError(payload) => write!(text, "{payload}"),
        };
    }
}

impl Kind {
    fn decode(kind: &str, ack: Option<u64>, payload: Option<Value>) -> Result<Self, Malformed> {
        match (kind, ack, payload) {
            ("0", _, None) => Ok(Self::Connect(None)),
            ("0", _, Some(Value::Object(payload))) => Ok(Self::Connect(Some(payload))),
            ("1", _, None) => Ok(Self::Disconnect),
            ("2" | "5", ack, Some(Value::Array(args))) if is_event(&args) => Ok(Self::Event { ack, args }),
            ("3" | "6", Some(ack), Some(Value::Array(args))) => Ok(Self::Ack { ack, args }),
            ("4", _, Some(payload @ (Value::Object(_) | Value::String(_)))) => Ok(Self::ConnectError(payload)),
            ("3" | "6", None, _) => Err(Malformed::AckId),
            _ => Err(Malformed::Payload),
        }
    }
}

/// Events may be named by numbers, too.
fn is_event(args: &[Value]) -> bool {
    match args.first() {
        Some(Value::String(name)) => !RESERVED.contains(&name.as_str()),
        Some(Value::Number(_)) => true,
        _ => false,
    }
}

fn whole_number(text: &str) -> Option<u64> {
    // `parse` would take a sign.
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("JSON values serialise")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event(ack: Option<u64>, args: Value) -> Kind {
        let Value::Array(args) = args else { panic!("arguments are an array") };
        Kind::Event { ack, args }
    }

    /// "Sample session" and "Packet encoding" of the protocol's text.
    #[test]
    fn the_examples_of_the_protocol() {
        let admin = || Cow::Borrowed("/admin");
        let main = || Cow::Borrowed(MAIN);
        let token = json!({"token": "123"}).as_object().cloned();
        let placeholder = json!({"_placeholder": true, "num": 0});
        let with = |attachments, packet: Packet| Packet { attachments, ..packet };
        let cases = [
            ("0", Packet::new(main(), Kind::Connect(None))),
            (r#"0{"token":"123"}"#, Packet::new(main(), Kind::Connect(token.clone()))),
            (r#"0/admin,{"token":"123"}"#, Packet::new(admin(), Kind::Connect(token))),
            ("1/admin,", Packet::new(admin(), Kind::Disconnect)),
            (r#"2["foo"]"#, Packet::new(main(), event(None, json!(["foo"])))),
            (r#"2/admin,["bar"]"#, Packet::new(admin(), event(None, json!(["bar"])))),
            (r#"212["foo"]"#, Packet::new(main(), event(Some(12), json!(["foo"])))),
            ("3/admin,13[\"bar\"]", Packet::new(admin(), Kind::Ack { ack: 13, args: vec![json!("bar")] })),
            (
                r#"4/admin,{"message":"Not authorized"}"#,
                Packet::new(admin(), Kind::ConnectError(json!({"message": "Not authorized"}))),
            ),
            (
                r#"51-["baz",{"_placeholder":true,"num":0}]"#,
                with(1, Packet::new(main(), event(None, json!(["baz", placeholder])))),
            ),
            (
                r#"61-/admin,15[{"_placeholder":true,"num":0}]"#,
                with(1, Packet::new(admin(), Kind::Ack { ack: 15, args: vec![placeholder] })),
            ),
        ];
        for (text, packet) in cases {
            assert_eq!(Packet::decode(text), Ok(packet.clone()), "{text}");
            assert_eq!(packet.encode(), text);
        }
        assert_eq!(Packet::decode("0/admin"), Ok(Packet::new(admin(), Kind::Connect(None))));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        let cases = [
            ("", Malformed::Type),
            ("abc", Malformed::Type),
            ("7", Malformed::Type),
            ("é", Malformed::Type),
            ("2{}", Malformed::Payload),
            ("2[]", Malformed::Payload),
            ("2[{}]", Malformed::Payload),
            (r#"2["connect"]"#, Malformed::Payload),
            (r#"2abc["foo"]"#, Malformed::Payload),
            (r#"299999999999999999999["foo"]"#, Malformed::AckId),
            (r#"3["foo"]"#, Malformed::AckId),
            ("0[]", Malformed::Payload),
            ("1[]", Malformed::Payload),
            ("4", Malformed::Payload),
            (r#"5["foo"]"#, Malformed::Attachments),
            (r#"5+1-["foo"]"#, Malformed::Attachments),
        ];
        for (text, malformed) in cases {
            assert_eq!(Packet::decode(text), Err(malformed), "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map("[a-z]{1,6}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn packet() -> impl Strategy<Value = Packet> {
        let namespace = prop_oneof![Just("/".to_owned()), "/[a-z-]{1,8}"].prop_map(Cow::Owned);
        let args = || proptest::collection::vec(value(), 0..4);
        let event = (proptest::option::of(any::<u64>()), "[a-z_]{1,9}x", args()).prop_map(|(ack, name, mut args)| {
            args.insert(0, Value::from(name));
            Kind::Event { ack, args }
        });
        let kind = prop_oneof![
            Just(Kind::Connect(None)),
            Just(Kind::Disconnect),
            event,
            (any::<u64>(), args()).prop_map(|(ack, args)| Kind::Ack { ack, args }),
        ];
        (namespace, kind, 0_usize..3).prop_map(|(namespace, kind, attachments)| {
            let may_be_binary = matches!(kind, Kind::Event { .. } | Kind::Ack { .. });
            Packet { namespace, kind, attachments: if may_be_binary { attachments } else { 0 } }
        })
    }

    proptest! {
        #[test]
        fn packets_come_back(packet in packet()) {
            prop_assert_eq!(Packet::decode(&packet.encode()), Ok(packet));
        }

        #[test]
        fn no_text_is_too_strange(text in "[0-6]?[0-9-]{0,3}(/[a-z,]{0,4})?[0-9]{0,3}.{0,20}") {
            let _ = Packet::decode(&text);
        }
    }
}
