//! Who asks, for the operations of the HTTP API: what the doors found out, and the questions to the policy.

use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use uuid::Uuid;

use super::{ErrorCode, Problem};
use crate::auth::{
    Asked, AuthError, Caller, Granted, Principal,
    policy::{self, Action, Refusal},
};

const SCHEME: &str = "bearer";

/// The caller of an operation. Its parameter makes the operation one for callers who are known.
#[derive(Clone, Debug)]
pub struct Identity {
    granted: Granted,
    asked: Asked,
}

impl Identity {
    #[must_use]
    pub const fn granted(&self) -> &Granted {
        &self.granted
    }

    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.granted.principal
    }

    /// Whether he may do this at all: asked before anything is looked up.
    ///
    /// # Errors
    ///
    /// The answer.
    pub fn may_at_all(&self, action: Action) -> std::result::Result<(), Problem> {
        self.asked.note();
        policy::may_at_all(self.principal(), action).map_err(|refusal| refuse(refusal, Problem::no_session))
    }

    /// Whether he may do this to a session of this user; `None` where there is no such session.
    ///
    /// # Errors
    ///
    /// The answer, the same for another's session and for none.
    pub fn may_touch(&self, action: Action, owner: Option<Uuid>) -> std::result::Result<(), Problem> {
        self.may_touch_other(action, owner, Problem::no_session)
    }

    /// The same for other things than sessions: `hidden` says that there is none.
    ///
    /// # Errors
    ///
    /// The answer.
    pub fn may_touch_other(
        &self,
        action: Action,
        owner: Option<Uuid>,
        hidden: impl FnOnce() -> Problem,
    ) -> std::result::Result<(), Problem> {
        self.asked.note();
        policy::may_touch(self.principal(), action, owner).map_err(|refusal| refuse(refusal, hidden))
    }

    /// Whether he may make something in the name of a user.
    ///
    /// # Errors
    ///
    /// The answer.
    pub fn may_act_for(&self, action: Action, user_id: Uuid) -> std::result::Result<(), Problem> {
        self.may_at_all(action)?;
        let refused = policy::may_act_for(self.principal(), action, user_id);
        refused.map_err(|_| Problem::new(ErrorCode::Forbidden, "user_id: must be that of the token"))
    }

    /// Whose things a list shows him: `None` is everybody's.
    ///
    /// # Errors
    ///
    /// The answer.
    pub fn scope(&self, action: Action, wanted: Option<Uuid>) -> std::result::Result<Option<Uuid>, Problem> {
        self.may_at_all(action)?;
        let scope = policy::scope(self.principal(), action, wanted);
        scope.map_err(|_| Problem::new(ErrorCode::Forbidden, "user_id: must be that of the token"))
    }
}

fn refuse(refusal: Refusal, hidden: impl FnOnce() -> Problem) -> Problem {
    match refusal {
        Refusal::Hidden => hidden(),
        Refusal::Forbidden => Problem::new(ErrorCode::Forbidden, "this token or key is not for that"),
        Refusal::Unauthorized => {
            Problem::new(ErrorCode::Unauthorized, format!("Authorization: {}", AuthError::Invalid))
        }
    }
}

impl<'a> ApiExtractor<'a> for Identity {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some(
                "A token of a user (JWT; `sub` is the user's id), an API key (`csk_…`), or, to write to a session, its \
                write token. Optional while the server runs open, without authentication.",
            ),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let caller = request.extensions().get::<Caller>();
        let identity = caller.and_then(|caller| Some((caller.granted.clone()?, caller.asked.clone())));
        // The doors let nobody through to here; who comes another way is nobody.
        identity
            .map(|(granted, asked)| Self { granted, asked })
            .ok_or_else(|| poem::Error::from_status(poem::http::StatusCode::UNAUTHORIZED))
    }
}
