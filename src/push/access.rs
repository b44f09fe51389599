//! Who is on a connection, and for how long.
//!
//! ```text
//! waiting ── authenticate ─► granted ── token expires, key is revoked ─► lapsed ── the minute is over ─► the end
//!    │                          ▲                                          │
//!    └── too long ─► the end    └────────── authenticate, the same caller ─┘
//! ```
//!
//! Only who is granted is served. Who has lapsed is told so, is sent nothing, and goes on where he stood once he has shown a
//! fresh token. Another caller cannot take his place: he was let in to what is joined, nobody else.

use std::{net::IpAddr, time::Duration};

use chrono::Utc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    auth::{
        Auth, AuthError, Caller, Granted, Principal,
        policy::{self, Action, Refusal},
    },
    event::SessionId,
    feed::{Feed, JoinError},
    limits::{Busy, Held, Limits},
    wire::{ErrorCode, ServerEvent},
};

/// How long a connection may be there without saying who it is.
const INTRODUCTION_MAX: Duration = Duration::from_secs(10);
/// How long whose token has expired may take to send a fresh one.
const LAPSED_MAX: Duration = Duration::from_secs(45);

enum State {
    Waiting { deadline: Instant },
    Granted(Granted),
    Lapsed { principal: Principal, deadline: Instant },
}

/// One connection's caller.
pub struct Access {
    auth: Auth,
    limits: Limits,
    address: IpAddr,
    state: State,
    _stream: Held,
}

/// What has become of the access.
#[derive(Clone, Debug)]
pub enum Change {
    /// The client is to be told, and may do something about it.
    Lapsed(ServerEvent),
    /// The client is told, and the connection ends.
    Over(ServerEvent),
}

impl Access {
    /// A connection that has said nothing yet: granted at once where the service is open.
    ///
    /// # Errors
    ///
    /// [`Busy`] where its caller has too many streams.
    pub fn new(auth: Auth, limits: Limits, caller: &Caller) -> Result<Self, Busy> {
        let granted = caller.granted.clone().or_else(|| auth.anonymous().ok());
        let (state, stream) = match granted {
            Some(granted) => {
                let stream = limits.stream_of(&granted.principal)?;
                (State::Granted(granted), stream)
            }
            None => (State::Waiting { deadline: Instant::now() + INTRODUCTION_MAX }, Held::default()),
        };
        Ok(Self { auth, limits, address: caller.address, state, _stream: stream })
    }

    /// Takes a token. The answer is what to send.
    ///
    /// # Errors
    ///
    /// The `session_error` to send. What was granted before stands.
    pub async fn authenticate(&mut self, token: &str) -> Result<ServerEvent, ServerEvent> {
        let granted = self.auth.authenticate(token).await.map_err(refused_by)?;
        if matches!(granted.principal, Principal::Writer(_)) {
            return Err(refused_by(AuthError::Invalid));
        }
        match &self.state {
            State::Waiting { .. } => {
                self._stream = self.limits.stream_of(&granted.principal).map_err(|busy| too_many(None, busy))?;
            }
            State::Granted(Granted { principal, .. }) | State::Lapsed { principal, .. } => {
                if !principal.is_same(&granted.principal) {
                    let message = "the token is another caller's: open another connection for it";
                    return Err(error(None, ErrorCode::Forbidden, message));
                }
                let reach = |principal| policy::reach(principal, Action::ReadSession);
                if reach(&granted.principal) < reach(principal) {
                    // What is joined goes on without being asked about again.
                    let message = "the key opens less than before: open another connection for it";
                    return Err(error(None, ErrorCode::Forbidden, message));
                }
            }
        }
        let until = granted.until;
        self.state = State::Granted(granted);
        Ok(ServerEvent::Authenticated { until })
    }

    /// Whether anything may be sent.
    #[must_use]
    pub const fn is_granted(&self) -> bool {
        matches!(self.state, State::Granted(_))
    }

    fn principal(&self) -> Result<&Principal, AuthError> {
        match &self.state {
            State::Granted(granted) if granted.until.is_none_or(|until| until > Utc::now()) => Ok(&granted.principal),
            State::Granted(_) | State::Lapsed { .. } => Err(AuthError::Expired),
            State::Waiting { .. } => Err(AuthError::Missing),
        }
    }

    /// Whether the connection's caller is known, before anything is asked about a session.
    ///
    /// # Errors
    ///
    /// The `session_error` to send.
    pub fn check(&self, session_id: SessionId) -> Result<(), ServerEvent> {
        self.principal().map(drop).map_err(|cause| unauthorized(Some(session_id), &cause.to_string()))
    }

    /// Whether the caller may follow a session: to be held for as long as he does. A session that is another's takes the same
    /// look at the database and gets the same answer as one that is not there.
    ///
    /// # Errors
    ///
    /// The `session_error` to send.
    pub async fn may_follow(&self, feed: &Feed, session_id: SessionId) -> Result<Held, ServerEvent> {
        let principal = self.principal().map_err(|cause| unauthorized(Some(session_id), &cause.to_string()))?;
        if *principal == Principal::Open {
            return Ok(Held::default());
        }
        let refuse = |refusal| match refusal {
            Refusal::Hidden => error(Some(session_id), ErrorCode::SessionNotFound, &JoinError::NotFound.to_string()),
            Refusal::Forbidden => error(Some(session_id), ErrorCode::Forbidden, "this key may not follow sessions"),
            Refusal::Unauthorized => unauthorized(Some(session_id), &AuthError::Invalid.to_string()),
        };
        policy::may_at_all(principal, Action::ReadSession).map_err(refuse)?;
        let head = feed.head(session_id).await.map_err(|cause| {
            tracing::warn!(session.id = %session_id, error = %cause, "a join could not be answered");
            error(Some(session_id), ErrorCode::Internal, &JoinError::Store(cause).to_string())
        })?;
        policy::may_touch(principal, Action::ReadSession, head.map(|head| head.user_id)).map_err(refuse)?;
        self.limits.joined_by(principal).map_err(|busy| too_many(Some(session_id), busy))
    }

    /// Whom the access trail has to name, and his address: whoever follows sessions by his office and not because they are his.
    #[must_use]
    pub fn reader_of_others(&self) -> Option<(String, IpAddr)> {
        match self.principal() {
            Ok(principal @ Principal::Key(..)) => Some((principal.to_string(), self.address)),
            Ok(Principal::Open | Principal::User(_) | Principal::Writer(_)) | Err(_) => None,
        }
    }

    /// Makes a client that asks for much wait, and with it whatever it sends next.
    pub async fn slow_down(&self) {
        let mut busy = self.limits.request_from(self.address).err();
        if let State::Granted(granted) = &self.state {
            busy = busy.or(self.limits.request_of(&granted.principal).err());
        }
        if let Some(busy) = busy {
            sleep(busy.retry_after).await;
        }
    }

    /// Waits until something becomes of the access; for ever where nothing can. Dropping the future loses nothing.
    pub async fn change(&mut self) -> Change {
        match &self.state {
            State::Granted(granted) => {
                self.lapse(granted).await;
                let principal = granted.principal.clone();
                self.state = State::Lapsed { principal, deadline: Instant::now() + LAPSED_MAX };
                let message = "the token has expired; send a fresh one with authenticate";
                Change::Lapsed(unauthorized(None, message))
            }
            State::Lapsed { deadline, .. } => {
                sleep_until(*deadline).await;
                Change::Over(unauthorized(None, &AuthError::Expired.to_string()))
            }
            State::Waiting { deadline } => {
                sleep_until(*deadline).await;
                Change::Over(unauthorized(None, &AuthError::Missing.to_string()))
            }
        }
    }

    /// Returns once the grant is over.
    async fn lapse(&self, granted: &Granted) {
        if granted.principal == Principal::Open {
            return std::future::pending().await;
        }
        loop {
            let left = granted.until.map(|until| (until - Utc::now()).to_std().unwrap_or_default());
            if left == Some(Duration::ZERO) || !self.auth.still_holds(&granted.principal) {
                return;
            }
            let is_revocable = matches!(granted.principal, Principal::Key(..));
            let pause = if is_revocable { Auth::REVOKED_WITHIN } else { Duration::from_secs(3_600) };
            sleep(left.map_or(pause, |left| left.min(pause))).await;
        }
    }
}

fn refused_by(cause: AuthError) -> ServerEvent {
    match cause {
        AuthError::Unavailable => error(None, ErrorCode::Internal, &cause.to_string()),
        AuthError::Missing | AuthError::Invalid | AuthError::Expired => unauthorized(None, &cause.to_string()),
    }
}

pub(super) fn unauthorized(session_id: Option<SessionId>, message: &str) -> ServerEvent {
    error(session_id, ErrorCode::Unauthorized, message)
}

fn too_many(session_id: Option<SessionId>, busy: Busy) -> ServerEvent {
    error(session_id, ErrorCode::TooManySessions, &busy.to_string())
}

fn error(session_id: Option<SessionId>, code: ErrorCode, message: &str) -> ServerEvent {
    ServerEvent::Error { session_id, code, message: message.to_owned() }
}
