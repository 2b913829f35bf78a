//! One customer's socket, without the wire format: what is sent, and in which order.
//!
//! Invariants: `cursor` is the last entry of the current conversation that this socket was given.
//! An entry is sent exactly when it is the next one, and as an ack if the socket waits for it.
//! Entries that a notice shows to be missing are read from the store. [`CustomerSocket::next`]
//! loses nothing when it is cancelled: unfinished work stays in the socket.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use super::mailbox::{Mailbox, SocketEvent};
use super::pages::{PAGE, Pages};
use super::sessions::Admitted;
use super::{
    ByeReason, CurrentConversation, HistoryPage, MOVED_MS, Outbound, RETRY_MS, Shared, SubmitError,
    TenantView, Welcome, people,
};
use crate::bridge::custom_to_xmpp::action::Greeting;
use crate::chat::effect::{Answer, CustomerNotice, CustomerState, Phase};
use crate::chat::event::{
    CustomerAction, CustomerCommand, CustomerConnection, CustomerContent, CustomerEvent,
    CustomerInput, SignedIn, SocketAddress,
};
use crate::chat::ids::{CommandId, ConversationId, FileId, LinkDomain, Seq, SessionId, Timestamp};
use crate::chat::model::{Acked, Conversation, Customer, File, Row, RowKind, State};
use crate::chat::refusal::CommandError;
use crate::ports::store::{Page, StoreError, StoredFile};
use crate::runtime::admission::TooMany;
use crate::runtime::files::LATE_MS;

/// The longest time to resend that a client gets if no owner is found repeatedly, in milliseconds.
const LONGEST_MS: u32 = 5_000;
/// Commands that may wait for their ack; more are refused with a time to resend.
const PENDING: usize = 256;

/// One customer's socket. Dropping it ends the customer's presence through it.
pub struct CustomerSocket {
    shared: Arc<Shared>,
    customer: Customer,
    session: SessionId,
    link: LinkDomain,
    address: Option<IpAddr>,
    number: u64,
    mailbox: Arc<Mailbox>,
    /// The current conversation, and its last entry that was given.
    cursor: Option<(ConversationId, Seq)>,
    /// The conversation before: late events of it are ignored without a query.
    past: Option<ConversationId>,
    /// Whether the current conversation is open.
    open: bool,
    /// A new conversation was counted against the rate and has not begun: further commands belong
    /// to it.
    counted: bool,
    pending: Vec<CommandId>,
    /// Consecutive commands for which no owner was found.
    missed: u32,
    /// Rest of the welcome: whole conversations, after these entries.
    backlog: VecDeque<(ConversationId, Seq)>,
    /// The event that is being processed.
    event: Option<SocketEvent>,
    pages: Pages,
    ready: VecDeque<Outbound>,
}

impl std::fmt::Debug for CustomerSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomerSocket").field("number", &self.number).finish_non_exhaustive()
    }
}

/// How an event's conversation relates to the current one.
#[derive(Debug, PartialEq, Eq)]
enum Turned {
    /// It is the current one.
    InHand,
    /// It will be, once the rest of the current one was given.
    NotYet,
    /// It is an earlier one, or not stored yet.
    Elsewhere,
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
            cursor: None,
            past: None,
            open: false,
            counted: false,
            pending: Vec::new(),
            missed: 0,
            backlog: VecDeque::new(),
            event: None,
            pages: Pages::default(),
            ready: VecDeque::new(),
        };
        socket.shared.status.metrics().socket_opened();
        socket.connected(true, true, page, signed_in);
        let (conversation, entries) = match fresh {
            true => (None, Vec::new()),
            false => socket.catch_up(tenant, resume).await?,
        };
        let welcome = Welcome {
            token,
            customer: socket.customer.id,
            expires_at: session.expires_at,
            token_refused: refused,
            identity_expired: expired,
            conversation,
            entries,
            more: !socket.backlog.is_empty(),
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
        if let (Some(resumed), Some((_, seen))) = (&resumed, resume) {
            self.backlog.push_back((resumed.id, seen));
        }
        if let Some(open) = &open {
            let seen = resume.filter(|(id, _)| *id == open.id).map_or(Seq(0), |(_, seen)| seen);
            self.backlog.push_back((open.id, seen));
        }
        self.open = open.is_some();
        let head_of = |id| open.iter().chain(&resumed).find(|one| one.id == id).map(|one| one.head);
        let Some(in_hand) = open.as_ref().or(resumed.as_ref()) else {
            return Ok((None, Vec::new()));
        };
        let mut entries = Vec::new();
        while let Some((conversation, after)) = self.backlog.pop_front() {
            let room = PAGE - u32::try_from(entries.len()).unwrap_or(PAGE);
            // Usually there are none: entries after the head that was read are in the mailbox.
            let Page { rows, more } = match head_of(conversation).is_some_and(|head| head <= after)
            {
                true => Page::default(),
                false => self.shared.store.page_after(conversation, after, room).await?,
            };
            let last = rows.last().and_then(|row| row.seq).unwrap_or(after);
            entries.extend(rows);
            self.move_to(conversation, last);
            if more {
                self.backlog.push_front((conversation, last));
                break;
            }
        }
        let head = in_hand.head.max(self.seen_of(in_hand.id));
        let current = CurrentConversation {
            state: state_of(in_hand, tenant),
            head,
            delivered: in_hand.delivered,
            read: in_hand.read,
        };
        Ok((Some(current), entries))
    }

    fn seen_of(&self, conversation: ConversationId) -> Seq {
        self.cursor.filter(|(id, _)| *id == conversation).map(|(_, seq)| seq).unwrap_or_default()
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
            if let Some(outbound) = self.ready.pop_front() {
                return outbound;
            }
            if self.backlog.is_empty() && self.event.is_none() {
                let event = self.mailbox.next().await;
                self.event = self.on_event(event);
            }
            if !self.backlog.is_empty() || self.event.is_some() {
                // Boxed, so that an idle socket does not reserve memory for it.
                Box::pin(self.read_on()).await;
            }
        }
    }

    /// Does what needs the store: the backlog of the welcome, else the current event.
    async fn read_on(&mut self) {
        let read = if self.backlog.is_empty() {
            self.continue_event().await
        } else {
            self.send_backlog().await
        };
        if let Err(error) = read {
            // The state of the database is logged once, by `Status`; this would be logged for each
            // socket.
            tracing::debug!(%error, "cannot read entries, retrying");
            tokio::time::sleep(std::time::Duration::from_millis(u64::from(RETRY_MS))).await;
        }
    }

    /// Reads the next page of the backlog.
    async fn send_backlog(&mut self) -> Result<(), StoreError> {
        let Some((conversation, after)) = self.backlog.front().copied() else { return Ok(()) };
        let page = self.page_after(conversation, after).await?;
        let last = page.rows.last().and_then(|row| row.seq).unwrap_or(after);
        self.backlog.pop_front();
        if page.more {
            self.backlog.push_front((conversation, last));
        }
        self.move_to(conversation, last);
        let more = !self.backlog.is_empty();
        self.ready.push_back(Outbound::Entries { conversation, rows: page.rows, more });
        Ok(())
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

    /// Sets the current conversation and the last entry given.
    fn move_to(&mut self, conversation: ConversationId, seq: Seq) {
        self.cursor = Some((conversation, seq));
        self.mailbox.is_at(conversation, seq);
    }

    /// Processes an event; returns one that needs the store.
    fn on_event(&mut self, event: SocketEvent) -> Option<SocketEvent> {
        match event {
            SocketEvent::Notice(CustomerNotice::Entry(row)) => return self.entry(row),
            SocketEvent::Notice(notice) => {
                if let CustomerNotice::State(state) = &notice {
                    self.begun(!matches!(state.phase, Phase::Closed { .. }));
                }
                self.ready.push_back(Outbound::Notice(notice));
            }
            SocketEvent::Answer(Answer::Ack { id, acked }) => {
                // If its entry was lost on the way, the entries before it are read first.
                let Acked { conversation, seq, .. } = acked;
                let is_past = self.past == Some(conversation);
                let is_given = is_past || seq.is_none_or(|seq| self.has(conversation, seq));
                if !is_given {
                    return Some(SocketEvent::Answer(Answer::Ack { id, acked }));
                }
                self.ack(id, acked);
            }
            SocketEvent::Answer(Answer::Refused {
                id: Some(id),
                error: CommandError::NotStored,
            }) => {
                // Its ack may have been faster.
                if self.pending.contains(&id) {
                    self.unavailable(id, CommandError::NotStored);
                }
            }
            SocketEvent::Answer(Answer::Refused { id, error }) => {
                if error == CommandError::Overloaded {
                    self.shared.status.metrics().unavailable("turned_away");
                }
                if let Some(id) = &id {
                    self.no_longer_pending(id);
                }
                self.ready.push_back(Outbound::Answer(Answer::Refused { id, error }));
            }
            SocketEvent::Head { conversation, seq } => {
                return (!self.has(conversation, seq)).then_some(event);
            }
            SocketEvent::NewOwner => {
                // The previous owner may have stored it: then the ack comes nevertheless.
                for id in self.pending.clone() {
                    self.unavailable(id, CommandError::Moved);
                }
            }
            SocketEvent::Bye { reason, reconnect_after_ms } => {
                if reason == ByeReason::Slow {
                    self.shared.status.metrics().slow_socket();
                }
                self.ready.push_back(Outbound::Bye { reason, reconnect_after_ms });
            }
        }
        None
    }

    /// Continues with the current event with the help of the store; one that needs more than a page
    /// stays current, and the page is sent first.
    async fn continue_event(&mut self) -> Result<(), StoreError> {
        let is_done = match self.event.clone() {
            Some(SocketEvent::Notice(CustomerNotice::Entry(row))) => {
                let conversation = row.conversation;
                match self.turn_to(conversation).await? {
                    Turned::InHand => {
                        self.entry(row).is_none() || self.give_stored(conversation).await?
                    }
                    turned => turned == Turned::Elsewhere,
                }
            }
            Some(SocketEvent::Head { conversation, .. }) => match self.turn_to(conversation).await?
            {
                Turned::InHand => self.give_stored(conversation).await?,
                turned => turned == Turned::Elsewhere,
            },
            Some(SocketEvent::Answer(Answer::Ack { id, acked })) => {
                self.late_ack(id, acked).await?
            }
            // No other event needs the store.
            _ => true,
        };
        if is_done {
            self.event = None;
        }
        Ok(())
    }

    /// An ack whose entry was not given. The command may have been refused when it was resent
    /// although the first one was still in flight. Returns whether the event is done.
    async fn late_ack(&mut self, id: CommandId, acked: Acked) -> Result<bool, StoreError> {
        if let Some(seq) = acked.seq {
            match self.turn_to(acked.conversation).await? {
                Turned::InHand if !self.has(acked.conversation, seq) => {
                    self.start_pending(id.clone());
                    let is_full = self.give_stored(acked.conversation).await?;
                    // Usually it came with its entry.
                    if !self.pending.contains(&id) {
                        return Ok(true);
                    }
                    if !is_full {
                        return Ok(false);
                    }
                }
                Turned::NotYet => return Ok(false),
                Turned::InHand | Turned::Elsewhere => {}
            }
        }
        self.ack(id, acked);
        Ok(true)
    }

    fn has(&self, conversation: ConversationId, seq: Seq) -> bool {
        self.cursor.is_some_and(|(id, at)| id == conversation && at >= seq)
    }

    /// The client is to resend a command that may still be stored: it stays pending.
    fn unavailable(&mut self, id: CommandId, error: CommandError) {
        let moved = error == CommandError::Moved;
        self.shared.status.metrics().unavailable(if moved { "owner" } else { "storage" });
        self.ready.push_back(Outbound::Answer(Answer::Refused { id: Some(id), error }));
    }

    /// Gives an entry if it is the next one, else returns it.
    fn entry(&mut self, row: Arc<Row>) -> Option<SocketEvent> {
        let seq = row.seq?;
        let conversation = row.conversation;
        let in_hand = self.cursor.is_none_or(|(id, _)| id == conversation);
        if in_hand && seq == self.seen_of(conversation).next() {
            self.give(row);
            return None;
        }
        let late = self.past == Some(conversation) || self.has(conversation, seq);
        (!late).then_some(SocketEvent::Notice(CustomerNotice::Entry(row)))
    }

    /// Moves to the conversation of an event once the current one is given completely. An event of
    /// an earlier conversation may come late (for example from a node that was frozen): the store
    /// knows which is the latest.
    async fn turn_to(&mut self, conversation: ConversationId) -> Result<Turned, StoreError> {
        let Some((in_hand, _)) = self.cursor else { return Ok(Turned::InHand) };
        if in_hand == conversation {
            return Ok(Turned::InHand);
        }
        if self.past == Some(conversation) {
            return Ok(Turned::Elsewhere);
        }
        match self.is_later(conversation, in_hand).await? {
            Some(true) => {}
            Some(false) => {
                self.past = Some(conversation);
                return Ok(Turned::Elsewhere);
            }
            None => return Ok(Turned::Elsewhere),
        }
        if !self.give_stored(in_hand).await? {
            return Ok(Turned::NotYet);
        }
        self.past = Some(in_hand);
        self.move_to(conversation, Seq(0));
        Ok(Turned::InHand)
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

    /// Gives a page of the stored entries after the cursor; returns whether that was all.
    async fn give_stored(&mut self, conversation: ConversationId) -> Result<bool, StoreError> {
        let after = self.seen_of(conversation);
        let page = self.page_after(conversation, after).await?;
        for row in page.rows {
            self.give(row);
        }
        Ok(!page.more)
    }

    /// Gives the next entry: as an ack if this socket waits for it.
    fn give(&mut self, row: Arc<Row>) {
        let Some(seq) = row.seq else { return };
        self.move_to(row.conversation, seq);
        self.begun(!matches!(row.kind, RowKind::Closed { .. }));
        let own = row.key.as_ref().filter(|key| key.session == self.session);
        if let Some(key) = own.filter(|key| self.pending.contains(&key.id)) {
            let acked = Acked { conversation: row.conversation, seq: row.seq, at: row.at };
            self.no_longer_pending(&key.id);
            self.ready.push_back(Outbound::Answer(Answer::Ack { id: key.id.clone(), acked }));
        } else {
            self.ready.push_back(Outbound::Notice(CustomerNotice::Entry(row)));
        }
    }

    /// A conversation exists now.
    fn begun(&mut self, open: bool) {
        (self.open, self.counted) = (open, false);
    }

    fn ack(&mut self, id: CommandId, acked: Acked) {
        self.no_longer_pending(&id);
        self.ready.push_back(Outbound::Answer(Answer::Ack { id, acked }));
    }

    fn start_pending(&mut self, id: CommandId) {
        if !self.pending.contains(&id) {
            self.pending.push(id);
        }
    }

    fn no_longer_pending(&mut self, id: &CommandId) {
        self.pending.retain(|other| other != id);
    }

    /// An id for a conversation that a command may begin.
    pub fn fresh(&self) -> ConversationId {
        ConversationId(self.shared.world.uuid())
    }

    /// The gateway's clock.
    pub fn now(&self) -> Timestamp {
        self.shared.world.now()
    }

    /// Passes a command or signal of the customer to the link's owner. The response to a command
    /// comes through [`next`](Self::next).
    ///
    /// # Errors
    /// If no owner can accept it: nothing was done, and the client resends it. If a file is not the
    /// customer's, or gone.
    pub async fn submit(&mut self, mut content: CustomerContent) -> Result<(), SubmitError> {
        let id = match &mut content {
            CustomerContent::Command(command) => {
                self.prepare(command).await?;
                Some(command.id.clone())
            }
            CustomerContent::Typing { .. } | CustomerContent::Read { .. } => None,
        };
        let input = CustomerInput {
            customer: self.customer.clone(),
            session: self.session,
            socket: SocketAddress { node: self.shared.node, socket: self.number },
            content,
        };
        let event = CustomerEvent::Input(Box::new(input));
        if self.shared.router.send_to_owner(&self.link, event).is_err() {
            self.shared.status.metrics().unavailable("owner");
            // Usually another node is taking over; if not, clients should ask less often.
            let retry_after_ms = (MOVED_MS << self.missed.min(8)).min(LONGEST_MS);
            self.missed += 1;
            return Err(SubmitError::Unavailable { retry_after_ms });
        }
        self.missed = 0;
        if let Some(id) = id {
            self.start_pending(id);
        }
        Ok(())
    }

    /// Looks up what the desk needs for a command, and counts it against the rates.
    async fn prepare(&mut self, command: &mut CustomerCommand) -> Result<(), SubmitError> {
        let unavailable = SubmitError::Unavailable { retry_after_ms: RETRY_MS };
        match &mut command.action {
            CustomerAction::Start { answers, .. } => {
                self.learn_name(answers).await.map_err(|_| unavailable)?;
            }
            CustomerAction::Share { ids, files, taken, .. } => {
                (*files, *taken) = self.own_files(ids).await?;
            }
            _ => {}
        }
        let begins = command.action.opens();
        let repeated = self.pending.contains(&command.id);
        if !repeated && self.pending.len() >= PENDING {
            return Err(unavailable);
        }
        let new = begins && !repeated && !self.open && !self.counted;
        if let (true, Some(address)) = (new, self.address) {
            self.shared.admission.conversation(address).map_err(|TooMany { retry_after_ms }| {
                SubmitError::RateLimited { retry_after_ms }
            })?;
        }
        if new && self.customer.name.is_none() {
            self.look_up_name().await;
        }
        self.counted = begins && (self.counted || new);
        Ok(())
    }

    /// The files with these ids, and whether one of them is in a message already: then the desk
    /// decides whether this command is a resend of that message.
    async fn own_files(&self, ids: &[FileId]) -> Result<(Arc<[File]>, bool), SubmitError> {
        let found = self.shared.store.files_of(self.customer.id, ids).await;
        let found = found.map_err(|error| {
            tracing::debug!(%error, "cannot read a customer's files");
            SubmitError::Unavailable { retry_after_ms: RETRY_MS }
        })?;
        let until = self.shared.world.now().plus(LATE_MS);
        let stays = |kept: &&StoredFile| {
            let waits = kept.expires_at.is_none_or(|at| until < at);
            kept.tenant == self.customer.tenant && (kept.is_taken || waits)
        };
        let of_theirs = |id: &FileId| {
            let kept = found.iter().filter(stays).find(|kept| kept.file.id == *id)?;
            Some(kept.file.clone())
        };
        let files: Option<Vec<File>> = ids.iter().map(of_theirs).collect();
        let taken = found.iter().any(|kept| kept.is_taken);
        Ok((files.ok_or(SubmitError::NoSuchFile)?.into(), taken))
    }

    /// Stores the name from the form before the chat.
    async fn learn_name(&mut self, answers: &[(Arc<str>, Arc<str>)]) -> Result<(), StoreError> {
        if let (None, Some(name)) = (&self.customer.name, people::in_form(answers)) {
            let Shared { store, world, .. } = &*self.shared;
            // Remembered only if it was stored: a resent `start` tries again.
            self.customer = people::named(&**store, &**world, &self.customer, &name, false).await?;
            self.shared.hub.know(&self.customer);
        }
        Ok(())
    }

    /// Another tab, perhaps on another node, may have stored a name since this socket opened. If it
    /// cannot be read, the conversation begins without it: storing that needs the same database.
    async fn look_up_name(&mut self) {
        if let Ok(Some(customer)) = self.shared.store.customer(self.customer.id).await
            && customer.name.is_some()
        {
            self.shared.hub.know(&customer);
            self.customer = customer;
        }
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
        State::Waiting | State::Offered { .. } => Phase::Waiting { position: None, eta_s: None },
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
