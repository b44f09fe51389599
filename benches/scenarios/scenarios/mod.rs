//! The scenarios. Each runs on a node of its own, which has seen nothing before.

mod grow;
mod history;
mod idle;
mod lived;
mod load;
mod prune;
mod questions;
mod replay;
mod rows;
mod seals;
mod self_check;
mod socketio;
mod storm;

use anyhow::Result;

use crate::{
    crowd::Gathered, figures::Row, ledger::Ledger, options::Options, publisher::Pace, scenario::Scenario,
    server::Server, tally::Faults,
};

use self::load::Load;

impl Scenario {
    /// Runs it once.
    pub async fn run(self, options: &Options) -> Result<Vec<Row>> {
        match self {
            Self::SessionsMaxB50 => {
                one(options, &Load::sessions(500, 50, Pace::FlatOut { under_way_max: 4_000 })).await
            }
            Self::SessionsMaxB1 => one(options, &Load::sessions(500, 1, Pace::FlatOut { under_way_max: 1_000 })).await,
            Self::Sessions2kB1 => one(options, &Load::sessions(500, 1, Pace::Rate(2_000.0))).await,
            Self::FanoutMax => one(options, &Load::fanout(200, Pace::FlatOut { under_way_max: 200 })).await,
            Self::Fanout500 => one(options, &Load::fanout(200, Pace::Rate(500.0))).await,
            Self::Replay => replay::run(options).await,
            Self::Storm => {
                let server = Server::start(&options.program).await?;
                let figures = storm::measure(&server, options).await?;
                server.stop().await?;
                Ok(vec![(String::new(), figures)])
            }
            Self::Idle => idle::run(options).await,
            Self::SocketIo => socketio::run(options).await,
            Self::GrowSessions => grow::sessions(options).await,
            Self::GrowSubscribers => grow::subscribers(options).await,
            Self::Prune => prune::run(options).await,
            Self::History => history::run(options).await,
            Self::Questions => questions::run(options).await,
            Self::Seals => seals::run(options).await,
            Self::SelfCheck => self_check::run(options).await,
        }
    }
}

async fn one(options: &Options, load: &Load) -> Result<Vec<Row>> {
    let server = Server::start(&options.program).await?;
    let figures = load.measure(&server, options).await?;
    server.stop().await?;
    Ok(vec![(String::new(), figures)])
}

fn judge(gathered: &Gathered, ledger: &Ledger) -> Faults {
    let mut faults = Faults::default();
    for seat in &gathered.seats {
        faults += seat.tally.judge(ledger);
    }
    faults
}
