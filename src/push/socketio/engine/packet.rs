//! Engine.IO packets and payloads as text (Engine.IO protocol 4, "Packet encoding"). Pure.
//!
//! A packet is a type digit and its data; over long-polling several are joined by the record separator, and binary data
//! is base64 behind a `b`. Over WebSocket a binary message is a binary frame without a type.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use tokio_tungstenite::tungstenite::{Bytes, Message as Frame, Utf8Bytes};

const SEPARATOR: char = '\x1e';
const MESSAGE: char = '4';

/// The text of a message. It is kept as its packet is written, so that a text which goes to many is encoded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Utf8Bytes);

impl Text {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::build(text.len(), |packet| packet.push_str(text))
    }

    /// `write` appends the text; `bytes` says about how long it gets.
    #[must_use]
    pub fn build(bytes: usize, write: impl FnOnce(&mut String)) -> Self {
        let mut packet = String::with_capacity(bytes + 1);
        packet.push(MESSAGE);
        write(&mut packet);
        Self(packet.into())
    }

    /// From what [`Text::packet`] gave.
    #[must_use]
    pub fn from_packet(packet: Utf8Bytes) -> Self {
        debug_assert!(packet.as_str().starts_with(MESSAGE), "a message packet begins with its type");
        Self(packet)
    }

    /// The whole packet, type and all.
    #[must_use]
    pub const fn packet(&self) -> &Utf8Bytes {
        &self.0
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.as_str()[1..]
    }
}

/// What the two sides tell each other through the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Text(Text),
    Binary(Bytes),
}

/// A packet. What its peer may not send, and when, is for the session to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// The handshake, as JSON behind its type.
    Open(Utf8Bytes),
    Close,
    Ping,
    Pong,
    /// A ping that asks whether the WebSocket works.
    Probe,
    ProbeAnswer,
    Message(Message),
    Upgrade,
    Noop,
}

/// Not a packet, or not a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the payload is not UTF-8")]
    NotText,
    #[error("the payload holds more packets than allowed")]
    TooManyPackets,
    #[error("a packet begins with its type, 0 to 6")]
    Type,
    #[error("the binary data is not base64")]
    Base64,
}

impl Packet {
    /// A packet as it stands in a WebSocket text frame, or, where it is not binary, in a payload. Data behind types that have none is
    /// ignored, as the reference server does.
    pub(super) fn decode(text: Utf8Bytes) -> Result<Self, Malformed> {
        match text.as_str().as_bytes() {
            [b'0', ..] => Ok(Self::Open(text)),
            [b'1', ..] => Ok(Self::Close),
            b"2probe" => Ok(Self::Probe),
            [b'2', ..] => Ok(Self::Ping),
            b"3probe" => Ok(Self::ProbeAnswer),
            [b'3', ..] => Ok(Self::Pong),
            [b'4', ..] => Ok(Self::Message(Message::Text(Text(text)))),
            [b'5', ..] => Ok(Self::Upgrade),
            [b'6', ..] => Ok(Self::Noop),
            _ => Err(Malformed::Type),
        }
    }

    /// About how much memory the packet takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Open(text) => text.len(),
            Self::Message(Message::Text(Text(text))) => text.len(),
            Self::Message(Message::Binary(bytes)) => bytes.len(),
            Self::Close | Self::Ping | Self::Pong | Self::Probe | Self::ProbeAnswer | Self::Upgrade | Self::Noop => 1,
        }
    }

    /// As a WebSocket frame.
    pub(super) fn into_frame(self) -> Frame {
        match self {
            Self::Message(Message::Binary(bytes)) => Frame::Binary(bytes),
            Self::Open(text) | Self::Message(Message::Text(Text(text))) => Frame::Text(text),
            Self::Close => Frame::Text(Utf8Bytes::from_static("1")),
            Self::Ping => Frame::Text(Utf8Bytes::from_static("2")),
            Self::Pong => Frame::Text(Utf8Bytes::from_static("3")),
            Self::Probe => Frame::Text(Utf8Bytes::from_static("2probe")),
            Self::ProbeAnswer => Frame::Text(Utf8Bytes::from_static("3probe")),
            Self::Upgrade => Frame::Text(Utf8Bytes::from_static("5")),
            Self::Noop => Frame::Text(Utf8Bytes::from_static("6")),
        }
    }
}

/// The body of a long-polling answer.
pub(super) fn encode_payload(packets: impl IntoIterator<Item = Packet>) -> String {
    let mut payload = String::new();
    for (index, packet) in packets.into_iter().enumerate() {
        if index > 0 {
            payload.push(SEPARATOR);
        }
        match packet.into_frame() {
            Frame::Text(text) => payload.push_str(text.as_str()),
            Frame::Binary(bytes) => {
                payload.push('b');
                BASE64.encode_string(&bytes, &mut payload);
            }
            Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_) | Frame::Frame(_) => unreachable!("packets are data"),
        }
    }
    payload
}

/// The packets of a long-polling request.
pub(super) fn decode_payload(body: &[u8], packets_max: usize) -> Result<Vec<Packet>, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed::NotText)?;
    // Counted before anything is allocated for them.
    if text.split(SEPARATOR).nth(packets_max).is_some() {
        return Err(Malformed::TooManyPackets);
    }
    text.split(SEPARATOR)
        .map(|packet| match packet.strip_prefix('b') {
            Some(base64) => match BASE64.decode(base64) {
                Ok(bytes) => Ok(Packet::Message(Message::Binary(bytes.into()))),
                Err(_) => Err(Malformed::Base64),
            },
            None => Packet::decode(packet.into()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Packet {
        Packet::Message(Message::Text(Text::new(text)))
    }

    #[test]
    fn the_examples_of_the_protocol() {
        let packets = vec![text("hello"), Packet::Ping, Packet::Message(Message::Binary(vec![1, 2, 3, 4].into()))];
        assert_eq!(encode_payload(packets.clone()), "4hello\x1e2\x1ebAQIDBA==");
        assert_eq!(decode_payload(b"4hello\x1e2\x1ebAQIDBA==", 3), Ok(packets));
        assert_eq!(decode_payload(b"4", 1), Ok(vec![text("")]));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        assert_eq!(decode_payload(b"", 9), Err(Malformed::Type));
        assert_eq!(decode_payload(b"abc", 9), Err(Malformed::Type));
        assert_eq!(decode_payload(b"7", 9), Err(Malformed::Type));
        assert_eq!(decode_payload(b"4a\x1e", 9), Err(Malformed::Type));
        assert_eq!(decode_payload(b"b?", 9), Err(Malformed::Base64));
        assert_eq!(decode_payload(b"4\xff", 9), Err(Malformed::NotText));
        assert_eq!(decode_payload(b"4a\x1e4b\x1e4c", 2), Err(Malformed::TooManyPackets));
    }

    fn message() -> impl Strategy<Value = Packet> {
        prop_oneof![
            // The record separator ends a packet; JSON, which is what messages are, escapes it.
            "[^\x1e]{0,40}".prop_map(|message| text(&message)),
            proptest::collection::vec(any::<u8>(), 0..40)
                .prop_map(|bytes| Packet::Message(Message::Binary(bytes.into()))),
            Just(Packet::Ping),
            Just(Packet::Pong),
            Just(Packet::Close),
            Just(Packet::Noop),
        ]
    }

    proptest! {
        #[test]
        fn payloads_come_back(packets in proptest::collection::vec(message(), 1..8)) {
            let payload = encode_payload(packets.clone());
            prop_assert_eq!(decode_payload(payload.as_bytes(), 8), Ok(packets));
        }

        #[test]
        fn no_body_is_too_strange(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_payload(&body, 16);
        }
    }
}
