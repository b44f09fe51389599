//! The listening socket.

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that wait to be accepted: a reconnection storm overflows the usual 128, and an overflow costs a client a
/// second or more.
const BACKLOG: u32 = 4_096;
/// How long accepting rests after an error: out of file descriptors, it would fail at once again and again.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct TcpAcceptor {
    listener: TcpListener,
    address: SocketAddr,
}

/// Binds and listens.
pub(super) fn bind(address: SocketAddr) -> anyhow::Result<TcpAcceptor> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    let listener: TcpListener =
        listen().map_err(|error: io::Error| anyhow::anyhow!("--bind: cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    Ok(TcpAcceptor { listener, address })
}

impl TcpAcceptor {
    /// The address, with the port that was picked where it was 0.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection. Errors are logged, and waited out.
    pub(super) async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, remote)) => {
                    // Frames are small and each matters at once.
                    if stream.set_nodelay(true).is_ok() {
                        return (stream, remote);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    }
}
