//! The same loads over Socket.IO and over the native WebSocket.

use anyhow::Result;

use super::load::Load;
use crate::{figures::Row, options::Options, publisher::Pace, server::Server, socket::Transport};

pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, load) in [
        ("fanout-max", Load::fanout(200, Pace::FlatOut { under_way_max: 200 })),
        ("sessions-max-b1", Load::sessions(500, 1, Pace::FlatOut { under_way_max: 1_000 })),
    ] {
        let native = measure(options, &load).await?;
        let mut socketio = measure(options, &Load { transport: Transport::SocketIo, ..load }).await?;
        if let (Some(before), Some(now)) = (native.get("deliveries_per_s"), socketio.get("deliveries_per_s")) {
            // How many times as fast native is.
            socketio.set("native_ratio", before / now);
        }
        rows.extend([(format!("{name}, native"), native), (format!("{name}, Socket.IO"), socketio)]);
    }
    Ok(rows)
}

async fn measure(options: &Options, load: &Load) -> Result<crate::figures::Figures> {
    let server = Server::start(&options.program).await?;
    let figures = load.measure(&server, options).await?;
    server.stop().await?;
    Ok(figures)
}
