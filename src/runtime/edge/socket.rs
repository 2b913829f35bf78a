//! One customer's socket, without the wire format: what is sent, and in which order.
//!
//! [`Cursor`] decides what is sent; here is what it needs of the store. What
//! the customer sends takes the way in `submit`.
//!
//! Invariant: [`CustomerSocket::next`] loses nothing when it is cancelled.

mod submit;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use super::cursor::{Cursor, Need};
use super::interface::{CurrentConversation, HistoryPage, Outbound, RETRY_MS, TenantView, Welcome};
use super::mailbox::Mailbox;
use super::pages::{PAGE, Pages};
use super::sessions::Admitted;
use super::shared::Shared;
use crate::bridge::custom_to_xmpp::action::Greeting;
use crate::chat::effect::{Answer, CustomerState, Phase};
use crate::chat::event::{CustomerConnection, CustomerEvent, SignedIn};
use crate::chat::ids::{ConversationId, LinkDomain, Seq, SessionId, Timestamp};
use crate::chat::model::{Conversation, Customer, State};
use crate::chat::refusal::CommandError;
use crate::chat::row::Row;
use crate::ports::store::Page;
use crate::ports::store_error::StoreError;
use crate::runtime::socket_event::ByeReason;

/// One customer's socket. Dropping it ends the customer's presence through it.
pub struct CustomerSocket {
    shared: Arc<Shared>,
    customer: Customer,
    session: SessionId,
    link: LinkDomain,
    address: Option<IpAddr>,
    number: u64,
    mailbox: Arc<Mailbox>,
    cursor: Cursor,
    /// Consecutive commands for which no owner was found.
    missed: u32,
    pages: Pages,
}

impl std::fmt::Debug for CustomerSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomerSocket").field("number", &self.number).finish_non_exhaustive()
    }
}

impl CustomerSocket {
    pub(super) async fn open(
        shared: Arc<Shared>,
        tenant: &TenantView,
        greeting: Greeting,
        address: Option<IpAddr>,
        admitted: Admitted,
    ) -> Result<(Welcome, Self), StoreError> {
        let Admitted { session, token, refused, expired, fresh, signed_in } = admitted;
        let Greeting { resume, page, .. } = greeting;
        let link = tenant.tenant.link.clone();
        let customer = session.customer;
        // Into the hub first: events that happen during the reads wait in the mailbox.
        let (number, mailbox) = shared.hub.enter(&customer, &link, page.clone());
        let mut socket = Self {
            shared,
            customer,
            session: session.id,
            link,
            address,
            number,
            mailbox,
            cursor: Cursor::new(session.id),
            missed: 0,
            pages: Pages::default(),
        };
        socket.shared.status.metrics().socket_opened();
        socket.connected(true, true, page, signed_in);
        let (conversation, entries) = match fresh {
            true => (None, Vec::new()),
            false => socket.catch_up(tenant, resume).await?,
        };
        let welcome = Welcome {
            token,
            session: socket.session,
            customer: socket.customer.id,
            expires_at: session.expires_at,
            token_refused: refused,
            identity_expired: expired,
            conversation,
            entries,
            more: socket.cursor.has_backlog(),
            now: socket.shared.world.now(),
        };
        Ok((welcome, socket))
    }

    /// Finds the current conversation and the first entries of the backlog.
    async fn catch_up(
        &mut self,
        tenant: &TenantView,
        resume: Option<(ConversationId, Seq)>,
    ) -> Result<(Option<CurrentConversation>, Vec<Arc<Row>>), StoreError> {
        let open = self.shared.store.open_conversation(self.customer.id).await?;
        let resumed = match resume {
            Some((id, _)) if open.as_ref().is_some_and(|open| open.id == id) => None,
            Some((id, _)) => self.own_conversation(id).await?,
            None => None,
        };
        let mut wanted = VecDeque::new();
        if let (Some(resumed), Some((_, seen))) = (&resumed, resume) {
            wanted.push_back((resumed.id, seen));
        }
        if let Some(open) = &open {
            let seen = resume.filter(|(id, _)| *id == open.id).map_or(Seq(0), |(_, seen)| seen);
            wanted.push_back((open.id, seen));
        }
        self.cursor.open = open.is_some();
        let head_of = |id| open.iter().chain(&resumed).find(|one| one.id == id).map(|one| one.head);
        let Some(in_hand) = open.as_ref().or(resumed.as_ref()) else {
            return Ok((None, Vec::new()));
        };
        let mut entries = Vec::new();
        while let Some((conversation, after)) = wanted.pop_front() {
            let room = PAGE - u32::try_from(entries.len()).unwrap_or(PAGE);
            // Usually there are none: entries after the head that was read are in the mailbox.
            let Page { rows, more } = match head_of(conversation).is_some_and(|head| head <= after)
            {
                true => Page::default(),
                false => self.shared.store.page_after(conversation, after, room).await?,
            };
            let last = rows.last().and_then(|row| row.seq).unwrap_or(after);
            entries.extend(rows);
            self.cursor.move_to(conversation, last);
            if more {
                wanted.push_front((conversation, last));
                break;
            }
        }
        wanted.into_iter().for_each(|(id, after)| self.cursor.owe(id, after));
        self.note_position();
        let head = in_hand.head.max(self.cursor.seen_of(in_hand.id));
        let current = CurrentConversation {
            state: state_of(in_hand, tenant),
            head,
            delivered: in_hand.delivered,
            read: in_hand.read,
        };
        Ok((Some(current), entries))
    }

    /// A conversation of this customer; one of another customer is treated as one that does not
    /// exist.
    async fn own_conversation(
        &self,
        id: ConversationId,
    ) -> Result<Option<Conversation>, StoreError> {
        let found = self.shared.store.conversation(id).await?;
        Ok(match found {
            Some(found) if found.customer == self.customer.id => Some(found),
            // One from before the customer signed in.
            Some(found) if self.shared.store.is_same(found.customer, self.customer.id).await? => {
                Some(found)
            }
            _ => None,
        })
    }

    /// The next thing to send. Cancel safe.
    pub async fn next(&mut self) -> Outbound {
        loop {
            if let Some(outbound) = self.cursor.pop() {
                self.count(&outbound);
                return outbound;
            }
            match self.cursor.need() {
                None => {
                    let event = self.mailbox.next().await;
                    self.cursor.on_event(event);
                }
                // Boxed, so that an idle socket does not reserve memory for it.
                Some(need) => Box::pin(self.read(need)).await,
            }
            self.note_position();
        }
    }

    /// The mailbox need not wake the socket for entries that it has.
    fn note_position(&self) {
        if let Some((conversation, seq)) = self.cursor.current() {
            self.mailbox.is_at(conversation, seq);
        }
    }

    /// Reads what the cursor needs from the store.
    async fn read(&mut self, need: Need) {
        let read = match need {
            Need::Page(conversation, after) => self
                .page_after(conversation, after)
                .await
                .map(|page| self.cursor.page((conversation, after), page)),
            Need::IsLater(one, other) => {
                let is_later = self.is_later(one, other).await;
                is_later.map(|is_later| self.cursor.is_later(one, is_later))
            }
        };
        if let Err(error) = read {
            // The state of the database is logged once, by `Status`; this would be logged for each
            // socket.
            tracing::debug!(%error, "cannot read entries, retrying");
            tokio::time::sleep(std::time::Duration::from_millis(u64::from(RETRY_MS))).await;
        }
    }

    fn count(&self, outbound: &Outbound) {
        let metrics = self.shared.status.metrics();
        match outbound {
            Outbound::Answer(Answer::Refused { error: CommandError::Overloaded, .. }) => {
                metrics.unavailable("turned_away");
            }
            Outbound::Answer(Answer::Refused { error: CommandError::Moved, .. }) => {
                metrics.unavailable("owner");
            }
            Outbound::Answer(Answer::Refused { error: CommandError::NotStored, .. }) => {
                metrics.unavailable("storage");
            }
            Outbound::Bye { reason: ByeReason::Slow, .. } => metrics.slow_socket(),
            _ => {}
        }
    }

    async fn page_after(
        &mut self,
        conversation: ConversationId,
        after: Seq,
    ) -> Result<Page, StoreError> {
        let store = &self.shared.store;
        let read = || {
            let store = Arc::clone(store);
            async move { store.page_after(conversation, after, PAGE).await }
        };
        self.pages.after(conversation, after, read).await
    }

    /// Whether the first of two conversations of this customer began after the second; `None` while
    /// one of them is not stored: its owner sends its head before that.
    async fn is_later(
        &self,
        one: ConversationId,
        other: ConversationId,
    ) -> Result<Option<bool>, StoreError> {
        // By the row in which each begins: which one is the latest may change between two queries,
        // and two may begin in the same millisecond.
        let store = &self.shared.store;
        let Some(one) = store.begins(one).await? else { return Ok(None) };
        let other = store.begins(other).await?;
        Ok(Some(other.is_none_or(|other| one > other)))
    }

    /// An id for a conversation that a command may begin.
    pub fn fresh(&self) -> ConversationId {
        ConversationId(self.shared.world.uuid())
    }

    /// The gateway's clock.
    pub fn now(&self) -> Timestamp {
        self.shared.world.now()
    }

    /// The customer moved to another page (origin and path only).
    pub fn page(&mut self, page: Option<Arc<str>>) {
        self.shared.hub.turn(self.customer.id, page.clone());
        self.connected(true, false, page, None);
    }

    /// Earlier entries; `None` if the conversation does not exist or is another customer's.
    ///
    /// # Errors
    /// If the store does not respond.
    pub async fn history(
        &mut self,
        conversation: Option<ConversationId>,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Option<HistoryPage>, StoreError> {
        let found = match conversation {
            Some(id) => self.own_conversation(id).await?,
            None => self.shared.store.latest(self.customer.id).await?,
        };
        let Some(found) = found else { return Ok(None) };
        let limit = limit.clamp(1, PAGE);
        let rows = self.shared.store.page_before(found.id, before, limit).await?.rows;
        let more = rows.first().and_then(|row| row.seq).is_some_and(|first| first > Seq(1));
        Ok(Some(HistoryPage { conversation: found.id, rows, more }))
    }

    fn connected(
        &self,
        online: bool,
        opened: bool,
        page: Option<Arc<str>>,
        signed_in: Option<SignedIn>,
    ) {
        let connection = CustomerConnection {
            customer: self.customer.clone(),
            node: self.shared.node,
            online,
            opened,
            page,
            signed_in,
        };
        // Soft state: if no owner accepts it now, the next refresh repeats it.
        let event = CustomerEvent::Connected(connection);
        let _ = self.shared.router.send_to_owner(&self.link, event);
    }
}

/// The state of a conversation as the customer sees it.
fn state_of(conversation: &Conversation, tenant: &TenantView) -> CustomerState {
    let phase = match &conversation.state {
        // The owner knows the position in the queue and sends it when it hears of the socket.
        State::Waiting | State::Offered { .. } => {
            Phase::Waiting { position: None, eta_s: None, open_at: None }
        }
        State::Active { agent } => {
            Phase::Active { agent: tenant.agents.get(agent).cloned().unwrap_or_else(|| "".into()) }
        }
        State::Closed { reason } => Phase::Closed { reason: *reason },
    };
    CustomerState { conversation: conversation.id, queue: conversation.queue.clone(), phase }
}

impl Drop for CustomerSocket {
    fn drop(&mut self) {
        self.shared.status.metrics().socket_closed();
        if self.shared.hub.leave(self.customer.id, self.number) {
            self.connected(false, false, None, None);
        }
    }
}
