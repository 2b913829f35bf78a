//! What an owner does again and again, whatever happens at its desk.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::LEASE;
use super::term::{End, Term};
use crate::chat::event::{CustomerConnection, Event};
use crate::ports::store::StoreError;
use crate::runtime::edge::mailbox::Letter;
use crate::runtime::edge::staffed_key;

/// How long the word that an agent is in holds; it is repeated with each look at the settings.
const STAFFED_TTL: Duration = Duration::from_secs(30);

impl Term<'_> {
    /// Holds the lease. Where the database does not answer, the term goes on until
    /// [`work`](Self::work) finds that the lease may run out.
    pub(super) async fn renew(&mut self) -> Option<End> {
        let asked = Instant::now();
        let stands = *self.up.borrow() != 0;
        match self.owner.store.renew(&self.owner.link, self.epoch, LEASE, stands).await {
            Ok(()) => {
                self.renewed = asked;
                self.hold();
            }
            Err(StoreError::Fenced) => return Some(End::Lost("another node owns it")),
            Err(error) => {
                tracing::warn!(link = %self.owner.link, %error, "the lease could not be renewed");
                self.owner.status.database_down(&error.to_string());
            }
        }
        None
    }

    /// Takes up changed settings, and writes down how far the server has accepted.
    pub(super) async fn look_at_settings(&mut self) {
        self.say_staffed();
        if self.accepted > self.cursor {
            let moved =
                self.owner.store.move_cursor(&self.owner.link, self.epoch, self.accepted).await;
            if moved.is_ok() {
                self.cursor = self.accepted;
            }
        }
        let Ok(revision) = self.owner.store.revision(&self.owner.link).await else { return };
        self.owner.status.database_up();
        if revision != self.revision
            && let Ok(settings) = self.owner.store.settings(&self.owner.link).await
        {
            tracing::info!(link = %self.owner.link, revision, "settings have changed");
            self.revision = revision;
            self.feed(Event::Settings(settings));
            self.send_agents().await;
        }
    }

    /// Makes known, here and through the cache, which tenants have an agent in. A cache that does
    /// not answer holds nobody up: only one such word is under way at a time.
    fn say_staffed(&mut self) {
        let tenants = self.desk.tenants();
        let staffed: Vec<_> =
            tenants.map(|tenant| (tenant.clone(), self.desk.anyone_in(tenant))).collect();
        let here = staffed.iter().map(|(tenant, staffed)| (tenant, *staffed));
        self.owner.switchboard.put_staffed(here);
        if self.telling.as_ref().is_some_and(|telling| !telling.is_finished()) {
            return;
        }
        let cache = self.owner.cache.clone();
        self.telling = Some(tokio::spawn(async move {
            for (tenant, staffed) in staffed {
                let word = Bytes::from_static(if staffed { b"1" } else { b"0" });
                if cache.set(&staffed_key(&tenant), word, STAFFED_TTL).await.is_err() {
                    return;
                }
            }
        }));
    }

    /// Says the heads of open conversations again, by which a lost notice is found; and forgets the
    /// customers of edges that have fallen silent.
    pub(super) fn say_heads(&mut self) {
        for (customer, conversation, seq) in self.desk.heads(self.owner.world.now()) {
            #[cfg(feature = "chaos")]
            if crate::chaos::mutant("last-notice-dropped") {
                break;
            }
            self.tell(customer, Letter::Head { conversation, seq });
        }
        for (customer, node) in self.elsewhere.expired() {
            let gone =
                CustomerConnection { customer, node, online: false, opened: false, page: None };
            self.feed(Event::Connected(gone));
        }
    }
}
