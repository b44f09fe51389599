//! A TCP forwarder whose connections can be cut, and whose target can be switched: a network that fails on command.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use super::service::Service;

pub(crate) struct Forwarder {
    pub(crate) url: String,
    target: Arc<Mutex<SocketAddr>>,
    cuts: Arc<watch::Sender<u64>>,
    accepting: JoinHandle<()>,
}

impl Forwarder {
    pub(crate) async fn to(service: &Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = Arc::new(Mutex::new(service.address().parse().unwrap()));
        let cuts = Arc::new(watch::Sender::new(0));
        let accepting = tokio::spawn({
            let (target, cuts) = (target.clone(), cuts.clone());
            async move {
                loop {
                    let Ok((client, _)) = listener.accept().await else { continue };
                    tokio::spawn(forward(client, target.clone(), cuts.subscribe()));
                }
            }
        });
        Self { url, target, cuts, accepting }
    }

    /// New connections go there.
    pub(crate) fn point_at(&self, service: &Service) {
        self.point_at_address(service.address());
    }

    /// The same where nobody need listen yet.
    pub(crate) fn point_at_address(&self, address: &str) {
        *self.target.lock().unwrap() = address.parse().unwrap();
    }

    /// Cuts every connection, in the middle of whatever it carries.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn forward(mut client: TcpStream, target: Arc<Mutex<SocketAddr>>, mut cuts: watch::Receiver<u64>) {
    let target = *target.lock().unwrap();
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = cuts.changed() => {
            // A reset, as from a network that is gone, rather than an orderly end.
            let _ = client.set_zero_linger();
            let _ = server.set_zero_linger();
        }
    }
}
