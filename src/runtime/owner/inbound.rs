//! What a term hears from its link and its writer.

use super::outbox::Outgoing;
use super::term::{End, NOT_RENEWED, Term, earlier};
use super::writer::Written;
use crate::chat::event::Event;
use crate::ports::link::FromLink;

impl Term<'_> {
    /// Handles the events of the link. What is left when the term ends meanwhile is returned.
    pub(super) async fn hear_link(&mut self) -> Option<End> {
        while !self.heard.is_empty() {
            if self.is_overdue() {
                return Some(End::Lost(NOT_RENEWED));
            }
            if let Some(said) = self.heard.pop_front()
                && let Some(end) = self.on_link(said).await
            {
                return Some(end);
            }
        }
        None
    }

    pub(super) fn on_written(&mut self, written: Written) -> Option<End> {
        match written {
            Written::Upto(upto) => {
                self.stored = upto;
                self.spoken.stored(upto);
                self.owner.status.database_up(&self.owner.link);
                self.tell_ticks();
                self.dispatch(Event::Stored { upto });
                None
            }
            Written::Waiting(error) => {
                self.tell_ticks();
                self.owner.status.database_down(&self.owner.link, &error.to_string());
                None
            }
            Written::Refused(row, error) => {
                self.refuse_row(&row, &error.to_string());
                Some(End::Lost("the database refused a row"))
            }
            Written::Lost(error) => {
                tracing::warn!(
                    %error,
                    "the store rejected a write of this term"
                );
                Some(End::Lost("another node holds the lease"))
            }
        }
    }

    pub(super) async fn on_link(&mut self, said: FromLink) -> Option<End> {
        match said {
            FromLink::Event(event) => {
                if let Event::Bounced { .. } = &event {
                    self.owner.status.metrics().bounced(&self.owner.link);
                }
                self.accept(event).await;
            }
            FromLink::Silent { since } => {
                tracing::error!(
                    "the XMPP server does not respond; messages for agents wait until it does. \
                     Is it frozen, overloaded or unreachable?"
                );
                self.backpressure.silent(Some(since));
                self.watch_backlog();
                self.owner.status.link_down(&self.owner.link, "the XMPP server does not respond");
            }
            FromLink::Heard => {
                tracing::info!("the XMPP server responds again");
                self.owner.status.link_up(&self.owner.link);
                self.backpressure.silent(None);
            }
            FromLink::Up { stream } => {
                self.backpressure.stream(true);
                tracing::info!("component stream connected");
                let _ = self.up.send(stream);
                self.outbox.put(Outgoing::Opened {
                    stream,
                    after: self.accepted,
                    upto: self.stored,
                });
                // The lease says that the stream is connected before anything else does: `couplet
                // check` then leaves the link alone.
                let end = self.renew().await;
                self.owner.status.link_up(&self.owner.link);
                self.send_agents().await;
                if let Some(since) = self.silent.take() {
                    self.dispatch(Event::Interrupted { since });
                }
                self.dispatch(Event::LinkUp);
                return end;
            }
            FromLink::Down { reason, conflict, heard } => {
                *self.silent = earlier(*self.silent, heard);
                tracing::warn!(reason, "component stream disconnected");
                self.backpressure.stream(false);
                self.owner.status.link_down(&self.owner.link, &reason);
                let _ = self.up.send(0);
                self.dispatch(Event::LinkDown);
                if conflict {
                    return self.renew().await;
                }
            }
            FromLink::Contested => return self.renew().await,
            FromLink::Accepted { pos } => self.accepted = self.accepted.max(pos),
            // The stream's time ran out in the moment in which the lease was renewed: nobody asked
            // for its end, and nobody would ask for another stream.
            FromLink::Closed { epoch } if epoch == self.epoch => {
                self.repeat_notice();
                return Some(End::Lost(
                    "the stream was closed because the lease was about to expire",
                ));
            }
            FromLink::Closed { .. } => {}
        }
        None
    }
}
