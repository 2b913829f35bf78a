//! The queue of stanzas for agents, in order.
//!
//! Invariants: stanzas reach the link in the order in which the desk emits them; a backlog is read
//! and sent before what follows it. Nothing between one customer and one agent is reordered. What
//! is queued when the stream is lost is dropped, as is everything until the next stream is opened:
//! notices above the link's cursor are then read from the log and resent, and the desk repeats
//! everything else that was not confirmed. A separate task carries what may have to wait; if
//! nothing waits, a stanza goes directly to the link.
//!
//! What follows the head of an offer is delayed a little: a client that does not know the customer
//! yet opens the chat on the first message, and some (Converse.js 14) lose the second one if both
//! arrive at the same instant.

mod report;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::chat::effect::{Backlog, Contact, Report, ToAgent, ToAgentContent};
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, LinkDomain, Localpart, Pos};
use crate::chat::notice::Notice;
use crate::chat::row::{Author, Row, RowKind};
use crate::ports::link::{Stream, ToLink};
use crate::ports::store::Store;
use crate::ports::store_error::StoreError;

/// Items that are taken from the queue at once.
const BATCH: usize = 256;
/// Rows of a backlog per query.
const PAGE: u32 = 200;
/// How long a client has to open the chat of a customer who is new to it.
const OPENING: Duration = Duration::from_millis(500);
/// Pause between retries while the database is unavailable.
const RETRY: Duration = Duration::from_millis(250);

/// An item for the link.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A stream is connected; whether agents received the notices in these rows is unknown.
    Opened {
        stream: Stream,
        after: Pos,
        upto: Pos,
    },
    Send(Box<ToAgent>),
    Backlog(Backlog),
    Report(Box<Report>),
    Contact(AgentJid, Box<Contact>),
}

impl Outgoing {
    /// The chat it belongs to; contacts belong to none.
    fn chat(&self) -> Option<Chat> {
        match self {
            Self::Send(stanza) => Some((stanza.agent.clone(), stanza.from.clone())),
            Self::Backlog(backlog) => {
                Some((backlog.agent.clone(), Peer::Customer(backlog.from.clone())))
            }
            Self::Report(report) => {
                Some((report.agent.clone(), Peer::Customer(report.from.clone())))
            }
            Self::Contact(..) | Self::Opened { .. } => None,
        }
    }

    /// Whether it is the head of an offer.
    fn opens(&self) -> bool {
        matches!(self, Self::Send(stanza)
            if matches!(stanza.content, ToAgentContent::Notice(Notice::Waiting { .. })))
    }
}

/// The sending end, which the owner uses.
#[derive(Debug)]
pub(super) struct Outbox {
    sender: mpsc::UnboundedSender<Outgoing>,
    link: mpsc::Sender<ToLink>,
    /// The current stream.
    up: watch::Receiver<Stream>,
    load: Arc<Load>,
}

/// Work of the carrier.
#[derive(Debug, Default)]
struct Load {
    /// Items not yet given to the link.
    waiting: AtomicUsize,
    /// Chats that are being opened.
    opening: AtomicUsize,
}

impl Outbox {
    pub(super) fn put(&self, outgoing: Outgoing) {
        if let Some(outgoing) = self.put_straight(outgoing) {
            self.load.waiting.fetch_add(1, Ordering::Relaxed);
            let _ = self.sender.send(outgoing);
        }
    }

    /// Passes a stanza directly to the link if nothing is queued and the link has room; else
    /// returns it.
    fn put_straight(&self, outgoing: Outgoing) -> Option<Outgoing> {
        if self.waiting() > 0 || self.load.opening.load(Ordering::Acquire) > 0 || outgoing.opens() {
            return Some(outgoing);
        }
        match outgoing {
            Outgoing::Send(_) if *self.up.borrow() == 0 => None,
            Outgoing::Send(stanza) => match self.link.try_send(ToLink::Send(stanza)) {
                Err(TrySendError::Full(ToLink::Send(stanza))) => Some(Outgoing::Send(stanza)),
                _ => None,
            },
            other => Some(other),
        }
    }

    /// The length of the queue; while it is too long, the owner accepts nothing new.
    pub(super) fn waiting(&self) -> usize {
        self.load.waiting.load(Ordering::Acquire)
    }
}

/// Starts the task that carries the queue to the link. `up` is the current stream.
pub(super) fn spawn(
    store: Arc<dyn Store>,
    domain: LinkDomain,
    link: mpsc::Sender<ToLink>,
    up: watch::Receiver<Stream>,
) -> Outbox {
    let (sender, receiver) = mpsc::unbounded_channel();
    let load = Arc::new(Load::default());
    let outbox = Outbox { sender, link: link.clone(), up: up.clone(), load: load.clone() };
    let carrier = Carrier {
        store,
        domain,
        link,
        up,
        load,
        opened: 0,
        opening: HashMap::new(),
        due: VecDeque::new(),
    };
    tokio::spawn(carrier.run(receiver).in_current_span());
    outbox
}

struct Carrier {
    store: Arc<dyn Store>,
    domain: LinkDomain,
    link: mpsc::Sender<ToLink>,
    /// The current stream.
    up: watch::Receiver<Stream>,
    load: Arc<Load>,
    /// The stream that was opened here.
    opened: Stream,
    /// Chats that are being opened, each with the items that wait for it ...
    opening: HashMap<Chat, Vec<Outgoing>>,
    /// ... and their times, in order.
    due: VecDeque<(Instant, Chat)>,
}

/// One customer in one agent's client.
type Chat = (AgentJid, Peer);

impl Carrier {
    async fn run(mut self, mut receiver: mpsc::UnboundedReceiver<Outgoing>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let next = self.due.front().map(|(at, _)| *at);
            tokio::select! {
                taken = receiver.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    for outgoing in batch.drain(..) {
                        if let Some(outgoing) = self.hold(outgoing) {
                            self.carry(outgoing).await;
                        }
                    }
                }
                () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    let Some((_, chat)) = self.due.pop_front() else { continue };
                    for outgoing in self.opening.remove(&chat).unwrap_or_default() {
                        self.carry(outgoing).await;
                    }
                    self.load.opening.fetch_sub(1, Ordering::Release);
                }
            }
        }
    }

    /// Keeps an item for a chat that is being opened; returns one that can be sent.
    fn hold(&mut self, outgoing: Outgoing) -> Option<Outgoing> {
        let opens = outgoing.opens();
        if self.opening.is_empty() && !opens {
            return Some(outgoing);
        }
        let Some(chat) = outgoing.chat() else { return Some(outgoing) };
        if let Some(held) = self.opening.get_mut(&chat) {
            held.push(outgoing);
            return None;
        }
        if opens {
            self.load.opening.fetch_add(1, Ordering::Release);
            self.due.push_back((Instant::now() + OPENING, chat.clone()));
            self.opening.insert(chat, Vec::new());
        }
        Some(outgoing)
    }

    /// Whether items still go to the stream that they were meant for.
    fn is_open(&self) -> bool {
        self.opened != 0 && *self.up.borrow() == self.opened
    }

    async fn carry(&mut self, outgoing: Outgoing) {
        self.give(outgoing).await;
        // Only now: until here everything else queues behind it.
        self.load.waiting.fetch_sub(1, Ordering::Release);
    }

    async fn give(&mut self, outgoing: Outgoing) {
        if let Outgoing::Opened { stream, after, upto } = outgoing {
            self.opened = stream;
            self.hand(ToLink::Begin { stream }).await;
            return self.notices(after, upto).await;
        }
        match outgoing {
            // The link knows the contact lists and updates them on its own.
            Outgoing::Contact(agent, contact) => {
                let _ = self.link.send(ToLink::Contact { agent, contact }).await;
            }
            _ if !self.is_open() => {}
            Outgoing::Opened { .. } => {}
            Outgoing::Send(stanza) => self.hand(ToLink::Send(stanza)).await,
            Outgoing::Backlog(backlog) => self.backlog(backlog).await,
            Outgoing::Report(report) => self.report(*report).await,
        }
    }

    /// Waits for room at the link: a slow server slows the desk down instead of using memory.
    async fn hand(&mut self, what: ToLink) {
        let (link, opened) = (&self.link, self.opened);
        let Err(TrySendError::Full(what)) = link.try_send(what) else { return };
        tokio::select! {
            _ = link.send(what) => {}
            _ = self.up.wait_for(|up| *up != opened) => {}
        }
    }

    /// Resends notices to agents that the server may not have accepted.
    async fn notices(&mut self, mut after: Pos, upto: Pos) {
        while self.is_open() {
            let read = self.read(|| self.store.notices(&self.domain, after, upto, PAGE)).await;
            let Some(rows) = read else { return };
            let Some((_, last)) = rows.last() else { return };
            after = last.pos;
            for (from, row) in rows {
                for agent in &row.recipients {
                    self.send_row(agent, &from, row.clone(), None, None).await;
                }
            }
        }
    }

    async fn send_row(
        &mut self,
        agent: &AgentJid,
        from: &Localpart,
        row: Arc<Row>,
        name: Option<Arc<str>>,
        quoted: Option<Arc<Row>>,
    ) {
        let stanza = ToAgent {
            agent: agent.clone(),
            resource: None,
            from: Peer::Customer(from.clone()),
            conversation: Some(row.conversation),
            content: ToAgentContent::Row { row, name, quoted },
        };
        self.hand(ToLink::Send(Box::new(stanza))).await;
    }

    async fn backlog(&mut self, backlog: Backlog) {
        let mut after = backlog.after;
        while self.is_open() {
            let (conversation, upto) = (backlog.conversation, backlog.upto);
            let read = self.read(|| self.store.rows(conversation, after, upto, PAGE)).await;
            let Some(rows) = read else { return };
            let Some(last) = rows.last() else { return };
            after = last.pos;
            let full = rows.len() == PAGE as usize;
            for row in rows.into_iter().filter(|row| concerns(row, &backlog)) {
                let name = backlog.name.clone();
                let quoted = self.quoted(&row).await;
                self.send_row(&backlog.agent, &backlog.from, row, name, quoted).await;
            }
            if !full {
                return;
            }
        }
    }

    /// The entry that a row replies to.
    async fn quoted(&self, row: &Row) -> Option<Arc<Row>> {
        let answered = row.kind.answers()?;
        self.read(|| self.store.entry(row.conversation, answered)).await.flatten()
    }

    /// Reads, with retries while the database is unavailable. `None` if it cannot be read at all or
    /// the stream is gone: what follows must not wait for it.
    async fn read<T, F>(&self, ask: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        while self.is_open() {
            match ask().await {
                Ok(read) => return Some(read),
                Err(error) if error.is_passing() => {
                    tracing::warn!(
                        %error,
                        "cannot read messages for agents, retrying"
                    );
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => {
                    tracing::error!(
                        %error,
                        "cannot read a message for an agent, leaving it out"
                    );
                    return None;
                }
            }
        }
        None
    }
}

/// Whether the agent is to read this row.
fn concerns(row: &Row, backlog: &Backlog) -> bool {
    match &row.author {
        // The answers to the form before the chat, except the name, which is shown above.
        _ if row.kind.tells_more_than_a_name() => backlog.unconfirmed_above.is_none(),
        // What an agent was sent with the note itself is its latest text.
        Author::Agent { jid, .. } if row.kind.kind().is_note() => {
            let is_known = match &row.kind {
                RowKind::NoteEdit { of, .. } => *of > backlog.after,
                kind => kind.words().is_none_or(|text| text.is_empty()),
            };
            backlog.unconfirmed_above.is_none() && *jid != backlog.agent && !is_known
        }
        _ if !row.kind.is_said() => false,
        Author::Customer => backlog.unconfirmed_above.is_none_or(|above| row.seq > Some(above)),
        Author::Agent { jid, .. } => backlog.unconfirmed_above.is_none() && *jid != backlog.agent,
        Author::System => false,
    }
}
