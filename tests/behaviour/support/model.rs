//! A model server whose every answer a test decides on while the request waits for it, and that notices when the
//! client hangs up.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    sync::mpsc,
    task::JoinHandle,
};

use super::{
    scripted::{Received, Reply, read},
    service::PATIENCE,
};

pub(crate) struct Model {
    pub(crate) base_url: String,
    asked: mpsc::UnboundedReceiver<()>,
    hung_up: mpsc::UnboundedReceiver<()>,
    server: JoinHandle<()>,
}

impl Model {
    /// `answer` runs for all requests that are there, side by side.
    pub(crate) async fn start<F, Fut>(answer: F) -> Self
    where
        F: Fn(Received) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let answer = Arc::new(answer);
        let (asks, asked) = mpsc::unbounded_channel();
        let (hangs_up, hung_up) = mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, asks, hangs_up) = (answer.clone(), asks.clone(), hangs_up.clone());
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let request = read(&mut stream).await;
                    let _ = asks.send(());
                    match answer(request).await {
                        // The client may have hung up already: its business.
                        Reply::Bytes(bytes) => drop(stream.write_all(&bytes).await),
                        Reply::Silence => {
                            let more = stream.read(&mut [0]).await;
                            assert_eq!(more.unwrap_or(0), 0, "the client says nothing before it is answered");
                            let _ = hangs_up.send(());
                        }
                    }
                });
            }
        });
        Self { base_url, asked, hung_up, server }
    }

    /// Waits for the next request.
    pub(crate) async fn asked(&mut self) {
        tokio::time::timeout(PATIENCE, self.asked.recv()).await.expect("the model is asked").unwrap();
    }

    /// Waits until a client has hung up on a request that was left without an answer.
    pub(crate) async fn hung_up(&mut self) {
        tokio::time::timeout(PATIENCE, self.hung_up.recv()).await.expect("the client hangs up").unwrap();
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.server.abort();
    }
}
