//! One customer's socket, without the wire: what goes out, in which order.
//!
//! Invariants: `cursor` is the last entry of the conversation in hand that this socket was given;
//! an entry leaves exactly when it is the next one, and as an ack where the socket waits for it.
//! What a notice says is missing is read from the store. [`CustomerSocket::next`] loses nothing
//! when it is cancelled: what is being worked on stays in the socket.

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

/// Whoever finds no owner again and again is told to wait so long, in milliseconds.
const LONGEST_MS: u32 = 5_000;
/// Commands that may wait for their ack; whoever has more is told to wait.
const PENDING: usize = 256;

/// One customer's socket. Dropping it closes the customer's presence through it.
pub struct CustomerSocket {
    shared: Arc<Shared>,
    customer: Customer,
    session: SessionId,
    link: LinkDomain,
    address: Option<IpAddr>,
    number: u64,
    mailbox: Arc<Mailbox>,
    /// The conversation in hand, and its last entry that was given.
    cursor: Option<(ConversationId, Seq)>,
    /// One that came before: late word of it is worth nothing, and needs no question.
    past: Option<ConversationId>,
    /// Whether the conversation in hand is open.
    open: bool,
    /// A new conversation was counted and has not begun yet: what is said meanwhile belongs to it.
    counted: bool,
    /// Durable commands of this socket without an ack.
    pending: Vec<CommandId>,
    /// Commands in a row that no owner was there for.
    missed: u32,
    /// What is still backlog of the welcome: whole conversations, after these entries.
    backlog: VecDeque<(ConversationId, Seq)>,
    /// The event being worked on.
    event: Option<SocketEvent>,
    pages: Pages,
    ready: VecDeque<Outbound>,
}

impl std::fmt::Debug for CustomerSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomerSocket").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Which conversation is in hand, once there was word of one.
#[derive(Debug, PartialEq, Eq)]
enum Turned {
    /// That one.
    InHand,
    /// That one soon: there is more of the one before to be given.
    NotYet,
    /// Another: that one is past, or not stored yet.
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
        // Into the hub first: what happens while the store is read waits in the mailbox.
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

    /// Finds the conversation in hand and the first entries that are backlog.
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
            // Mostly there is nothing: what comes after the head that was read is in the mailbox.
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

    /// A conversation of this customer; another's is as one that does not exist.
    async fn own_conversation(
        &self,
        id: ConversationId,
    ) -> Result<Option<Conversation>, StoreError> {
        let found = self.shared.store.conversation(id).await?;
        Ok(match found {
            Some(found) if found.customer == self.customer.id => Some(found),
            // Of one whom they turned out to be, by signing in.
            Some(found) if self.shared.store.is_same(found.customer, self.customer.id).await? => {
                Some(found)
            }
            _ => None,
        })
    }

    /// What the socket is to be told next. Safe to cancel.
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
                // In a box: an idle socket has no room for it.
                Box::pin(self.read_on()).await;
            }
        }
    }

    /// Does what the store is needed for: what is backlog of the welcome, else the event in hand.
    async fn read_on(&mut self) {
        let read = if self.backlog.is_empty() {
            self.continue_event().await
        } else {
            self.send_backlog().await
        };
        if let Err(error) = read {
            // The state of the database is said once for all; this would be said for each socket.
            tracing::debug!(%error, "entries could not be read; trying again");
            tokio::time::sleep(std::time::Duration::from_millis(u64::from(RETRY_MS))).await;
        }
    }

    /// Reads the next page of what is backlog of the welcome.
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

    /// What is in hand, and its last entry that was given.
    fn move_to(&mut self, conversation: ConversationId, seq: Seq) {
        self.cursor = Some((conversation, seq));
        self.mailbox.is_at(conversation, seq);
    }

    /// Does what an event asks for; returns one that the store is needed for.
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
                // Where its entry was lost on the way, what lies between comes first.
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
                // Its ack may have been quicker.
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
                // What the one before was given may be stored: then it comes as an ack all the same.
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

    /// Does what the event in hand asks for with the help of the store; one that takes more than a
    /// page stays in hand, and what was read goes out first.
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
            // Nothing else needs it.
            _ => true,
        };
        if is_done {
            self.event = None;
        }
        Ok(())
    }

    /// An ack whose entry was not given: also of a command that was turned away when it was said
    /// again, though it was under way. Says whether it is done.
    async fn late_ack(&mut self, id: CommandId, acked: Acked) -> Result<bool, StoreError> {
        if let Some(seq) = acked.seq {
            match self.turn_to(acked.conversation).await? {
                Turned::InHand if !self.has(acked.conversation, seq) => {
                    self.start_pending(id.clone());
                    let is_full = self.give_stored(acked.conversation).await?;
                    // Mostly it came with its entry.
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

    /// Whether this entry was given.
    fn has(&self, conversation: ConversationId, seq: Seq) -> bool {
        self.cursor.is_some_and(|(id, at)| id == conversation && at >= seq)
    }

    /// A command is to be said again, though it may yet be stored: it stays pending.
    fn unavailable(&mut self, id: CommandId, error: CommandError) {
        let moved = error == CommandError::Moved;
        self.shared.status.metrics().unavailable(if moved { "owner" } else { "storage" });
        self.ready.push_back(Outbound::Answer(Answer::Refused { id: Some(id), error }));
    }

    /// Gives an entry that is the next one; gives it back where it comes before its time.
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

    /// Takes up the conversation that there is word of, once the one before is given to its end. Word
    /// of an earlier one may come late (from a node that was frozen, say): the store knows which one
    /// is the last.
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
    /// it is not stored: its owner says how far it is before that is so.
    async fn is_later(
        &self,
        one: ConversationId,
        other: ConversationId,
    ) -> Result<Option<bool>, StoreError> {
        // By where each of them begins: which is the last one may change between two questions, and
        // two may begin in the same millisecond.
        let store = &self.shared.store;
        let Some(one) = store.begins(one).await? else { return Ok(None) };
        let other = store.begins(other).await?;
        Ok(Some(other.is_none_or(|other| one > other)))
    }

    /// Gives a page of what is stored of the conversation in hand beyond the cursor; says whether that
    /// was all.
    async fn give_stored(&mut self, conversation: ConversationId) -> Result<bool, StoreError> {
        let after = self.seen_of(conversation);
        let page = self.page_after(conversation, after).await?;
        for row in page.rows {
            self.give(row);
        }
        Ok(!page.more)
    }

    /// Gives the next entry: as its ack, where this socket waits for it.
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

    /// There is a conversation; says whether it is open.
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

    /// Passes something the customer did to the link's owner. The answer to a command comes through
    /// [`next`](Self::next).
    ///
    /// # Errors
    /// Where nobody can take it now: nothing was done, and the client sends it again. Where a file is
    /// not the customer's, or gone.
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
            // Mostly another node takes over at this moment; if not, nobody needs to ask so often.
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

    /// Finds out what the desk needs to know of a command, and counts it.
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

    /// The files of these ids, and whether a message has one of them already: of those the desk says
    /// whether it is this one, sent again.
    async fn own_files(&self, ids: &[FileId]) -> Result<(Arc<[File]>, bool), SubmitError> {
        let found = self.shared.store.files_of(self.customer.id, ids).await;
        let found = found.map_err(|error| {
            tracing::debug!(%error, "a customer's files cannot be read");
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

    /// Takes the name that the customer gave in the form before the chat.
    async fn learn_name(&mut self, answers: &[(Arc<str>, Arc<str>)]) -> Result<(), StoreError> {
        if let (None, Some(name)) = (&self.customer.name, people::in_form(answers)) {
            let Shared { store, world, .. } = &*self.shared;
            // Nothing is remembered that was not written: a `start` that is said again tries again.
            self.customer = people::named(&**store, &**world, &self.customer, &name, false).await?;
            self.shared.hub.know(&self.customer);
        }
        Ok(())
    }

    /// Another tab may have given the name since this one opened, on whichever node. Where it cannot
    /// be read the conversation begins without: to be stored it needs the same database.
    async fn look_up_name(&mut self) {
        if let Ok(Some(customer)) = self.shared.store.customer(self.customer.id).await
            && customer.name.is_some()
        {
            self.shared.hub.know(&customer);
            self.customer = customer;
        }
    }

    /// The customer went to another page (origin and path only).
    pub fn page(&mut self, page: Option<Arc<str>>) {
        self.shared.hub.turn(self.customer.id, page.clone());
        self.connected(true, false, page, None);
    }

    /// Earlier entries. A conversation of somebody else is as one that does not exist: `None`.
    ///
    /// # Errors
    /// Where the store does not answer.
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
        // Soft state: where nobody takes it now, the next refresh brings it again.
        let event = CustomerEvent::Connected(connection);
        let _ = self.shared.router.send_to_owner(&self.link, event);
    }
}

/// What a customer is told of a conversation.
fn state_of(conversation: &Conversation, tenant: &TenantView) -> CustomerState {
    let phase = match &conversation.state {
        // The place in line is the owner's to say; it does so as soon as it hears of the socket.
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
