//! Passes events to the desk and carries out its effects.
//!
//! Invariant: what an event needs from the store is read first; an event that cannot be accepted is
//! refused, and its sender told to resend it.

use tokio::sync::mpsc::error::TrySendError;
use tracing::Instrument as _;

use super::background::{Finished, briefly};
use super::outbox::Outgoing;
use super::term::Term;
use crate::chat::effect::{Answer, CustomerNotice, Effect, Fetch, ToAgent};
use crate::chat::event::{CustomerEvent, Event, Loaded, Need};
use crate::chat::ids::CustomerId;
use crate::chat::refusal::{AgentRefusal, CommandError};
use crate::ports::link::ToLink;
use crate::ports::store_error::StoreError;
use crate::runtime::socket_event::SocketEvent;

/// Commands of a resumed session that are read at once. If it has sent more, each further one is
/// looked up separately.
const COMMANDS: u32 = 256;

impl Term<'_> {
    /// Passes an event to the desk, after reading what the desk needs for it.
    pub(super) async fn accept(&mut self, event: Event) {
        if self.is_strained(&event) {
            return self.turn_away(event);
        }
        if let Event::Customer(CustomerEvent::Input(input)) = &event
            && self.is_unfit(input)
        {
            return;
        }
        self.spoken.begin(&event);
        let mut read = None;
        while let Some(need) = self.desk.needs(&event).filter(|need| read.as_ref() != Some(need)) {
            if self.backpressure.is_blind() {
                return self.turn_away(event);
            }
            self.end_step();
            match briefly(self.load(&need)).await {
                Ok(loaded) => self.dispatch(Event::Loaded(loaded)),
                Err(error) => {
                    self.backpressure.read_nothing();
                    self.owner.status.database_down(&self.owner.link, &error.to_string());
                    return self.turn_away(event);
                }
            }
            // The same thing is read only once.
            read = Some(need);
        }
        self.enter(event);
    }

    /// Tells the sender to resend it later: nothing was done.
    fn turn_away(&mut self, event: Event) {
        self.spoken.turned_away();
        match event {
            Event::Customer(CustomerEvent::Input(input)) => self.carry_out(Effect::Answer {
                to: input.socket,
                customer: input.customer.id,
                answer: Answer::Refused {
                    id: input.command().map(|command| command.id.clone()),
                    error: CommandError::Overloaded,
                },
            }),
            Event::Agent(input) => {
                let refused = ToAgent::refused(&input, AgentRefusal::Overloaded);
                // Ahead of the outbox, which may itself wait for the database.
                let sent = self.handle.to.try_send(ToLink::Send(Box::new(refused)));
                if let Err(TrySendError::Full(ToLink::Send(refused))) = sent {
                    self.outbox.put(Outgoing::Send(refused));
                }
            }
            _ => {}
        }
    }

    async fn load(&self, need: &Need) -> Result<Loaded, StoreError> {
        match need {
            Need::Session(session) => {
                let mut commands = self.owner.store.commands(*session, COMMANDS + 1).await?;
                let more = commands.len() > COMMANDS as usize;
                commands.truncate(COMMANDS as usize);
                Ok(Loaded::Session { session: *session, commands, more })
            }
            Need::Command(key) => {
                let acked = self.owner.store.command(key).await?;
                Ok(Loaded::Command { key: key.clone(), acked })
            }
            Need::Customer(localpart) => {
                let found = self.owner.store.customer_at(&self.owner.link, localpart).await?;
                let (customer, last_agent) = found.map_or((None, None), |(c, a)| (Some(c), a));
                Ok(Loaded::Customer { localpart: localpart.clone(), customer, last_agent })
            }
            Need::Ended(customer) => {
                let latest = self.owner.store.latest(customer.id).await?;
                let ended = latest.filter(|view| !view.is_open());
                let ended = ended.map(|view| (view.id, view.head, view.active_at));
                Ok(Loaded::Ended { customer: customer.clone(), ended })
            }
            Need::Entry(conversation, seq) => {
                let row = self.owner.store.entry(*conversation, *seq).await?;
                Ok(Loaded::Entry { conversation: *conversation, seq: *seq, row })
            }
            Need::Row(conversation, pos) => {
                let (link, pos) = (&self.owner.link, *pos);
                let row = self.owner.store.row(link, *conversation, pos).await?;
                Ok(Loaded::Row { conversation: *conversation, pos, row })
            }
            Need::Words(conversation, reference) => {
                let row = self.owner.store.words(*conversation, reference).await?;
                Ok(Loaded::Words { conversation: *conversation, reference: reference.clone(), row })
            }
        }
    }

    /// Passes an event to the desk and carries out its effects.
    pub(super) fn dispatch(&mut self, event: Event) {
        let now = self.time();
        let mut effects = std::mem::take(&mut self.effects);
        self.desk.handle(now, event, &mut effects);
        for effect in effects.drain(..) {
            self.carry_out(effect);
        }
        self.effects = effects;
    }

    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append(append) => self.rows.push(append),
            Effect::Notify {
                customer, notice: notice @ CustomerNotice::Receipt { .. }, ..
            } => {
                self.ticks.push((customer, SocketEvent::Notice(notice)));
            }
            Effect::Notify { customer, notice, .. } => {
                self.tell(customer, SocketEvent::Notice(notice));
            }
            Effect::Answer { to, customer, answer } => {
                let event = SocketEvent::Answer(answer);
                if to.node == self.owner.node {
                    self.owner.hub.tell_socket(customer, to.socket, event);
                } else {
                    self.owner.peers.tell_socket(to.node, customer, to.socket, event);
                }
            }
            Effect::Send(stanza) => self.outbox.put(Outgoing::Send(Box::new(stanza))),
            Effect::Backlog(backlog) => {
                if !backlog.is_fresh() {
                    self.owner.status.metrics().redelivered(&self.owner.link);
                }
                self.outbox.put(Outgoing::Backlog(backlog));
            }
            Effect::Report(report) => self.outbox.put(Outgoing::Report(Box::new(report))),
            Effect::Fetch(fetch) => self.fetch(fetch),
            Effect::Contact { agent, contact } => {
                self.outbox.put(Outgoing::Contact(agent, Box::new(contact)));
            }
        }
    }

    /// Starts the download of an agent's file, in the background.
    fn fetch(&self, fetch: Fetch) {
        let (files, link, done) =
            (self.owner.files.clone(), self.owner.link.clone(), self.finishing.clone());
        let fetching = async move {
            tokio::select! {
                outcome = files.fetch(&link, &fetch) => {
                    let Fetch { conversation, pos, .. } = fetch;
                    let _ = done.send(Finished::Fetched(Event::Fetched { conversation, pos, outcome }));
                }
                // The next owner starts it again.
                () = done.closed() => {}
            }
        };
        tokio::spawn(fetching.in_current_span());
    }

    /// Sends the receipts that were held back to the customers.
    pub(super) fn tell_ticks(&mut self) {
        let mut ticks = std::mem::take(&mut self.ticks);
        for (customer, event) in ticks.drain(..) {
            self.tell(customer, event);
        }
        self.ticks = ticks;
    }

    /// Sends an event to all sockets of a customer, on all nodes.
    pub(super) fn tell(&self, customer: CustomerId, event: SocketEvent) {
        for node in self.remote.nodes(customer) {
            if crate::chaos::mutant("last-notice-dropped") && crate::chaos::tenth() {
                continue;
            }
            self.owner.peers.tell(node, customer, event.clone());
        }
        self.owner.hub.tell(customer, event);
    }
}
