//! What an owner does periodically, whatever happens at its desk.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::backpressure::LOOK;
use super::holding::{LEASE, RENEWAL};
use super::openings;
use super::term::{End, Term};
use crate::chat::event::{CustomerConnection, CustomerEvent, Event};
use crate::chat::ids::{ConversationId, Pos};
use crate::chat::model::Customer;
use crate::chat::settings::TenantSettings;
use crate::ports::directory::TenantHours;
use crate::ports::store_error::StoreError;
use crate::runtime::edge::staffed_key;
use crate::runtime::socket_event::SocketEvent;

/// How long the cached value "an agent is online" is valid; it is repeated with each settings
/// check.
const STAFFED_TTL: Duration = Duration::from_secs(30);

/// A healthy database responds within this time. The whole desk waits for these queries.
const BRIEFLY: Duration = Duration::from_secs(2);

/// When the renewal of the lease was requested, and its result.
pub(super) type Renewal = (Instant, Result<(), StoreError>);

/// The result of a settings check.
pub(super) struct Looked {
    /// The new cursor, if it was moved.
    moved: Option<Pos>,
    revision: Result<u64, StoreError>,
    /// The settings and hours, if they have changed or the hours are to be made anew.
    settings: Option<(Vec<TenantSettings>, Vec<TenantHours>)>,
    /// Conversations that an operator wants to close.
    closings: Vec<ConversationId>,
}

/// The result of work that was done beside the desk.
pub(super) enum Finished {
    Renewal(Renewal),
    Looked(Looked),
    /// An agent's file was downloaded, or was not.
    Fetched(Event),
}

/// Waits for the database, at most for [`BRIEFLY`].
pub(super) async fn briefly<T>(
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(BRIEFLY, work).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable(format!("it did not respond within {} s", BRIEFLY.as_secs())))
    })
}

impl Term<'_> {
    /// Renews the lease and waits for it. If the database does not respond, the term continues
    /// until [`run`](Self::run) finds that the lease may expire.
    pub(super) async fn renew(&mut self) -> Option<End> {
        self.end_step();
        let renewal = self.renewal();
        let answer = renewal.await;
        self.on_renewed(answer)
    }

    /// Starts a renewal of the lease without waiting: a database that hangs must not stop the desk.
    pub(super) fn begin_renewal(&mut self) {
        if !std::mem::replace(&mut self.is_renewing, true) {
            let (renewal, finishing) = (self.renewal(), self.finishing.clone());
            tokio::spawn(async move { finishing.send(Finished::Renewal(renewal.await)) });
        }
    }

    pub(super) async fn on_finished(&mut self, finished: Finished) -> Option<End> {
        match finished {
            Finished::Renewal(renewal) => {
                self.is_renewing = false;
                return self.on_renewed(renewal);
            }
            Finished::Looked(looked) => {
                self.is_looking = false;
                self.on_looked(looked).await;
            }
            Finished::Fetched(event) => self.dispatch(event),
        }
        None
    }

    /// Retries a renewal that failed, without waiting for the next one: an outage that is over
    /// before the lease must not cost the lease.
    pub(super) fn retry_renewal(&mut self) {
        if self.renewed.elapsed() >= RENEWAL + LOOK {
            self.begin_renewal();
        }
    }

    fn renewal(&self) -> impl Future<Output = Renewal> + Send + use<> {
        let (store, link, epoch) = (self.owner.store.clone(), self.owner.link.clone(), self.epoch);
        let (asked, stands) = (Instant::now(), *self.up.borrow() != 0);
        async move { (asked, store.renew(&link, epoch, LEASE, stands).await) }
    }

    pub(super) fn on_renewed(&mut self, (asked, answer): Renewal) -> Option<End> {
        match answer {
            Ok(()) => {
                self.renewed = self.renewed.max(asked);
                self.hold();
                // It proves nothing if other writes fail.
                if self.stored == self.desk.head() {
                    self.owner.status.database_up(&self.owner.link);
                }
            }
            Err(StoreError::Fenced) => return Some(End::Lost("another node holds the lease")),
            Err(error) => {
                self.owner.status.database_down(&self.owner.link, &error.to_string());
            }
        }
        None
    }

    /// Checks for changed settings, and stores how far the server has accepted stanzas.
    pub(super) fn look_at_settings(&mut self) {
        self.say_staffed();
        if std::mem::replace(&mut self.is_looking, true) {
            return;
        }
        let finishing = self.finishing.clone();
        let (store, link, epoch) = (self.owner.store.clone(), self.owner.link.clone(), self.epoch);
        let (accepted, revision) = (self.accepted, self.revision);
        let is_due = openings::are_due(self.hours_made, self.time());
        let moves = accepted > self.cursor;
        tokio::spawn(async move {
            let moved = moves && store.move_cursor(&link, epoch, accepted).await.is_ok();
            let now = store.revision(&link).await;
            let settings = match &now {
                Ok(now) if *now != revision || is_due => {
                    let (settings, hours) = tokio::join!(store.settings(&link), store.hours(&link));
                    settings.ok().zip(hours.ok())
                }
                _ => None,
            };
            // A request that is missed now is found in 2 s.
            let closings = store.closings(&link).await.unwrap_or_default();
            let moved = moved.then_some(accepted);
            finishing.send(Finished::Looked(Looked { moved, revision: now, settings, closings }))
        });
    }

    /// Applies the result of a settings check.
    pub(super) async fn on_looked(&mut self, looked: Looked) {
        self.cursor = looked.moved.unwrap_or(self.cursor);
        for conversation in looked.closings {
            tracing::info!(
                %conversation,
                "closing a conversation on the operator's request"
            );
            self.dispatch(Event::CloseAsked(conversation));
        }
        let Ok(revision) = looked.revision else { return };
        if let Some((mut settings, written)) = looked.settings {
            if self.revision != revision {
                tracing::info!(revision, "settings changed");
            }
            self.revision = revision;
            self.hours_made = self.time();
            openings::add(&self.owner.link, self.hours_made, &mut settings, &written);
            self.dispatch(Event::Settings(settings));
            self.send_agents().await;
        }
    }

    /// Publishes, here and through the cache, which tenants have an agent online. A cache that does
    /// not respond blocks nothing: only one such request is in flight at a time.
    fn say_staffed(&mut self) {
        // Agents behind an unresponsive server cannot be reached.
        let reachable = !self.backpressure.is_silent();
        let tenants = self.desk.tenants();
        let staffed: Vec<_> = tenants
            .map(|tenant| (tenant.clone(), reachable && self.desk.anyone_in(tenant)))
            .collect();
        let here = staffed.iter().map(|(tenant, staffed)| (tenant, *staffed));
        self.owner.router.put_staffed(here);
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

    /// Compares the customers that the desk believes to be on this node with the open sockets.
    /// While thousands connect and disconnect at once, some of these events find no room, and none
    /// is repeated.
    pub(super) fn compare_customers(&mut self) {
        let node = self.owner.node;
        let mut here = self.owner.hub.ids_on(&self.owner.link);
        let believed = self.desk.customers_at(node);
        let gone: Vec<Customer> = believed.filter(|who| !here.remove(&who.id)).cloned().collect();
        let word = |customer, online, page| {
            let (opened, signed_in) = (online, None);
            let is = CustomerConnection { customer, node, online, opened, page, signed_in };
            Event::Customer(CustomerEvent::Connected(is))
        };
        for customer in gone {
            self.dispatch(word(customer, false, None));
        }
        // The remaining ones connected unnoticed.
        for id in here {
            if let Some((customer, page)) = self.owner.hub.find(id) {
                self.dispatch(word(customer, true, page));
            }
        }
    }

    /// Repeats the heads of open conversations, by which a lost notice is found; and removes the
    /// customers of nodes that have been silent too long.
    pub(super) fn say_heads(&mut self) {
        let now = self.time();
        for (customer, conversation, seq) in self.desk.heads(now) {
            if crate::chaos::mutant("last-notice-dropped") {
                break;
            }
            self.tell(customer, SocketEvent::Head { conversation, seq });
        }
        for (customer, node) in self.remote.expired() {
            let (online, opened, page, signed_in) = (false, false, None, None);
            let gone = CustomerConnection { customer, node, online, opened, page, signed_in };
            self.dispatch(Event::Customer(CustomerEvent::Connected(gone)));
        }
    }
}
