//! Compares what a desk knew when its process died with what the restored one knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::stage::{HOUR, MINUTE};
use super::store::{Store, takes};
use crate::chat::desk::Desk;
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, Pos, TenantKey, Timestamp};
use crate::chat::model::State;
use crate::chat::row::{Answers, Row, RowKind};

type Visitor = (Option<AgentJid>, BTreeSet<AgentJid>, Option<Timestamp>);

#[derive(Debug)]
pub(super) struct Known {
    answers: BTreeMap<ConversationId, Answers>,
    /// The agents who failed a waiting conversation.
    shunned: BTreeMap<ConversationId, BTreeSet<AgentJid>>,
    /// When each agent was last offered a conversation.
    asked_at: BTreeMap<(TenantKey, AgentJid), Timestamp>,
    /// Who served a customer last, whose rosters they are in, and when they leave them.
    visitors: BTreeMap<CustomerId, Visitor>,
    /// Past assignments.
    ended: BTreeMap<(CustomerId, AgentJid), Pos>,
    /// Who watches what.
    watches: BTreeSet<(ConversationId, AgentJid)>,
}

impl Known {
    pub(super) fn by(desk: &Desk, now: Timestamp) -> Self {
        let cases = || desk.cases.iter();
        let waits = cases().filter(|(_, case)| case.view.state == State::Waiting);
        let asked = desk.work.iter().filter(|(_, work)| work.asked_at > Timestamp::default());
        let visitors = desk.visitors.iter().map(|(id, visitor)| {
            let contacts = visitor.contacts.clone();
            (*id, (visitor.last_agent.clone(), contacts, visitor.leaves_at))
        });
        Self {
            answers: cases().map(|(id, case)| (*id, case.answers.clone())).collect(),
            shunned: waits
                .map(|(id, case)| (*id, case.shunned.iter().cloned().collect()))
                .collect(),
            asked_at: asked.map(|(key, work)| (key.clone(), work.asked_at)).collect(),
            visitors: visitors.collect(),
            ended: desk.past.since(now.plus(-15 * MINUTE)).collect(),
            watches: desk.watches.pairs()[0].clone(),
        }
    }

    /// The restored desk, at the same moment, knows everything that matters.
    pub(super) fn outlived(&self, desk: &Desk, store: &Store, now: Timestamp) {
        let again = Self::by(desk, now);
        assert_eq!(self.answers, again.answers);
        assert_eq!(self.ended, again.ended);
        assert_eq!(self.watches, again.watches);
        for (id, shunned) in &self.shunned {
            // An agent who may be asked again, or whose time was over, may be passed over once
            // more.
            assert!(shunned.is_subset(&again.shunned[id]), "{id}: {shunned:?}");
        }
        for (key, at) in &self.asked_at {
            assert_eq!(again.asked_at.get(key), Some(at), "{key:?} has another turn");
        }
        for (customer, (last_agent, contacts, leaves_at)) in &self.visitors {
            let known = again.visitors.get(customer);
            let of_his = |row: &&Arc<Row>| row.customer == *customer;
            let rows = || store.rows.iter().rev().filter(of_his);
            if let Some(open) = desk.visitors.get(customer).and_then(|visitor| visitor.open)
                && rows().any(|row| row.conversation == open && takes(row))
            {
                assert_eq!(known.unwrap().0, *last_agent, "{customer}: who served them last");
            }
            let recent =
                |row: &&Arc<Row>| now.since(store.views[&row.conversation].active_at) <= 48 * HOUR;
            let closes = || rows().filter(|row| matches!(row.kind, RowKind::Closed { .. }));
            for agent in contacts {
                if closes().filter(recent).any(|row| row.recipients.contains(agent)) {
                    assert!(known.unwrap().1.contains(agent), "{agent} keeps {customer} for ever");
                }
            }
            if let (Some(last), Some(leaves_at)) = (closes().next().filter(recent), leaves_at)
                && last.recipients.iter().any(|agent| contacts.contains(agent))
            {
                let at = *leaves_at.max(&now.plus(MINUTE));
                assert_eq!(known.unwrap().2, Some(at), "{customer} leaves at another time");
            }
        }
    }
}
