//! Reads from the store what an agent is told about a customer, and sends it.

use super::Carrier;
use crate::chat::digest;
use crate::chat::effect::{Report, Reported, ToAgent, ToAgentContent};
use crate::chat::event::Peer;
use crate::chat::notice::Notice;
use crate::ports::link::ToLink;

/// What an agent who asked is told if it cannot be read.
const UNREADABLE: &str = "This can't be read right now. Please ask again in a moment.";

impl Carrier {
    pub(super) async fn report(&mut self, report: Report) {
        let Report { agent, resource, from, customer, conversation, settings, what } = report;
        let unreadable = Notice::Done { text: UNREADABLE.into() };
        let notice = match what {
            Reported::History { limit, asked } => {
                match self.read(|| self.store.past(customer, limit)).await {
                    Some(past) => digest::history(past, &settings, asked),
                    None => asked.then_some(unreadable),
                }
            }
            Reported::Summary { who } => {
                match self.read(|| self.store.digest(customer, conversation)).await {
                    Some(digest) => Some(digest::summary(*who, digest, &settings)),
                    None => Some(unreadable),
                }
            }
        };
        let Some(notice) = notice else { return };
        let content = ToAgentContent::Notice(notice);
        let from = Peer::Customer(from);
        let stanza = ToAgent { agent, resource, from, conversation, content };
        self.hand(ToLink::Send(Box::new(stanza))).await;
    }
}
