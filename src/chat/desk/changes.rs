//! Words that are said otherwise, taken back, or answered.
//!
//! Invariants: only an author changes his words, and only in the conversation they stand in while
//! it is open; what was taken back is changed no more. Words that would change others which are
//! not found are words of their own: nothing an agent wrote is lost.

use std::sync::Arc;

use super::customer::Commander;
use super::{Desk, Need};
use crate::chat::effect::{AgentRefusal, CommandError};
use crate::chat::event::{About, AgentContent, AgentInput, CustomerAction, CustomerCommand, Peer};
use crate::chat::ids::{AgentJid, CommandId, ConversationId, Pos, Seq, Timestamp};
use crate::chat::model::{CommandKey, Reference, RowKind, Target};

/// What stands for the words of a retraction where repeats are looked for.
pub(super) const TAKEN_BACK: &str = "\u{0}taken back";

/// By what a repeat of an agent's row is found.
pub(super) fn repeat_of(kind: &RowKind) -> &str {
    match kind {
        RowKind::Linked { url } => url,
        kind => kind.words().map_or(TAKEN_BACK, |text| text),
    }
}

impl Desk {
    /// The customer says otherwise what he said, or takes it back.
    pub(super) fn change(
        &mut self,
        now: Timestamp,
        by: &Commander,
        open: Option<ConversationId>,
        id: CommandId,
        target: &CommandId,
        text: Option<Arc<str>>,
    ) {
        let Some(case) = open else { return self.refuse(by, &id, CommandError::NotOpen) };
        let said = CommandKey { session: by.session, id: target.clone() };
        let Some(target) = self.words(case, &Reference::Customer(said)) else {
            return self.refuse(by, &id, CommandError::NoSuchWords);
        };
        let kind = match text {
            Some(text) => RowKind::Edit { target, text },
            None => RowKind::Retract { target },
        };
        self.customer_says(now, case, CommandKey { session: by.session, id }, kind);
    }

    /// What an agent's words come to.
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
        target: Arc<str>,
        wants_receipt: bool,
    ) {
        match self.words(case, &reference(&input.agent, &target)) {
            Some(target) => {
                self.agent_says(now, case, input, RowKind::Retract { target }, wants_receipt);
            }
            None => self.refuse_agent(input, AgentRefusal::NoSuchWords),
        }
    }

    fn words(&self, case: ConversationId, reference: &Reference) -> Option<Target> {
        self.cases.get(&case)?.said.find(reference)
    }

    /// The entry that an agent answers: his own words, by the id of his stanza, or another's, by
    /// that of ours.
    fn answered(
        &self,
        id: ConversationId,
        agent: &AgentJid,
        stanza: &Arc<str>,
        row: Option<Pos>,
    ) -> Option<Seq> {
        let case = self.cases.get(&id)?;
        let own = case.said.find(&reference(agent, stanza)).map(|target| target.seq);
        own.or_else(|| case.seq_of(row?))
    }

    // ---- what must be read before ----

    pub(super) fn customers_reference(&self, command: &CustomerCommand) -> Option<Need> {
        let visitor = self.visitors.get(&command.customer.id);
        let target = match &command.action {
            CustomerAction::Edit { target, .. } | CustomerAction::Retract { target, .. } => target,
            CustomerAction::Rate { .. }
                if visitor
                    .is_none_or(|visitor| visitor.open.is_none() && visitor.ended.is_none()) =>
            {
                return Some(Need::Ended(Box::new(command.customer.clone())));
            }
            CustomerAction::Choose { of, .. } => {
                let case = visitor?.open?;
                let known = self.cases.get(&case)?.question.as_ref();
                return known.is_none_or(|(seq, _)| seq != of).then_some(Need::Entry(case, *of));
            }
            _ => return None,
        };
        let case = visitor?.open?;
        let said = CommandKey { session: command.session, id: target.clone() };
        self.reference(case, Reference::Customer(said))
    }

    pub(super) fn agents_reference(&self, input: &AgentInput) -> Option<Need> {
        let target = match &input.content {
            AgentContent::Text { about, .. } => match about.as_deref()? {
                About::Corrects { target } | About::Answers { target, row: None, .. } => target,
                About::Answers { row: Some(_), .. } => return None,
            },
            AgentContent::Retract { target, .. } => target,
            _ => return None,
        };
        let Peer::Customer(localpart) = &input.to else { return None };
        let customer = self.addresses.get(localpart)?;
        let case = self.visitors.get(customer)?.open?;
        self.agent_of(&self.cases.get(&case)?.view.tenant, &input.agent)?;
        self.reference(case, reference(&input.agent, target))
    }

    fn reference(&self, case: ConversationId, reference: Reference) -> Option<Need> {
        let known = self.words(case, &reference).is_some();
        (!known).then_some(Need::Words(case, reference))
    }
}

fn reference(agent: &AgentJid, stanza: &Arc<str>) -> Reference {
    Reference::Agent { jid: agent.clone(), stanza: stanza.clone() }
}
