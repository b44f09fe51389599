//! The names of the scenarios, and what each is about.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    SessionsMaxB50,
    SessionsMaxB1,
    #[value(name = "sessions-2k-b1")]
    Sessions2kB1,
    FanoutMax,
    #[value(name = "fanout-500")]
    Fanout500,
    Replay,
    Storm,
    Idle,
    #[value(name = "socketio")]
    SocketIo,
    GrowSessions,
    GrowSubscribers,
    Prune,
    History,
    Questions,
    Seals,
    SelfCheck,
}

impl Scenario {
    pub const fn all() -> &'static [Self] {
        &[
            Self::SessionsMaxB50,
            Self::SessionsMaxB1,
            Self::Sessions2kB1,
            Self::FanoutMax,
            Self::Fanout500,
            Self::Replay,
            Self::Storm,
            Self::Idle,
            Self::SocketIo,
            Self::GrowSessions,
            Self::GrowSubscribers,
            Self::Prune,
            Self::History,
            Self::Questions,
            Self::Seals,
            Self::SelfCheck,
        ]
    }

    pub fn by_default() -> impl Iterator<Item = Self> {
        Self::all().iter().copied().filter(|scenario| *scenario != Self::SelfCheck)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::SessionsMaxB50 => "sessions-max-b50",
            Self::SessionsMaxB1 => "sessions-max-b1",
            Self::Sessions2kB1 => "sessions-2k-b1",
            Self::FanoutMax => "fanout-max",
            Self::Fanout500 => "fanout-500",
            Self::Replay => "replay",
            Self::Storm => "storm",
            Self::Idle => "idle",
            Self::SocketIo => "socketio",
            Self::GrowSessions => "grow-sessions",
            Self::GrowSubscribers => "grow-subscribers",
            Self::Prune => "prune",
            Self::History => "history",
            Self::Questions => "questions",
            Self::Seals => "seals",
            Self::SelfCheck => "self-check",
        }
    }

    pub const fn about(self) -> &'static str {
        match self {
            Self::SessionsMaxB50 => "500 sessions with a subscriber each, flat out, 50 messages a POST, 16 producers",
            Self::SessionsMaxB1 => "the same, 1 message a POST",
            Self::Sessions2kB1 => "the same at 2,000 messages/s, 1 a POST",
            Self::FanoutMax => "1 session with 200 subscribers, flat out, 1 message a POST, at most 200 under way",
            Self::Fanout500 => "the same at 500 messages/s",
            Self::Replay => {
                "a log of 10,000 messages to 50 clients at once, from the start; time to the last client's last"
            }
            Self::Storm => {
                "1,000 clients of 20 sessions at 200 messages/s: all cut, all back after 0.5 s; time to the last"
            }
            Self::Idle => "1,000 joined connections on which nothing happens: memory of each",
            Self::SocketIo => "fanout-max and sessions-max-b1 over Socket.IO on WebSocket, and native; their ratio",
            Self::GrowSessions => "10 to 10,000 sessions with a subscriber each, flat out, 1 message a POST",
            Self::GrowSubscribers => "1 session with 1 to 1,000 subscribers, flat out, 1 message a POST",
            Self::Prune => "1,000,000 events are archived beside a load of 500 messages/s: delay of its appends",
            Self::History => "sessions-max-b1 and storm beside 100,000 ended sessions, and without; their ratio",
            Self::Questions => {
                "a history of 1,000,000 events: list, filter, read, export, and the questions of scripts/analytics; time of each"
            }
            Self::Seals => "4,000 sessions of 28 messages end flat out, sealed meanwhile and later; their ratio",
            Self::SelfCheck => {
                "a proxy that loses, doubles, swaps frames: does the load generator see it? Not run by default"
            }
        }
    }
}
