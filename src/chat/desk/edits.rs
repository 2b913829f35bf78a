//! Messages that are corrected, retracted or replied to.
//!
//! Invariants: only an author changes a message, and only while its conversation is open; a
//! retracted message is never changed again. A correction whose message is not found becomes a
//! message of its own: nothing an agent wrote is lost.

use std::sync::Arc;

use super::Desk;
use super::customer::Commander;
use super::order::UNDO;
use crate::chat::commands::UNDONE;
use crate::chat::event::{
    About, AgentContent, AgentInput, CustomerAction, CustomerInput, Need, Peer,
};
use crate::chat::ids::{AgentJid, CommandId, ConversationId, Pos, Seq, Timestamp};
use crate::chat::message_ref;
use crate::chat::notice::Notice;
use crate::chat::refusal::{AgentRefusal, CommandError};
use crate::chat::row::{Author, CommandKey, Reference, Row, RowKind, Target};

/// For how long a message can be undone, in milliseconds.
const UNDO_MS: i64 = 2 * 60_000;
const NOTHING_TO_UNDO: &str = "Not deleted: you have sent no message here in the last two minutes.";

/// Stands for the text of a retraction when repeats are looked for.
pub(super) const TAKEN_BACK: &str = "\u{0}taken back";

/// The text by which a repeat of an agent's row is recognized.
pub(super) fn repeat_of(kind: &RowKind) -> &str {
    match kind {
        RowKind::Linked { url } => url,
        kind => kind.words().map_or(TAKEN_BACK, |text| text),
    }
}

impl Desk {
    /// The customer corrects or retracts a message of theirs.
    pub(super) fn change(
        &mut self,
        now: Timestamp,
        by: &Commander,
        open: Option<ConversationId>,
        key: CommandKey,
        target: &CommandId,
        text: Option<Arc<str>>,
    ) {
        let Some(case) = open else { return self.refuse(by, &key.id, CommandError::NotOpen) };
        if self.is_overfull(case) {
            return self.refuse(by, &key.id, CommandError::NoSuchWords);
        }
        let said = CommandKey { session: by.session, id: target.clone() };
        let Some(target) = self.words(case, &Reference::Customer(said)) else {
            return self.refuse(by, &key.id, CommandError::NoSuchWords);
        };
        let kind = match text {
            Some(text) => RowKind::Edit { target, text },
            None => RowKind::Retract { target },
        };
        self.customer_says(now, case, key, kind);
    }

    /// The row that an agent's message becomes.
    pub(super) fn agents_words(
        &self,
        case: ConversationId,
        agent: &AgentJid,
        text: &Arc<str>,
        about: Option<&About>,
    ) -> RowKind {
        let plain = |text: &Arc<str>| RowKind::Message { text: text.clone(), reply_to: None };
        match about {
            None => plain(text),
            Some(About::Corrects { target }) => match self.words(case, &reference(agent, target)) {
                Some(target) => RowKind::Edit { target, text: text.clone() },
                None => plain(text),
            },
            Some(About::Answers { target, row, quoting }) => {
                match self.answered(case, agent, target, *row) {
                    Some(seq) => RowKind::Message { text: text.clone(), reply_to: Some(seq) },
                    None => plain(quoting),
                }
            }
        }
    }

    pub(super) fn agent_retracts(
        &mut self,
        now: Timestamp,
        case: ConversationId,
        input: &AgentInput,
        target: &Arc<str>,
    ) {
        match self.words(case, &reference(&input.agent, target)) {
            Some(target) => self.agent_message(now, case, input, RowKind::Retract { target }),
            None => match self.note_named(case, &input.agent, target) {
                Some(of) => self.delete_note(now, case, input, of),
                None => self.refuse_agent(input, AgentRefusal::NoSuchWords),
            },
        }
    }

    /// Deletes the last message of an agent.
    pub(super) fn undo(
        &mut self,
        now: Timestamp,
        case: ConversationId,
        input: &AgentInput,
    ) -> Result<(), AgentRefusal> {
        let last = self.cases.get(&case).and_then(|case| case.last_said.clone());
        let own = |(agent, at, _): &(AgentJid, Timestamp, Target)| {
            *agent == input.agent && now.since(*at) <= UNDO_MS
        };
        let Some((.., target)) = last.filter(own) else {
            return Err(AgentRefusal::Impossible { text: NOTHING_TO_UNDO.into() });
        };
        self.agent_says(now, case, input, RowKind::Retract { target });
        if let Some(customer) = self.cases.get(&case).map(|case| case.view.customer) {
            self.ordered(now, customer, input, UNDO);
        }
        self.reply(input, Notice::Done { text: UNDONE.into() });
        Ok(())
    }

    /// An author's message: among the rows not stored yet, or the row that was read for this event.
    fn words(&self, case: ConversationId, reference: &Reference) -> Option<Target> {
        let waiting = self.gate.waiting(case).chain(self.read_of(case));
        message_ref::find(waiting.map(|row| &**row), reference)
    }

    /// An entry of a conversation, if it is not stored yet or was read for this event.
    pub(super) fn entry(&self, case: ConversationId, seq: Seq) -> Option<&Arc<Row>> {
        let mut rows = self.gate.waiting(case).chain(self.read_of(case));
        rows.find(|row| row.seq == Some(seq))
    }

    fn read_of(&self, case: ConversationId) -> Option<&Arc<Row>> {
        self.read.as_ref().filter(|row| row.conversation == case)
    }

    /// The entry that an agent replies to: their own message, by their stanza's id, or the
    /// customer's, by ours. Some clients name an edit when they mean the message it edits.
    fn answered(
        &self,
        id: ConversationId,
        agent: &AgentJid,
        stanza: &Arc<str>,
        row: Option<Pos>,
    ) -> Option<Seq> {
        let Some(seq) = row.and_then(|row| self.place_of(id, row)) else {
            return self.words(id, &reference(agent, stanza)).map(|target| target.seq);
        };
        let edited = self.entry(id, seq).and_then(|row| row.kind.changes());
        Some(edited.map_or(seq, |(target, _)| target.seq))
    }

    /// The `seq` of something the customer said, by its row.
    fn place_of(&self, id: ConversationId, pos: Pos) -> Option<Seq> {
        let read = self.read_of(id).filter(|row| row.pos == pos);
        let said = |row: &&Arc<Row>| row.author == Author::Customer && row.kind.is_said();
        self.cases.get(&id)?.seq_of(pos).or_else(|| read.filter(said)?.seq)
    }

    /// Something the customer said, by its row; of an edit, the message it edits.
    pub(super) fn words_of_customer(&self, id: ConversationId, pos: Pos) -> Option<Target> {
        let seq = self.place_of(id, pos)?;
        let edited = self.entry(id, seq).and_then(|row| row.kind.changes());
        Some(edited.map_or(Target { seq, pos }, |(target, _)| target))
    }

    // ---- what must be read first ----

    /// What was read is not what was looked for: it is not looked up again.
    pub(super) fn remember_missing(&mut self, need: Need) {
        if let Some(note) = self.read.clone().filter(|row| row.kind.kind().is_note()) {
            return self.remember_note(&note);
        }
        match need {
            Need::Words(id, reference) if self.words(id, &reference).is_none() => {
                if let Some(case) = self.cases.get_mut(&id) {
                    case.missing.put_words(reference);
                }
            }
            Need::Row(id, pos) if self.place_of(id, pos).is_none() => {
                if let Some(case) = self.cases.get_mut(&id) {
                    case.missing.put_row(pos);
                }
            }
            _ => {}
        }
    }

    pub(super) fn customers_reference(&self, input: &CustomerInput) -> Option<Need> {
        let command = input.command()?;
        // Only these need a row from the store; the common commands need nothing.
        match command.action {
            CustomerAction::Edit { .. }
            | CustomerAction::Retract { .. }
            | CustomerAction::Rate { .. }
            | CustomerAction::React { .. }
            | CustomerAction::Choose { .. } => {}
            _ => return None,
        }
        let key = |id: &CommandId| CommandKey { session: input.session, id: id.clone() };
        if self.commands.find(&key(&command.id)).is_some() {
            return None;
        }
        let visitor = self.visitors.get(&input.customer.id);
        let open = visitor.and_then(|visitor| visitor.open);
        match &command.action {
            CustomerAction::Edit { target, .. } | CustomerAction::Retract { target } => {
                self.reference(open?, Reference::Customer(key(target)))
            }
            CustomerAction::Choose { of, .. } | CustomerAction::React { target: of, .. } => {
                let head = self.cases.get(&open?)?.view.head;
                (*of <= head).then_some(Need::Entry(open?, *of))
            }
            CustomerAction::Rate { .. } => {
                let ended = visitor.is_some_and(|visitor| visitor.ended.is_some());
                let known = open.is_some() || ended;
                (!known).then(|| Need::Ended(Box::new(input.customer.clone())))
            }
            _ => None,
        }
    }

    pub(super) fn agents_reference(&self, input: &AgentInput) -> Option<Need> {
        let none = "".into();
        let (target, row) = match &input.content {
            // Only what the customer said can have a reaction.
            AgentContent::React { row, .. } => (&none, Some((*row)?)),
            AgentContent::Text { about, .. } => match about.as_deref()? {
                About::Corrects { target } => (target, None),
                About::Answers { target, row, .. } => (target, *row),
            },
            AgentContent::Retract { target } => (target, None),
            AgentContent::Command { corrects: Some(target), .. } => (target, None),
            _ => return None,
        };
        let Peer::Customer(localpart) = &input.to else { return None };
        let customer = self.addresses.get(localpart)?;
        let case = self.visitors.get(customer)?.open?;
        let open = self.cases.get(&case)?;
        self.agent_of(&open.view.tenant, &input.agent)?;
        if open.notes.find(&input.agent, target).is_some() {
            return None;
        }
        let seq = row.and_then(|row| self.place_of(case, row));
        match (seq, row) {
            (Some(seq), _) if self.entry(case, seq).is_some() => None,
            (Some(seq), _) => Some(Need::Entry(case, seq)),
            // Confirmed long before the desk was restored.
            (None, Some(row)) if row <= self.gate.last_stored() && !open.missing.has_row(row) => {
                Some(Need::Row(case, row))
            }
            (None, _) if target.is_empty() => None,
            (None, _) => self.reference(case, reference(&input.agent, target)),
        }
    }

    fn reference(&self, case: ConversationId, reference: Reference) -> Option<Need> {
        let is_missing = || {
            let case = self.cases.get(&case);
            case.is_some_and(|case| case.missing.has_words(&reference))
        };
        let known = self.words(case, &reference).is_some() || is_missing();
        (!known).then_some(Need::Words(case, reference))
    }
}

fn reference(agent: &AgentJid, stanza: &Arc<str>) -> Reference {
    Reference::Agent { jid: agent.clone(), stanza: stanza.clone() }
}
