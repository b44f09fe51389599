//! Who asks, and what he may do.
//!
//! ```text
//! mod        Auth: what a node asks its callers for; a token becomes a Principal
//! bearer     ─► a token out of an Authorization header (pure)
//! jwt        ─► tokens of an issuer; jwks: its published keys, crypto: who checks the signatures
//! keys       ─► API keys: how they look and what is kept of them (pure)
//! keyring    ─► the keys that hold at the moment, on this node
//! ticket     ─► short-lived leave to open one session's stream (pure)
//! principal, policy ─► who there is; who may do what on which resource, as one table (pure)
//! ```
//!
//! Imports point down: `auth ─► store` for the API keys, and nothing else of the service. [`http`](crate::http) and
//! [`push`](crate::push) ask this room and decide nothing by themselves. Refuses: cookies. A credential that browsers
//! send by themselves would let any page act for whoever looks at it.
//!
//! Nobody learns from an answer whether something exists that he may not see: see [`policy`].

pub mod bearer;
mod crypto;
mod jwks;
mod jwt;
mod keyring;
pub mod keys;
pub mod policy;
mod principal;
pub mod ticket;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::store::Store;

pub use jwks::JwksSetupError;
pub use jwt::{JwtOptions, JwtSetupError, Signed, SignedBy};
pub use principal::{Principal, Role, Roles};

use jwt::Jwt;
use keyring::KeyRing;

/// The longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 << 10;

/// A caller, and until when he is known to be who he says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub principal: Principal,
    /// When the token expires; `None` for what holds until it is revoked.
    pub until: Option<DateTime<Utc>>,
}

/// Where a request comes from, and whose it is.
#[derive(Clone, Debug)]
pub struct Caller {
    pub address: IpAddr,
    /// `None` where it came without a token, and one is needed.
    pub granted: Option<Granted>,
    pub asked: Asked,
}

/// Whether the policy was asked about a request: one whose answer nobody asked about does not leave.
#[derive(Clone, Debug, Default)]
pub struct Asked(Arc<AtomicBool>);

impl Asked {
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a caller is not let in. None of it says more than he knows already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("a token or a key is needed")]
    Missing,
    #[error("the token or key is not valid")]
    Invalid,
    #[error("the token has expired")]
    Expired,
    /// Nobody can say at the moment: the issuer's keys or the database are away.
    #[error("tokens cannot be checked at the moment")]
    Unavailable,
}

/// What a node asks its callers for. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    doors: Option<Arc<Doors>>,
}

struct Doors {
    jwt: Option<Jwt>,
    keys: KeyRing,
}

/// What callers are asked for.
#[derive(Debug)]
pub struct AuthOptions {
    /// The issuer of tokens, where there is one. API keys are taken in any case.
    pub jwt: Option<JwtOptions>,
}

impl Auth {
    /// Everybody may do everything: for one person on one machine.
    #[must_use]
    pub const fn open() -> Self {
        Self { doors: None }
    }

    /// Everybody is asked who he is.
    ///
    /// # Errors
    ///
    /// [`JwtSetupError`].
    pub fn required(options: AuthOptions, store: Store) -> Result<Self, JwtSetupError> {
        let jwt = options.jwt.map(Jwt::new).transpose()?;
        Ok(Self { doors: Some(Arc::new(Doors { jwt, keys: KeyRing::new(store) })) })
    }

    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.doors.is_none()
    }

    /// Who a caller without a token is: anybody where the service is open, nobody elsewhere.
    ///
    /// # Errors
    ///
    /// [`AuthError::Missing`].
    pub fn anonymous(&self) -> Result<Granted, AuthError> {
        if self.is_open() { Ok(Granted { principal: Principal::Open, until: None }) } else { Err(AuthError::Missing) }
    }

    /// Who a token is of. Where the service is open nobody looks at it: it may be a producer's, or an old one.
    ///
    /// # Errors
    ///
    /// [`AuthError`].
    pub async fn authenticate(&self, token: &str) -> Result<Granted, AuthError> {
        let Some(doors) = &self.doors else { return self.anonymous() };
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::Invalid);
        }
        if let Some(key) = keys::Presented::parse(token) {
            let granted = doors.keys.find(&key).await?;
            return Ok(Granted { principal: Principal::Key(granted.id, granted.roles), until: granted.expires_at });
        }
        if let Some(writer) = keys::write_token_sha256(token) {
            // Whether it is some session's is asked where it is used.
            return Ok(Granted { principal: Principal::Writer(writer), until: None });
        }
        let jwt = doors.jwt.as_ref().ok_or(AuthError::Invalid)?;
        let Signed { user_id, until } = jwt.verify(token).await?;
        Ok(Granted { principal: Principal::User(user_id), until: Some(until) })
    }

    /// Whether a principal that was let in earlier is so still: keys are revoked while connections are open.
    #[must_use]
    pub fn still_holds(&self, principal: &Principal) -> bool {
        match (&self.doors, principal) {
            (Some(doors), Principal::Key(id, roles)) => doors.keys.holds(id, *roles),
            (Some(_), Principal::Open) => false,
            (_, Principal::Open | Principal::User(_) | Principal::Key(..) | Principal::Writer(_)) => true,
        }
    }

    /// How soon a revocation is known on this node.
    pub const REVOKED_WITHIN: Duration = keyring::REFRESH_EVERY;

    /// Keeps what is known of keys fresh, until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        match &self.doors {
            Some(doors) => doors.keys.run(stop).await,
            None => stop.cancelled().await,
        }
    }
}
