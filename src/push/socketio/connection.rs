//! One Socket.IO connection: namespaces, events, acks, on an Engine.IO session.
//!
//! Knows the protocol and nothing of what events mean: that is the [`Application`]'s. A packet that breaks the protocol ends
//! the connection, and this one only.

use std::{borrow::Cow, collections::BTreeSet, time::Duration};

use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Bytes;
use uuid::Uuid;

use super::{
    engine::{Closed, Link, Message, Text},
    packet::{Kind, Malformed, Packet},
};

/// Binary attachments of one packet; as many as the reference parser takes.
const ATTACHMENTS_MAX: usize = 10;

/// What the events mean. One value serves one connection.
pub trait Application: Send {
    /// Something that the application itself wants to do, such as to send what has happened.
    type Work: Send;

    /// A client asks to be let into a namespace.
    fn connect(&mut self, namespace: &str, auth: Map<String, Value>) -> impl Future<Output = Admission> + Send;

    /// It has been let in and told so: the first moment at which it can be sent events.
    fn connected(&mut self, namespace: &str, out: &Out<'_>) -> impl Future<Output = Result<(), Closed>> + Send;

    /// An event. `Err` ends the connection.
    fn event(&mut self, event: Event, out: &Out<'_>) -> impl Future<Output = Result<(), Closed>> + Send;

    /// The client has left a namespace.
    fn disconnected(&mut self, namespace: &str);

    /// Waits for work. Dropping the future must lose nothing: it is dropped whenever the client sends something.
    fn next(&mut self) -> impl Future<Output = Self::Work> + Send;

    /// Does it. `Err` ends the connection.
    fn carry_out(&mut self, work: Self::Work, out: &Out<'_>) -> impl Future<Output = Result<(), Closed>> + Send;
}

/// Whether a client is let into a namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// The fields go into the answer, beside `sid`.
    Accepted(Map<String, Value>),
    /// The client is told why, and does not ask again by itself.
    Refused { message: Cow<'static, str>, data: Option<Value> },
    /// Nobody can say at the moment: the connection ends, and the client asks again.
    Later,
}

/// An event from a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub namespace: Cow<'static, str>,
    /// The client waits for an answer under this id.
    pub ack: Option<u64>,
    /// The first is the name.
    pub args: Vec<Value>,
    /// What the placeholders in the arguments stand for.
    pub attachments: Vec<Bytes>,
}

impl Event {
    /// Empty for an event that is named by a number.
    #[must_use]
    pub fn name(&self) -> &str {
        self.args.first().and_then(Value::as_str).unwrap_or_default()
    }
}

/// The way to the client. Whatever is sent waits while the client is too far behind.
pub struct Out<'a>(&'a Link);

impl Out<'_> {
    /// Sends a packet and its attachments.
    ///
    /// # Errors
    ///
    /// [`Closed`].
    pub async fn send(&self, packet: &Packet, attachments: Vec<Bytes>) -> Result<(), Closed> {
        debug_assert_eq!(packet.attachments, attachments.len(), "a packet counts its attachments");
        self.send_text(Text::build(64, |text| packet.encode_to(text))).await?;
        for attachment in attachments {
            self.0.send(Message::Binary(attachment)).await?;
        }
        Ok(())
    }

    /// Sends a packet that was encoded before.
    ///
    /// # Errors
    ///
    /// [`Closed`].
    pub async fn send_text(&self, packet: Text) -> Result<(), Closed> {
        self.0.send(Message::Text(packet)).await
    }
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("a packet that does not fit where the connection stands")]
    OutOfPlace,
    #[error("no namespace was connected in time")]
    NotConnected,
    #[error("the client cannot be let in at the moment")]
    Later,
}

/// Serves one connection to its end. It ends as well where it has been in no namespace for `connect_timeout`.
pub async fn serve<A: Application>(link: Link, application: A, connect_timeout: Duration) {
    let deadline = Instant::now() + connect_timeout;
    let connection =
        Connection { link, application, connect_timeout, deadline, namespaces: BTreeSet::new(), partial: None };
    if let Err(end) = connection.run().await {
        tracing::debug!(reason = %end, "a Socket.IO connection ends");
    }
}

struct Connection<A> {
    link: Link,
    application: A,
    connect_timeout: Duration,
    /// When the connection ends unless a namespace is connected.
    deadline: Instant,
    namespaces: BTreeSet<Cow<'static, str>>,
    /// A packet whose attachments are still to come.
    partial: Option<(Packet, Vec<Bytes>)>,
}

impl<A: Application> Connection<A> {
    async fn run(mut self) -> Result<(), End> {
        loop {
            tokio::select! {
                message = self.link.receive() => match message {
                    None => return Ok(()),
                    Some(message) => {
                        if let Some((packet, attachments)) = self.assemble(message)? {
                            self.handle(packet, attachments).await?;
                        }
                    }
                },
                work = self.application.next() => self.application.carry_out(work, &Out(&self.link)).await?,
                () = sleep_until(self.deadline), if self.namespaces.is_empty() => return Err(End::NotConnected),
            }
        }
    }

    /// Puts packets and their attachments together.
    fn assemble(&mut self, message: Message) -> Result<Option<(Packet, Vec<Bytes>)>, End> {
        let (packet, attachments) = match (message, self.partial.take()) {
            (Message::Text(text), None) => (Packet::decode(text.as_str())?, Vec::new()),
            (Message::Binary(bytes), Some((packet, mut attachments))) => {
                attachments.push(bytes);
                (packet, attachments)
            }
            (Message::Text(_), Some(_)) | (Message::Binary(_), None) => return Err(End::OutOfPlace),
        };
        if packet.attachments > ATTACHMENTS_MAX {
            return Err(Malformed::Attachments.into());
        }
        if attachments.len() < packet.attachments {
            self.partial = Some((packet, attachments));
            return Ok(None);
        }
        Ok(Some((packet, attachments)))
    }

    async fn handle(&mut self, packet: Packet, attachments: Vec<Bytes>) -> Result<(), End> {
        let Packet { namespace, kind, .. } = packet;
        let is_connected = self.namespaces.contains(&namespace);
        match kind {
            Kind::Connect(auth) if !is_connected => self.connect(namespace, auth.unwrap_or_default()).await,
            Kind::Event { ack, args } if is_connected => {
                let event = Event { namespace, ack, args, attachments };
                Ok(self.application.event(event, &Out(&self.link)).await?)
            }
            Kind::Disconnect if is_connected => {
                self.namespaces.remove(&namespace);
                self.deadline = Instant::now() + self.connect_timeout;
                self.application.disconnected(&namespace);
                Ok(())
            }
            // The server asks for no acks; a late one is no offence.
            Kind::Ack { .. } if is_connected => Ok(()),
            Kind::Connect(_) | Kind::Event { .. } | Kind::Disconnect | Kind::Ack { .. } | Kind::ConnectError(_) => {
                Err(End::OutOfPlace)
            }
        }
    }

    async fn connect(&mut self, namespace: Cow<'static, str>, auth: Map<String, Value>) -> Result<(), End> {
        match self.application.connect(&namespace, auth).await {
            Admission::Accepted(fields) => {
                let mut answer = fields;
                answer.insert("sid".to_owned(), Uuid::new_v4().simple().to_string().into());
                let packet = Packet::new(namespace.clone(), Kind::Connect(Some(answer)));
                let out = Out(&self.link);
                out.send(&packet, Vec::new()).await?;
                self.application.connected(&namespace, &out).await?;
                self.namespaces.insert(namespace);
                Ok(())
            }
            Admission::Refused { message, data } => {
                let mut told = json!({"message": message});
                if let Some(data) = data {
                    told["data"] = data;
                }
                let packet = Packet::new(namespace, Kind::ConnectError(told));
                Ok(Out(&self.link).send(&packet, Vec::new()).await?)
            }
            Admission::Later => Err(End::Later),
        }
    }
}
