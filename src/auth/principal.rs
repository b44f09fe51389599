//! Who there is. Pure.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use super::keys::KeyId;

/// Who asks.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Anybody, where the service runs without authentication.
    Open,
    /// A person: the `sub` of a token.
    User(Uuid),
    /// A program or an office, by its API key.
    Key(KeyId, Roles),
    /// Whoever holds a session's write token, of which the hash is kept.
    Writer([u8; 32]),
}

/// What is logged and kept: who it is, and nothing that opens a door.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::User(user_id) => write!(f, "user:{user_id}"),
            Self::Key(id, _) => write!(f, "key:{id}"),
            Self::Writer(_) => f.write_str("writer"),
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Principal {
    /// Whether it is the same caller as before: roles may have changed since.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Key(mine, _), Self::Key(other, _)) => mine == other,
            (mine, other) => mine == other,
        }
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Opens sessions and streams events into them.
    Producer,
    /// Reads everybody's sessions and courses, and exports them.
    Auditor,
    /// Reads metrics, sees which runs there are, cancels any.
    Operator,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Producer, Self::Auditor, Self::Operator];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Producer => 1,
            Self::Auditor => 2,
            Self::Operator => 4,
        }
    }
}

/// The text is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is producer, auditor or operator")]
pub struct RoleError;

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(RoleError)
    }
}

/// A set of roles.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<T: IntoIterator<Item = Role>>(roles: T) -> Self {
        Self(roles.into_iter().fold(0, |bits, role| bits | role.bit()))
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Role::as_str).collect();
        f.write_str(&names.join(", "))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
