//! The measuring token that every message carries, and the message around it.
//!
//! `cs!` and 31 hexadecimal digits: session (4), lane (3), number (8), nanoseconds (16). It is plain text without anything that
//! JSON would escape, so it reaches the subscriber unchanged, and a byte search finds it: no JSON is parsed on that side.

use std::{sync::OnceLock, time::Instant};

use memchr::memmem;

const MARK: &[u8] = b"cs!";
const TOKEN_BYTES: usize = 34;
/// Where each field begins behind the mark, and how many digits it has.
const SESSION: (usize, usize) = (3, 4);
const LANE: (usize, usize) = (7, 3);
const NUMBER: (usize, usize) = (10, 8);
const NANOS: (usize, usize) = (18, 16);

/// Size of a message as a producer posts it.
pub const MESSAGE_BYTES: usize = 220;
/// Sessions that a token can tell apart.
pub const SESSIONS_MAX: usize = 1 << 16;

/// What happened to which message when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub session: u16,
    /// The publisher connection; each numbers its messages of a session from 0.
    pub lane: u16,
    pub number: u32,
    /// When it was sent, or ought to have been: see `publisher`.
    pub nanos: u64,
}

/// Nanoseconds since the first call, of the one clock that everything is measured with (`CLOCK_MONOTONIC`).
pub fn nanos() -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

impl Token {
    /// The first token in the bytes.
    pub fn find(bytes: &[u8]) -> Option<Self> {
        let at = memmem::find(bytes, MARK)?;
        let token = bytes.get(at..at + TOKEN_BYTES)?;
        Some(Self {
            session: digits(token, SESSION)? as u16,
            lane: digits(token, LANE)? as u16,
            number: digits(token, NUMBER)? as u32,
            nanos: digits(token, NANOS)?,
        })
    }

    /// Appends a message of [`MESSAGE_BYTES`] that carries the token.
    pub fn write_message(self, out: &mut Vec<u8>) {
        const HEAD: &[u8] = br#"{"type":"log","message":""#;
        const MIDDLE: &[u8] = br#"","data":{"step":"lesson_content","part":2,"mark":""#;
        const TAIL: &[u8] = br#""}}"#;
        const TEXT: &[u8] =
            b"Lesson 2.3 is written: learning objectives, key concepts, examples, exercises and a quiz of three. ";
        const TEXT_BYTES: usize = MESSAGE_BYTES - HEAD.len() - MIDDLE.len() - TOKEN_BYTES - TAIL.len();
        out.extend_from_slice(HEAD);
        out.extend(TEXT.iter().cycle().take(TEXT_BYTES));
        out.extend_from_slice(MIDDLE);
        out.extend_from_slice(MARK);
        write_digits(out, u64::from(self.session), SESSION.1);
        write_digits(out, u64::from(self.lane), LANE.1);
        write_digits(out, u64::from(self.number), NUMBER.1);
        write_digits(out, self.nanos, NANOS.1);
        out.extend_from_slice(TAIL);
    }

    /// A fingerprint of "this message has this offset". Sums of them agree where two parties saw the same log.
    pub fn fingerprint(self, offset: u64) -> u64 {
        let message = u64::from(self.lane) << 48 | u64::from(self.number);
        let mixed = (message ^ offset.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }
}

fn digits(token: &[u8], (at, count): (usize, usize)) -> Option<u64> {
    token[at..at + count].iter().try_fold(0, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

fn write_digits(out: &mut Vec<u8>, value: u64, count: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend((0..count).rev().map(|place| DIGITS[(value >> (4 * place)) as usize & 15]));
}

/// The whole number behind a key such as `"offset":`.
pub fn number_after(bytes: &[u8], key: &[u8]) -> Option<u64> {
    let behind = &bytes[memmem::find(bytes, key)? + key.len()..];
    let digits = behind.iter().take_while(|byte| byte.is_ascii_digit());
    behind.first().filter(|byte| byte.is_ascii_digit())?;
    Some(digits.fold(0, |value: u64, byte| value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'))))
}
