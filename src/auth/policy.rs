//! Who may do what on which resource: one table, asked by HTTP and by every real-time transport. Pure.
//!
//! A thing is looked up first and judged then, with its owner or with none: so one that is not there and one that is not
//! to be seen take the same look at the database and get the same answer, [`Refusal::Hidden`]. What a caller may not do to
//! anybody's things is refused before anything is looked up, [`Refusal::Forbidden`]: that says nothing of any of them.

use uuid::Uuid;

use super::{Principal, Role};

/// What a caller wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Starts a run for a user.
    StartRun,
    /// Opens a session for an outside producer, for a user.
    OpenSession,
    /// Sees where sessions stand: ids, statuses and last offsets, nothing of what is in them.
    SeeStatus,
    /// Reads sessions and their logs, follows them, issues tickets for them.
    ReadSession,
    /// Takes whole logs out.
    ExportSession,
    /// Ends a session before its time.
    CancelSession,
    /// Reads saved courses.
    ReadCourse,
    /// Appends to sessions of outside producers, and ends them.
    WriteSession,
    /// Reads the node's metrics.
    ReadMetrics,
    /// Reads who read what.
    ReadTrail,
    /// Sees how much is going on, of everybody together.
    SeeActivity,
    /// Holds the history against its seals.
    CheckSeals,
}

impl Action {
    pub const ALL: [Self; 12] = [
        Self::StartRun,
        Self::OpenSession,
        Self::SeeStatus,
        Self::ReadSession,
        Self::ExportSession,
        Self::CancelSession,
        Self::ReadCourse,
        Self::WriteSession,
        Self::ReadMetrics,
        Self::ReadTrail,
        Self::SeeActivity,
        Self::CheckSeals,
    ];
}

/// Whose things an action reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    Nobodys,
    /// The caller's own.
    Own,
    /// The one session whose write token the caller holds.
    Held,
    Everybodys,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// To this caller it is not there.
    Hidden,
    /// Not for this kind of caller, or not in this name.
    Forbidden,
    /// A write token opens nothing but its session's end for writing.
    Unauthorized,
}

/// The table: whose things users, producers, auditors and operators may do something to.
#[rustfmt::skip]
const fn row(action: Action) -> [Reach; 4] {
    use Reach::{Everybodys as All, Nobodys as Not, Own};
    match action {
        //                        user producer auditor operator
        Action::StartRun      => [Own, Not,     Not,    Not],
        Action::OpenSession   => [Own, All,     Not,    Not],
        Action::SeeStatus     => [Own, Not,     All,    All],
        Action::ReadSession   => [Own, Not,     All,    Not],
        Action::ExportSession => [Own, Not,     All,    Not],
        Action::CancelSession => [Own, Not,     Not,    All],
        Action::ReadCourse    => [Own, Not,     All,    Not],
        // Only with the session's write token.
        Action::WriteSession  => [Not, Not,     Not,    Not],
        Action::ReadMetrics   => [Not, Not,     Not,    All],
        Action::ReadTrail     => [Not, Not,     All,    Not],
        Action::SeeActivity   => [Not, Not,     All,    All],
        Action::CheckSeals    => [Not, Not,     All,    Not],
    }
}

const fn reach_of_role(role: Role, action: Action) -> Reach {
    let [_, producer, auditor, operator] = row(action);
    match role {
        Role::Producer => producer,
        Role::Auditor => auditor,
        Role::Operator => operator,
    }
}

/// Whose things this caller may do this to.
#[must_use]
pub fn reach(principal: &Principal, action: Action) -> Reach {
    match principal {
        Principal::Open => Reach::Everybodys,
        Principal::User(_) => row(action)[0],
        Principal::Key(_, roles) => {
            roles.iter().map(|role| reach_of_role(role, action)).max().unwrap_or(Reach::Nobodys)
        }
        Principal::Writer(_) if action == Action::WriteSession => Reach::Held,
        Principal::Writer(_) => Reach::Nobodys,
    }
}

/// Whether the caller may do this at all, before anything is looked up.
///
/// # Errors
///
/// [`Refusal::Forbidden`]; [`Refusal::Unauthorized`] for a write token in the wrong place.
pub fn may_at_all(principal: &Principal, action: Action) -> Result<(), Refusal> {
    match (reach(principal, action), principal) {
        (Reach::Own | Reach::Held | Reach::Everybodys, _) => Ok(()),
        (Reach::Nobodys, Principal::Writer(_)) => Err(Refusal::Unauthorized),
        (Reach::Nobodys, Principal::Open | Principal::User(_) | Principal::Key(..)) => Err(Refusal::Forbidden),
    }
}

/// Whether the caller may do this to a thing that was looked up: of this user, or not there.
///
/// # Errors
///
/// As [`may_at_all`]; [`Refusal::Hidden`] where it is another's, and just so where there is none.
pub fn may_touch(principal: &Principal, action: Action, owner: Option<Uuid>) -> Result<(), Refusal> {
    may_at_all(principal, action)?;
    match (reach(principal, action), principal, owner) {
        (_, _, None) => Err(Refusal::Hidden),
        (Reach::Everybodys, _, Some(_)) => Ok(()),
        (Reach::Own, Principal::User(user_id), Some(owner)) if *user_id == owner => Ok(()),
        (Reach::Own | Reach::Held | Reach::Nobodys, _, Some(_)) => Err(Refusal::Hidden),
    }
}

/// Whether the caller may make something in the name of a user.
///
/// # Errors
///
/// [`Refusal::Forbidden`] where the name is not his.
pub fn may_act_for(principal: &Principal, action: Action, user_id: Uuid) -> Result<(), Refusal> {
    match may_touch(principal, action, Some(user_id)) {
        Err(Refusal::Hidden) => Err(Refusal::Forbidden),
        decided => decided,
    }
}

/// Whose things a list shows the caller who asked for those of `wanted`, or for all that he may see. `None` is everybody's.
///
/// # Errors
///
/// [`Refusal::Forbidden`] where he may see none of them.
pub fn scope(principal: &Principal, action: Action, wanted: Option<Uuid>) -> Result<Option<Uuid>, Refusal> {
    may_at_all(principal, action)?;
    match (reach(principal, action), principal) {
        (Reach::Everybodys, _) => Ok(wanted),
        (Reach::Own, Principal::User(user_id)) if wanted.is_none_or(|wanted| wanted == *user_id) => Ok(Some(*user_id)),
        (Reach::Own | Reach::Held | Reach::Nobodys, _) => Err(Refusal::Forbidden),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::keys::KeyId, *};

    fn user() -> Uuid {
        Uuid::from_u128(1)
    }

    fn key(roles: &[Role]) -> Principal {
        Principal::Key(KeyId::from_bytes([7; 6]), roles.iter().copied().collect())
    }

    #[test]
    fn a_user_reaches_his_own_and_nothing_of_anybody_else() {
        let me = Principal::User(user());
        for action in Action::ALL {
            let own = may_touch(&me, action, Some(user()));
            let other = may_touch(&me, action, Some(Uuid::from_u128(2)));
            assert_eq!(other, may_touch(&me, action, None), "{action:?}: another's is as if it were not there");
            assert!(other.is_err());
            assert_eq!(
                own.is_ok(),
                !matches!(
                    action,
                    Action::WriteSession
                        | Action::ReadMetrics
                        | Action::ReadTrail
                        | Action::SeeActivity
                        | Action::CheckSeals
                ),
                "{action:?}"
            );
        }
    }

    #[test]
    fn roles_add_up_and_an_empty_set_opens_nothing() {
        for action in Action::ALL {
            assert!(may_at_all(&key(&[]), action).is_err(), "{action:?}");
            let all = key(&Role::ALL);
            let single = Role::ALL.into_iter().any(|role| may_at_all(&key(&[role]), action).is_ok());
            assert_eq!(may_at_all(&all, action).is_ok(), single, "{action:?}");
        }
    }

    #[test]
    fn a_write_token_is_good_for_writing_alone() {
        let writer = Principal::Writer([0; 32]);
        for action in Action::ALL {
            let decided = may_at_all(&writer, action);
            let expected = if action == Action::WriteSession { Ok(()) } else { Err(Refusal::Unauthorized) };
            assert_eq!(decided, expected, "{action:?}");
        }
    }

    #[test]
    fn lists_show_what_may_be_read() {
        let me = Principal::User(user());
        assert_eq!(scope(&me, Action::ReadSession, None), Ok(Some(user())));
        assert_eq!(scope(&me, Action::ReadSession, Some(user())), Ok(Some(user())));
        assert_eq!(scope(&me, Action::ReadSession, Some(Uuid::from_u128(2))), Err(Refusal::Forbidden));
        assert_eq!(scope(&key(&[Role::Auditor]), Action::ReadSession, None), Ok(None));
        assert_eq!(scope(&key(&[Role::Producer]), Action::ReadSession, None), Err(Refusal::Forbidden));
    }

    #[test]
    fn nobody_acts_in_anothers_name() {
        let me = Principal::User(user());
        assert_eq!(may_act_for(&me, Action::StartRun, user()), Ok(()));
        assert_eq!(may_act_for(&me, Action::StartRun, Uuid::from_u128(2)), Err(Refusal::Forbidden));
        assert_eq!(may_act_for(&key(&[Role::Producer]), Action::OpenSession, user()), Ok(()));
        assert_eq!(may_act_for(&key(&[Role::Operator]), Action::StartRun, user()), Err(Refusal::Forbidden));
    }
}
