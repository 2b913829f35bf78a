//! Notes: what agents write for each other in a conversation.
//!
//! Invariants: a note has no `seq` and no customer sees it; it is sent to those who have the
//! conversation, and with its messages to whoever gets it later. What corrects a note changes the
//! note, or is refused: it never reaches the customer.

use std::sync::Arc;

use super::Desk;
use super::agent::Standing;
use super::edits::TAKEN_BACK;
use super::order::NOTE;
use super::row::NewRow;
use crate::chat::commands::NOTED;
use crate::chat::event::{AgentContent, AgentInput};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, Pos, Timestamp};
use crate::chat::notes::note_of;
use crate::chat::notice::Notice;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::{Row, RowKind};

pub(super) const FULL: &str =
    "Not done: this conversation is too long. Please go on in a new one: !close, then !reopen.";

impl Desk {
    /// Adds a note, or changes the one that the stanza corrects; refused if that is impossible.
    pub(super) fn note(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
        text: Arc<str>,
    ) -> Result<(), AgentRefusal> {
        let case = self.case_about(customer, standing)?;
        if self.is_overfull(case) {
            return Err(AgentRefusal::Impossible { text: FULL.into() });
        }
        let corrected = match &input.content {
            AgentContent::Command { corrects: Some(id), .. } => {
                self.note_named(case, &input.agent, id)
            }
            _ => None,
        };
        let kind = match corrected {
            Some(of) => RowKind::NoteEdit { of, text },
            None => RowKind::Note { text },
        };
        self.append_note(now, case, input, kind);
        self.ordered(now, customer, input, NOTE);
        self.reply(input, Notice::Done { text: NOTED.into() });
        Ok(())
    }

    /// The open conversation with a customer, whoever has it, for an agent who has to do with it.
    pub(super) fn case_about(
        &self,
        customer: CustomerId,
        standing: &Standing,
    ) -> Result<ConversationId, AgentRefusal> {
        match standing {
            Standing::Holds(case) | Standing::MayTake(case) | Standing::Late { case, .. } => {
                Ok(*case)
            }
            Standing::PassedOn(_) => {
                let open = self.visitors.get(&customer).and_then(|visitor| visitor.open);
                open.ok_or(AgentRefusal::Closed)
            }
            Standing::Closed => Err(AgentRefusal::Closed),
            Standing::Stranger => Err(AgentRefusal::NotFound),
        }
    }

    /// Deletes the text of a note.
    pub(super) fn delete_note(
        &mut self,
        now: Timestamp,
        case: ConversationId,
        input: &AgentInput,
        of: Pos,
    ) {
        if let (Some(stanza), Some(customer)) =
            (&input.stanza, self.cases.get(&case).map(|case| case.view.customer))
        {
            let by = (&input.agent, input.client());
            self.spoken.insert(now, by, customer, stanza, TAKEN_BACK);
        }
        self.append_note(now, case, input, RowKind::NoteEdit { of, text: "".into() });
        self.receipt(input, Some(case));
    }

    fn append_note(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        kind: RowKind,
    ) {
        let Some(case) = self.cases.get(&id) else { return };
        let author = self.author(&case.view.tenant, &input.agent);
        let readers = case.audience().iter().filter(|agent| **agent != input.agent);
        let (readers, withheld) = (readers.cloned().collect::<Vec<_>>(), case.withheld);
        let stanza = input.stanza.clone();
        let row = NewRow { stanza, recipients: readers.clone(), ..NewRow::new(author, kind) };
        let Some(row) = self.append(now, id, row) else { return };
        if !withheld {
            self.deliver(id, &readers, &row, None);
        }
    }

    /// The note of an agent that was sent, or changed, in this stanza: one of the latest, or the
    /// one that was read for this event.
    pub(super) fn note_named(
        &self,
        case: ConversationId,
        agent: &AgentJid,
        stanza: &str,
    ) -> Option<Pos> {
        let known = self.cases.get(&case).and_then(|case| case.notes.find(agent, stanza));
        let read = || {
            let row = self.read.as_ref().filter(|row| row.conversation == case)?;
            let (by, id, of) = note_of(row)?;
            (by == agent && **id == *stanza).then_some(of)
        };
        known.or_else(read)
    }

    /// Whether a message of an agent corrects a note.
    pub(super) fn corrects_a_note(
        &self,
        customer: CustomerId,
        agent: &AgentJid,
        stanza: &str,
    ) -> bool {
        let open = self.visitors.get(&customer).and_then(|visitor| visitor.open);
        open.is_some_and(|case| self.note_named(case, agent, stanza).is_some())
    }

    /// A note was read from the store: it is remembered, so that it is not read again.
    pub(super) fn remember_note(&mut self, row: &Row) {
        if let Some(case) = self.cases.get_mut(&row.conversation) {
            case.notes.insert(row);
        }
    }
}
