//! The end of a term.
//!
//! Invariants: what was taken in is stored before the stream is closed, as far as the database
//! answers in time, and what is certainly not stored is returned to its author on that stream; the
//! lease is given up only once the stream is closed.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::term::Term;
use crate::chat::effect::ToAgent;
use crate::chat::event::{AgentInput, Event};
use crate::chat::refusal::AgentRefusal;
use crate::ports::link::{FromLink, ToLink};

/// How long an orderly stop waits for the database and the server together: a link that is not
/// given up is one that nobody serves.
const DRAIN: Duration = Duration::from_millis(1_500);

/// How long a lease is being given up.
const RELEASE: Duration = Duration::from_secs(2);

/// How long a stream takes to end that has no time left; see the supervisor.
const LEAVING: Duration = Duration::from_secs(1);

impl Term<'_> {
    /// Orderly stop: what was taken is stored and sent, then the lease is given up.
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
            tracing::warn!(link = %self.owner.link, "the server does not take what is left; closing");
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
            Err(_) => "the database does not answer".to_owned(),
        };
        tracing::warn!(link = %self.owner.link, error, "the lease could not be given up; it runs out by itself");
    }

    /// Takes what customers and agents said before the stop. What would have to be asked of the
    /// database first is to be said again, to the next owner.
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

    /// What the link has said by now.
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
            // Customers' clients say it again, once they hear of the next owner.
            _ => {}
        }
    }

    /// Lets the link write what waits and close its stream.
    async fn close_link(&mut self) {
        if self.handle.to.send(ToLink::Close).await.is_ok() {
            self.until_closed().await;
        }
    }

    /// Ends the stream at once: whoever owns the link now says what is to be said. Only what agents
    /// said to us, and is not stored, goes back to them.
    pub(super) async fn leave_link(&mut self) {
        let _ = self.up.send(0);
        self.handle.until.send_replace(Instant::now());
        let leaving = async {
            self.return_unsaid().await;
            self.close_link().await;
        };
        if timeout(LEAVING, leaving).await.is_err() {
            tracing::warn!(link = %self.owner.link, "the stream did not end in time");
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
                // Where the stream still takes it, they get it back.
                said => {
                    if let Some(input) = self.too_late(said) {
                        self.give_back(&input);
                    }
                }
            }
        }
    }

    /// What the link said after all was taken in: words that nobody will handle.
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

    /// Never waits: whoever would is the one who has to take what comes.
    fn give_back(&self, input: &AgentInput) {
        let refused = ToAgent::refused(input, AgentRefusal::Overloaded);
        let _ = self.handle.to.try_send(ToLink::Send(Box::new(refused)));
    }
}
