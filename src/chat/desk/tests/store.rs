//! A store in memory that applies what the desk appends, as the database does.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::stage::HOUR;
use crate::chat::digest::{self, Digest, Past};
use crate::chat::event::{Loaded, Need};
use crate::chat::ids::{
    AgentJid, ConversationId, CustomerId, Localpart, Pos, Seq, SessionId, Timestamp,
};
use crate::chat::model::{Acked, Conversation, Customer, State};
use crate::chat::row::{Append, Author, CommandKey, Reference, Row, RowKind, Target};
use crate::chat::settings::TenantSettings;
use crate::chat::silence::Turn;
use crate::chat::snapshot::{Departing, OWED_MS, Owed, REPEATS_MS, Recall, Snapshot};

/// How many commands of a session are read at once: so few that in many histories the commands of a
/// session are known only in part.
const COMMANDS: usize = 3;

#[derive(Debug, Default, Clone)]
pub(super) struct Store {
    pub(super) rows: Vec<Arc<Row>>,
    pub(super) views: BTreeMap<ConversationId, Conversation>,
    pub(super) customers: BTreeMap<CustomerId, Customer>,
    pub(super) settings: Vec<TenantSettings>,
    /// What the server has accepted.
    pub(super) cursor: Pos,
    commands: HashMap<SessionId, Vec<(CommandKey, Pos)>>,
    words: HashMap<ConversationId, Vec<Arc<Row>>>,
}

impl Store {
    pub(super) fn new(settings: Vec<TenantSettings>) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Commits one row; panics where a database would refuse it.
    pub(super) fn append(&mut self, append: &Append) {
        let row = &append.row;
        assert_eq!(row.pos, self.head().next(), "pos is dense");
        if let Some(key) = &row.key {
            assert!(self.find(key).is_none(), "a command exists once: {key:?}");
        }
        if let Some(view) = &append.view {
            let head = self.views.get(&view.id).map_or(Seq(0), |view| view.head);
            let begins = !self.views.contains_key(&view.id);
            let stored = self.views.entry(view.id).or_insert_with(|| (**view).clone());
            *stored = Conversation { head, ..(**view).clone() };
            if begins {
                self.customers.get_mut(&view.customer).unwrap().conversations += 1;
            }
        }
        if let RowKind::Overrides { .. } = row.kind {
            return self.rows.push(row.clone());
        }
        let view = self.views.get_mut(&row.conversation).expect("the first row has a view");
        if let Some(seq) = row.seq {
            assert_eq!(seq, view.head.next(), "seq is dense");
            view.head = seq;
        }
        if row.kind.is_said() {
            view.active_at = view.active_at.max(row.at);
        }
        if row.kind.is_said() || row.kind.kind().is_note() {
            self.words.entry(row.conversation).or_default().push(row.clone());
        }
        if let Some((target, words)) = row.kind.changes() {
            self.change(row.conversation, target, words);
        }
        if let RowKind::NoteEdit { of, text } = &row.kind {
            self.change_note(row.conversation, *of, text);
        }
        if let Some(key) = row.key.clone() {
            self.commands.entry(key.session).or_default().push((key, row.pos));
        }
        self.rows.push(row.clone());
    }

    /// Changes the text of an earlier message, as the database does.
    fn change(&mut self, conversation: ConversationId, target: Target, words: &str) {
        for row in self.words.get_mut(&conversation).into_iter().flatten() {
            let of_it = row.kind.changes().is_some_and(|(of, _)| of == target);
            let is_it = row.pos == target.pos;
            match &mut Arc::make_mut(row).kind {
                RowKind::Message { text, .. } if is_it => *text = words.into(),
                RowKind::Files { text, files, .. } if is_it => {
                    (*text, *files) = (words.into(), Arc::new([]));
                }
                RowKind::Edit { text, .. } if of_it && words.is_empty() => *text = words.into(),
                _ => {}
            }
        }
    }

    /// Changes the text of a note, as the database does.
    fn change_note(&mut self, conversation: ConversationId, note: Pos, words: &Arc<str>) {
        for row in self.words.get_mut(&conversation).into_iter().flatten() {
            let is_it = row.pos == note;
            match &mut Arc::make_mut(row).kind {
                RowKind::Note { text } if is_it => *text = words.clone(),
                RowKind::NoteEdit { of, text } if *of == note && words.is_empty() => {
                    *text = words.clone();
                }
                _ => {}
            }
        }
    }

    /// The last closed conversations of a customer.
    pub(super) fn past(&self, customer: CustomerId, limit: u32) -> Vec<Past> {
        let mut closed: Vec<&Conversation> =
            self.views.values().filter(|v| v.customer == customer && !v.is_open()).collect();
        closed.sort_by_key(|view| std::cmp::Reverse((view.opened_at, view.id)));
        closed.into_iter().take(limit as usize).map(|view| self.one(view)).collect()
    }

    fn one(&self, view: &Conversation) -> Past {
        let of_it = || self.rows.iter().filter(|row| row.conversation == view.id);
        let rating = of_it().rev().find_map(|row| match &row.kind {
            RowKind::Rated { score, .. } => Some(*score),
            _ => None,
        });
        let first = self.messages(view.id).find(|row| row.author == Author::Customer);
        Past {
            opened_at: view.opened_at,
            queue: view.queue.clone(),
            agent: of_it().rev().find(|row| row.kind == RowKind::Joined).and_then(author),
            ended: match view.state {
                State::Closed { reason } => Some(reason),
                _ => None,
            },
            rating,
            first: first.and_then(|row| row.kind.words().cloned()),
            tags: view.tags.clone(),
        }
    }

    /// What a summary of a conversation needs.
    pub(super) fn digest(&self, of: CustomerId, id: Option<ConversationId>) -> Option<Digest> {
        let latest = || {
            let views = self.views.values().filter(|view| view.customer == of);
            views.max_by_key(|view| (view.is_open(), view.opened_at))
        };
        let view = id.map_or_else(latest, |id| self.views.get(&id))?;
        let answers = self.rows.iter().filter_map(|row| match &row.kind {
            RowKind::Opened { answers } if row.conversation == view.id => Some(answers.clone()),
            _ => None,
        });
        let is_note =
            |row: &&Arc<Row>| matches!(&row.kind, RowKind::Note { text } if !text.is_empty());
        let mut notes: Vec<_> = self.messages(view.id).filter(is_note).cloned().collect();
        Some(Digest {
            past: self.one(view),
            answers: answers.collect(),
            last: digest::last_said(self.messages(view.id).cloned().collect()),
            notes: notes.split_off(notes.len().saturating_sub(digest::LATEST)),
        })
    }

    /// The message that somebody refers to.
    fn referred_to(&self, conversation: ConversationId, reference: Reference) -> Loaded {
        let is_it = |row: &&Arc<Row>| match &reference {
            Reference::Customer(key) => {
                row.author == Author::Customer && row.key.as_ref() == Some(key)
            }
            Reference::Agent { jid, stanza } => {
                author(row).as_ref() == Some(jid) && row.stanza.as_ref() == Some(stanza)
            }
        };
        let row = self.messages(conversation).find(is_it).cloned();
        Loaded::Words { conversation, reference, row }
    }

    /// A customer's last conversation, if it has ended.
    fn ended(&self, customer: Box<Customer>) -> Loaded {
        let of_him = self.views.values().filter(|view| view.customer == customer.id);
        let last = of_him.max_by_key(|view| (view.is_open(), view.opened_at));
        let ended = last.filter(|view| !view.is_open());
        let ended = ended.map(|view| (view.id, view.head, view.active_at));
        Loaded::Ended { customer, ended }
    }

    pub(super) fn head(&self) -> Pos {
        self.rows.last().map_or(Pos(0), |row| row.pos)
    }

    pub(super) fn row(&self, pos: Pos) -> Option<&Arc<Row>> {
        self.rows.get(usize::try_from(pos.0).ok()?.checked_sub(1)?)
    }

    pub(super) fn find(&self, key: &CommandKey) -> Option<&Arc<Row>> {
        let commands = self.commands.get(&key.session)?;
        let (_, pos) = commands.iter().find(|(known, _)| known == key)?;
        self.row(*pos)
    }

    /// The texts of a conversation.
    pub(super) fn messages(
        &self,
        conversation: ConversationId,
    ) -> impl Iterator<Item = &Arc<Row>> + '_ {
        self.words.get(&conversation).into_iter().flatten()
    }

    fn session(&self, session: SessionId) -> Loaded {
        let known = self.commands.get(&session).into_iter().flatten();
        let all = known.filter_map(|(key, pos)| Some((key.clone(), acked(self.row(*pos)?))));
        let mut commands: Vec<_> = all.collect();
        let more = commands.len() > COMMANDS;
        commands.truncate(COMMANDS);
        Loaded::Session { session, commands, more }
    }

    /// What the desk asked for.
    pub(super) fn load(&self, need: &Need) -> Loaded {
        match need.clone() {
            Need::Session(session) => self.session(session),
            Need::Command(key) => {
                let acked = self.find(&key).map(|row| acked(row));
                Loaded::Command { key, acked }
            }
            Need::Customer(at) => self.customer_at(&at),
            Need::Ended(customer) => self.ended(customer),
            Need::Entry(conversation, seq) => {
                let row = self.messages(conversation).find(|row| row.seq == Some(seq)).cloned();
                Loaded::Entry { conversation, seq, row }
            }
            Need::Row(conversation, pos) => {
                let row = self.messages(conversation).find(|row| row.pos == pos).cloned();
                Loaded::Row { conversation, pos, row }
            }
            Need::Words(conversation, reference) => self.referred_to(conversation, reference),
        }
    }

    fn customer_at(&self, localpart: &Localpart) -> Loaded {
        let customer = self.customers.values().find(|c| c.localpart == *localpart).cloned();
        let served =
            |row: &&Arc<Row>| Some(row.customer) == customer.as_ref().map(|c| c.id) && takes(row);
        let last_agent = self.rows.iter().rev().find(served).and_then(author);
        Loaded::Customer { localpart: localpart.clone(), customer, last_agent }
    }

    pub(super) fn snapshot(&self, now: Timestamp) -> Snapshot {
        let open = self.views.values().filter(|view| view.is_open());
        let is_open = |row: &Row| self.views.get(&row.conversation).is_some_and(|v| v.is_open());
        let words = self.rows.iter().filter(|row| row.kind.is_said());
        let offered = |row: &&Arc<Row>| {
            let state = self.views.get(&row.conversation).map(|view| &view.state);
            row.kind == RowKind::Offered && matches!(state, Some(State::Offered { .. }))
        };
        let offers: BTreeMap<_, _> = self
            .rows
            .iter()
            .filter(offered)
            .map(|row| (row.conversation, (row.pos, row.at)))
            .collect();
        Snapshot {
            head: self.head(),
            cursor: self.cursor,
            offers: offers.into_iter().map(|(id, (pos, at))| (id, pos, at)).collect(),
            owed: self.rows.iter().filter_map(|row| self.owed(now, row)).collect(),
            tenants: self.settings.clone(),
            conversations: open
                .map(|view| (view.clone(), self.customers[&view.customer].clone()))
                .collect(),
            messages: words
                .clone()
                .filter(|row| row.author == Author::Customer && is_open(row))
                .filter(|row| row.seq > Some(self.views[&row.conversation].known_after()))
                .map(|row| (row.conversation, row.pos, row.seq.unwrap()))
                .collect(),
            rows: self
                .views
                .values()
                .filter(|view| view.is_open())
                .map(|view| {
                    let of_it = self.rows.iter().filter(|row| row.conversation == view.id);
                    (view.id, of_it.count() as u64)
                })
                .collect(),
            agent_messages: self
                .rows
                .iter()
                .filter(|row| row.stanza.is_some() && now.since(row.at) <= REPEATS_MS)
                .cloned()
                .collect(),
            recall: self.recall(now),
        }
    }

    fn recall(&self, now: Timestamp) -> Recall {
        let open = || self.views.values().filter(|view| view.is_open());
        let is_open = |row: &Row| self.views[&row.conversation].is_open();
        let held = |id: ConversationId| {
            let joined = |row: &&Arc<Row>| row.conversation == id && takes(row);
            self.rows.iter().rev().find(joined).and_then(author)
        };
        let answers = |row: &Arc<Row>| match &row.kind {
            RowKind::Opened { answers } if !answers.is_empty() => {
                Some((row.conversation, answers.clone()))
            }
            _ => None,
        };
        let of_open = |(id, _): &(ConversationId, _)| self.views[id].is_open();
        let moves = |row: &&Arc<Row>| row.kind.kind().changes_hands();
        let departing = |row: &&Arc<Row>| {
            matches!(row.kind, RowKind::Closed { .. })
                && !row.recipients.is_empty()
                && now.since(self.views[&row.conversation].active_at) <= 48 * HOUR
        };
        let set = self.rows.iter().filter(|row| matches!(row.kind, RowKind::Overrides { .. }));
        Recall {
            watched: self
                .rows
                .iter()
                .filter(|row| matches!(row.kind, RowKind::Watched { .. }) && is_open(row))
                .cloned()
                .collect(),
            overrides: set
                .map(|row| (row.tenant.clone(), row.clone()))
                .collect::<BTreeMap<_, _>>()
                .into_values()
                .collect(),
            links: self
                .rows
                .iter()
                .filter(|row| matches!(row.kind, RowKind::Linked { .. }))
                .filter(|row| self.views[&row.conversation].is_open())
                .filter(|row| !self.rows.iter().any(|other| came_of(other) == Some(row.pos)))
                .cloned()
                .collect(),
            answers: self.rows.iter().filter_map(answers).filter(of_open).collect(),
            served: open().filter_map(|view| Some((view.id, held(view.id)?))).collect(),
            moves: self.rows.iter().filter(moves).cloned().collect(),
            turns: self.rows.iter().filter_map(|row| self.turn(row)).collect(),
            departing: self
                .rows
                .iter()
                .filter(departing)
                .map(|row| Departing {
                    customer: self.customers[&row.customer].clone(),
                    closed: row.clone(),
                    served_by: held(row.conversation),
                })
                .collect(),
        }
    }
}

impl Store {
    /// What a row means for the silence in a conversation that an agent has.
    fn turn(&self, row: &Arc<Row>) -> Option<(ConversationId, Timestamp, Turn)> {
        self.views.get(&row.conversation)?.agent()?;
        Some((row.conversation, row.at, Turn::of(row.kind.kind(), &row.author)?))
    }

    /// A row that closed a conversation whose end is not confirmed.
    fn owed(&self, now: Timestamp, close: &Arc<Row>) -> Option<Owed> {
        let view = self.views.get(&close.conversation)?;
        let late = now.since(close.at) <= OWED_MS || close.pos > self.cursor;
        let is_owed = matches!(close.kind, RowKind::Closed { .. })
            && !close.recipients.is_empty()
            && Some(view.confirmed) < close.seq
            && late;
        is_owed.then(|| Owed {
            view: view.clone(),
            customer: self.customers[&view.customer].clone(),
            close: close.clone(),
            messages: self
                .messages(view.id)
                .filter(|row| row.author == Author::Customer && row.seq > Some(view.known_after()))
                .chain([close])
                .map(|row| (row.pos, row.seq.unwrap()))
                .collect(),
        })
    }
}

/// The link whose outcome this row is.
fn came_of(row: &Row) -> Option<Pos> {
    match &row.kind {
        RowKind::Files { of, .. } => *of,
        RowKind::Unfetched { of, .. } => Some(*of),
        _ => None,
    }
}

pub(super) fn acked(row: &Row) -> Acked {
    Acked { conversation: row.conversation, seq: row.seq, at: row.at }
}

/// The agent who made a row.
pub(super) fn author(row: &Arc<Row>) -> Option<AgentJid> {
    match &row.author {
        Author::Agent { jid, .. } => Some(jid.clone()),
        _ => None,
    }
}

/// Whether its author has the conversation from this row on.
pub(super) fn takes(row: &Row) -> bool {
    matches!(row.kind, RowKind::Joined | RowKind::Transferred { .. })
}
