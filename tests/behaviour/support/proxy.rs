//! A proxy between the service and its database that can stall and cut: the network, as it is on bad days.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
};

pub struct Proxy {
    pub port: u16,
    target: Arc<Mutex<PathBuf>>,
    is_stalled: watch::Sender<bool>,
    /// Answers only.
    is_withheld: watch::Sender<bool>,
    /// Grows by one with every cut.
    cuts: watch::Sender<u32>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Takes connections on a TCP port of its own and leads them to a Unix socket.
    pub async fn start(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_stalled, cuts) = (watch::Sender::new(false), watch::Sender::new(0));
        let is_withheld = watch::Sender::new(false);
        let withheld = is_withheld.subscribe();
        let target = Arc::new(Mutex::new(socket.to_owned()));
        let (socket, stalled, cut) = (Arc::clone(&target), is_stalled.subscribe(), cuts.subscribe());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let socket = socket.lock().unwrap().clone();
                tokio::spawn(forward(client, socket, stalled.clone(), withheld.clone(), cut.clone()));
            }
        });
        Self { port, target, is_stalled, is_withheld, cuts, accepting }
    }

    /// Nothing passes any more, and nobody is told.
    pub fn stall(&self) {
        self.is_stalled.send_replace(true);
    }

    /// What the database says does not pass any more; what it is told does.
    pub fn withhold(&self) {
        self.is_withheld.send_replace(true);
    }

    /// What was held back passes, and all that follows.
    pub fn release(&self) {
        self.is_stalled.send_replace(false);
        self.is_withheld.send_replace(false);
    }

    /// New connections lead there.
    pub fn lead_to(&self, socket: &Path) {
        socket.clone_into(&mut self.target.lock().unwrap());
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn forward(
    client: TcpStream,
    socket: PathBuf,
    stalled: watch::Receiver<bool>,
    withheld: watch::Receiver<bool>,
    mut cut: watch::Receiver<u32>,
) {
    let Ok(server) = UnixStream::connect(socket).await else { return };
    cut.mark_unchanged();
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    tokio::select! {
        () = pass(client_in, server_out, vec![stalled.clone()]) => {}
        () = pass(server_in, client_out, vec![stalled, withheld]) => {}
        _ = cut.changed() => {}
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut barriers: Vec<watch::Receiver<bool>>,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Ok(count) = from.read(&mut buffer).await else { return };
        if count == 0 {
            return;
        }
        for barrier in &mut barriers {
            if barrier.wait_for(|is_down| !*is_down).await.is_err() {
                return;
            }
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
