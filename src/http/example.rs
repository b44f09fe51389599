//! Examples for the document.

use std::net::{IpAddr, Ipv4Addr};

use chrono::{DateTime, TimeDelta, Utc};
use poem_openapi::types::ParseFromJSON;
use serde_json::Value;
use uuid::Uuid;

/// `example!(Type { "field": … })`: gives the type an example, written as the JSON that it stands for.
macro_rules! example {
    ($type:ident $($json:tt)+) => {
        impl poem_openapi::types::Example for $type {
            fn example() -> Self {
                $crate::http::example::read(serde_json::json!($($json)+))
            }
        }
    };
}
pub(super) use example;

/// A value from its JSON. Every example is read whenever the document is written, so a wrong one cannot get into it.
pub(super) fn read<T: ParseFromJSON>(json: Value) -> T {
    match T::parse_from_json(Some(json)) {
        Ok(value) => value,
        Err(error) => unreachable!("an example is not of its type: {}", error.into_message()),
    }
}

pub(super) const SESSION: &str = "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60";
pub(super) const USER: &str = "11111111-1111-4111-8111-111111111111";
pub(super) const COURSE: &str = "0199f7a2-9d40-7c11-8e02-6b7a5c3d9f18";

pub(super) const fn session() -> Option<Uuid> {
    Some(Uuid::from_u128(0x0199_f7a2_6c1e_7b3a_9c55_2f1d_4e8a_7b60))
}

pub(super) const fn address() -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)))
}

pub(super) const fn user() -> Option<Uuid> {
    Some(Uuid::from_u128(0x1111_1111_1111_4111_8111_1111_1111_1111))
}

pub(super) fn moment() -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(1_769_860_800, 0)
}

pub(super) fn an_hour_later() -> Option<DateTime<Utc>> {
    moment()?.checked_add_signed(TimeDelta::hours(1))
}
