//! What agents are to get, in order.
//!
//! Invariants: stanzas reach the link in the order in which the desk let them out; a backlog is
//! read and sent before what follows it. While the stream is down nothing is kept here: once it
//! stands again the desk says what is to be sent once more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::chat::effect::{Backlog, Contact, ToAgent, ToAgentContent};
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, Pos};
use crate::chat::model::{Author, Row, RowKind};
use crate::ports::link::ToLink;
use crate::ports::store::Store;

/// Rows of a backlog read at once.
const PAGE: u32 = 200;
/// Between two tries while the database is away.
const RETRY: Duration = Duration::from_millis(250);

/// One thing for the link.
#[derive(Debug)]
pub(super) enum Outgoing {
    Send(Box<ToAgent>),
    Backlog(Backlog),
    Contact(AgentJid, Box<Contact>),
}

/// The end that the owner writes to.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    sender: mpsc::UnboundedSender<Outgoing>,
    waiting: Arc<AtomicUsize>,
}

impl Outbox {
    /// Puts something in.
    pub(super) fn put(&self, outgoing: Outgoing) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.sender.send(outgoing);
    }

    /// How much waits; the owner takes nothing new on while it is too much.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Starts the task that carries an outbox to its link. `up` says whether the stream stands.
pub(super) fn spawn(
    store: Arc<dyn Store>,
    link: mpsc::Sender<ToLink>,
    up: watch::Receiver<bool>,
) -> Outbox {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let carrier = Carrier { store, link, up };
    tokio::spawn(carrier.run(receiver, waiting.clone()));
    Outbox { sender, waiting }
}

struct Carrier {
    store: Arc<dyn Store>,
    link: mpsc::Sender<ToLink>,
    up: watch::Receiver<bool>,
}

impl Carrier {
    async fn run(
        mut self,
        mut receiver: mpsc::UnboundedReceiver<Outgoing>,
        waiting: Arc<AtomicUsize>,
    ) {
        while let Some(outgoing) = receiver.recv().await {
            waiting.fetch_sub(1, Ordering::Relaxed);
            if !*self.up.borrow() {
                continue;
            }
            match outgoing {
                Outgoing::Send(stanza) => self.hand(ToLink::Send(stanza)).await,
                Outgoing::Contact(agent, contact) => {
                    self.hand(ToLink::Contact { agent, contact }).await;
                }
                Outgoing::Backlog(backlog) => self.backlog(backlog).await,
            }
        }
    }

    /// Waits for room at the link: a slow server slows its desk, not the memory.
    async fn hand(&mut self, what: ToLink) {
        let link = &self.link;
        tokio::select! {
            _ = link.send(what) => {}
            _ = self.up.wait_for(|up| !up) => {}
        }
    }

    async fn backlog(&mut self, backlog: Backlog) {
        let mut after = backlog.after;
        loop {
            let rows = self.read(&backlog, after).await;
            let Some(last) = rows.last().map(|row| row.pos) else { return };
            let full = rows.len() == PAGE as usize;
            for row in rows {
                if concerns(&row, &backlog) {
                    let name = backlog.name.clone();
                    let stanza = ToAgent {
                        agent: backlog.agent.clone(),
                        resource: None,
                        from: Peer::Customer(backlog.from.clone()),
                        conversation: Some(backlog.conversation),
                        content: ToAgentContent::Row { row, name },
                    };
                    self.hand(ToLink::Send(Box::new(stanza))).await;
                }
            }
            if !full || !*self.up.borrow() {
                return;
            }
            after = last;
        }
    }

    async fn read(&self, backlog: &Backlog, after: Pos) -> Vec<Arc<Row>> {
        loop {
            match self.store.rows(backlog.conversation, after, backlog.upto, PAGE).await {
                Ok(rows) => return rows,
                Err(error) => {
                    tracing::warn!(%error, "a backlog waits for the database");
                    tokio::time::sleep(RETRY).await;
                }
            }
            if !*self.up.borrow() {
                return Vec::new();
            }
        }
    }
}

/// Whether a row is part of what the agent is to read.
fn concerns(row: &Row, backlog: &Backlog) -> bool {
    match (&row.kind, &row.author) {
        (RowKind::Message { .. }, Author::Customer) => {
            backlog.unconfirmed_above.is_none_or(|above| row.seq > Some(above))
        }
        (RowKind::Message { .. }, Author::Agent { jid, .. }) => {
            backlog.unconfirmed_above.is_none() && *jid != backlog.agent
        }
        _ => false,
    }
}
