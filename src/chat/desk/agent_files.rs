//! Files that agents send, as links into their server's storage.
//!
//! Invariants: a link is stored before the file is fetched, and always has an outcome: the file in
//! the log, or a notice to its sender with the reason why not. Nothing waits for the fetch: a later
//! message of the agent may come before the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Desk;
use super::row::NewRow;
use crate::chat::effect::{CustomerNotice, Effect, Fetch, ToAgentContent};
use crate::chat::event::AgentInput;
use crate::chat::ids::{ConversationId, Pos, Timestamp};
use crate::chat::model::File;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::{Author, FetchError, Row, RowKind};

/// At most this many files of one conversation are fetched at a time; further ones are refused.
const UNDER_WAY: usize = 10;

impl Desk {
    pub(super) fn agent_links(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        url: &Arc<str>,
    ) {
        let Some(case) = self.cases.get(&id) else { return };
        if case.links.len() >= UNDER_WAY {
            return self.refuse_agent(input, AgentRefusal::Overloaded);
        }
        let linked = RowKind::Linked { url: url.clone() };
        if let Some(row) = self.append_from_agent(now, id, input, linked) {
            self.fetch(row);
        }
        self.receipt(input, Some(id));
    }

    /// Starts fetching the file of a link: now, or again after a restart.
    pub(super) fn fetch(&mut self, link: Arc<Row>) {
        let RowKind::Linked { url } = &link.kind else { return };
        let Some(case) = self.cases.get_mut(&link.conversation) else { return };
        let fetch = Fetch {
            tenant: link.tenant.clone(),
            customer: link.customer,
            conversation: link.conversation,
            pos: link.pos,
            url: url.clone(),
        };
        case.links.insert(link.pos, link);
        self.gate.emit(Effect::Fetch(fetch));
    }

    /// The outcome of fetching a file. If the conversation ended before, the agent has been
    /// notified.
    pub(super) fn fetched(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        pos: Pos,
        outcome: Result<File, FetchError>,
    ) {
        let Some(link) = self.cases.get_mut(&id).and_then(|case| case.links.remove(&pos)) else {
            return;
        };
        match outcome {
            Ok(file) => self.pass_on(now, &link, file),
            Err(why) => self.unfetched(now, &link, why),
        }
    }

    fn pass_on(&mut self, now: Timestamp, link: &Row, file: File) {
        let kind = RowKind::Files {
            files: Arc::new([file]),
            text: "".into(),
            reply_to: None,
            of: Some(link.pos),
        };
        let row = NewRow::new(link.author.clone(), kind);
        let row = NewRow { stanza: link.stanza.clone(), ..row };
        let Some(row) = self.append(now, link.conversation, row) else { return };
        if let Some(case) = self.cases.get_mut(&link.conversation) {
            case.view.active_at = now;
            let of_holder =
                matches!(&link.author, Author::Agent { jid, .. } if case.view.agent() == Some(jid));
            if let (true, Some(seq), Some(stanza)) = (of_holder, row.seq, link.stanza.clone()) {
                case.agent_spoke(seq, stanza);
            }
        }
        self.notify(&link.tenant, link.customer, CustomerNotice::Entry(row));
    }

    fn unfetched(&mut self, now: Timestamp, link: &Row, why: FetchError) {
        let Author::Agent { jid, .. } = &link.author else { return };
        let row = NewRow::new(Author::System, RowKind::Unfetched { of: link.pos, why });
        let row = NewRow { recipients: vec![jid.clone()], ..row };
        if let Some(row) = self.append(now, link.conversation, row) {
            let content = ToAgentContent::Row { row, name: None, quoted: None };
            self.send(link.conversation, jid, content);
        }
    }

    /// The conversation is about to end: files that are still being fetched come too late.
    pub(super) fn drop_links(&mut self, now: Timestamp, links: BTreeMap<Pos, Arc<Row>>) {
        for link in links.into_values() {
            self.unfetched(now, &link, FetchError::Ended);
        }
    }
}
