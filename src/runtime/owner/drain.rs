//! The end of a term.
//!
//! Invariants: everything accepted is stored before the stream is closed, if the database responds
//! in time; what is certainly not stored is returned to its author on that stream. The lease is
//! released only after the stream is closed.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::term::Term;
use crate::chat::effect::ToAgent;
use crate::chat::event::{AgentInput, Event};
use crate::chat::refusal::AgentRefusal;
use crate::ports::link::{FromLink, ToLink};

/// How long a graceful stop waits for the database and the server together: nobody serves the link
/// meanwhile.
const DRAIN: Duration = Duration::from_millis(1_500);

/// Timeout for the release of the lease.
const RELEASE: Duration = Duration::from_secs(2);

/// Timeout for closing a stream immediately; see the supervisor.
const LEAVING: Duration = Duration::from_secs(1);

impl Term<'_> {
    /// Graceful stop: what was accepted is stored and sent, then the lease is released.
    pub(super) async fn drain(&mut self) {
        let until = Instant::now() + DRAIN;
        self.take_the_rest();
        self.dispatch(Event::Stopping);
        self.end_step();
        while self.stored < self.desk.head() {
            match timeout_at(until, self.written.recv()).await {
                Ok(Some(written)) => {
                    if self.on_written(written).is_some() {
                        return self.leave_link().await;
                    }
                    self.end_step();
                }
                _ => break,
            }
        }
        if self.stored < self.desk.head() {
            self.return_unsaid().await;
        }
        while self.outbox.waiting() > 0 && *self.up.borrow() != 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if timeout_at(until, self.close_link()).await.is_err() {
            tracing::warn!(
                "the XMPP server does not accept the remaining stanzas, closing the stream; the \
                 next owner resends them"
            );
            self.leave_link().await;
        }
        let _ = self.up.send(0);
        let giving_up = async {
            let (store, link, accepted) = (&self.owner.store, &self.owner.link, self.accepted);
            if accepted > self.cursor {
                let _ = store.move_cursor(link, self.epoch, accepted).await;
            }
            store.release(link, self.epoch).await
        };
        let error = match timeout(RELEASE, giving_up).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database does not respond".to_owned(),
        };
        tracing::warn!(error, "cannot release the lease of the link; it expires within 6 s");
    }

    /// Accepts what customers and agents sent before the stop. An event that needs a query first is
    /// refused and resent to the next owner.
    fn take_the_rest(&mut self) {
        self.inbox.close();
        while let Ok(said) = self.inbox.try_recv() {
            let event = self.hear(said);
            self.take_now(event);
        }
        while let Some(said) = self.next_heard() {
            match said {
                FromLink::Event(event) => self.take_now(event),
                FromLink::Accepted { pos } => self.accepted = self.accepted.max(pos),
                _ => {}
            }
        }
    }

    /// The next event of the link, without waiting.
    pub(super) fn next_heard(&mut self) -> Option<FromLink> {
        self.heard.pop_front().or_else(|| self.handle.from.try_recv().ok())
    }

    fn take_now(&mut self, event: Event) {
        match event {
            event if self.desk.needs(&event).is_none() => {
                self.spoken.begin(&event);
                self.enter(event);
            }
            Event::Agent(input) if input.content.is_spoken() => self.give_back(&input),
            // Customers' clients resend it when they are told of the next owner.
            _ => {}
        }
    }

    /// Lets the link write what waits and close its stream.
    async fn close_link(&mut self) {
        if self.handle.to.send(ToLink::Close).await.is_ok() {
            self.until_closed().await;
        }
    }

    /// Closes the stream immediately: the new owner of the link sends everything else. Only
    /// messages that agents sent to this node, and that are not stored, are returned to them.
    pub(super) async fn leave_link(&mut self) {
        let _ = self.up.send(0);
        self.handle.until.send_replace(Instant::now());
        let leaving = async {
            self.return_unsaid().await;
            self.close_link().await;
        };
        if timeout(LEAVING, leaving).await.is_err() {
            tracing::warn!("the component stream was not closed in time");
        }
    }

    async fn until_closed(&mut self) {
        loop {
            let said = match self.heard.pop_front() {
                Some(said) => said,
                None => match self.handle.from.recv().await {
                    Some(said) => said,
                    None => return,
                },
            };
            match said {
                FromLink::Closed { epoch } if epoch == self.epoch => return,
                // They are returned if the stream still accepts that.
                said => {
                    if let Some(input) = self.too_late(said) {
                        self.give_back(&input);
                    }
                }
            }
        }
    }

    /// Sorts out what the link received after the last accepted event: messages that nobody will
    /// handle.
    pub(super) fn too_late(&mut self, said: FromLink) -> Option<Box<AgentInput>> {
        match said {
            FromLink::Accepted { pos } => self.accepted = self.accepted.max(pos),
            FromLink::Event(Event::Agent(input)) if input.content.is_spoken() => {
                return Some(input);
            }
            _ => {}
        }
        None
    }

    /// Never waits: the caller is the one that must empty the channel.
    fn give_back(&self, input: &AgentInput) {
        let refused = ToAgent::refused(input, AgentRefusal::Overloaded);
        let _ = self.handle.to.try_send(ToLink::Send(Box::new(refused)));
    }
}
