//! Canned replies in a customer's chat.
//!
//! Invariants: a canned reply becomes a message of the agent like any other, and accepts and is
//! refused like one. Before it stands a row that says which reply it is, with the same stanza: so a
//! resent stanza says it once, after a restart too. Nothing is accepted for a reply that is refused.

use std::collections::HashSet;
use std::sync::Arc;

use super::Desk;
use super::agent::Standing;
use super::order::{REPLY, reply};
use super::row::NewRow;
use crate::chat::canned::{self, Canned, CannedCommand, CannedNotice, Composed, Gaps, Values};
use crate::chat::event::AgentInput;
use crate::chat::ids::{AgentJid, CustomerId, Timestamp};
use crate::chat::notice::Notice;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::{Author, Row, RowKind};

/// The same, as a restored desk knows it: by its keys.
fn restored_order(keys: &str) -> String {
    format!("r: {keys}")
}

impl Desk {
    fn canned_of(&self, customer: CustomerId) -> Option<&Canned> {
        let visitor = self.visitors.get(&customer)?;
        self.tenants.get(&visitor.customer.tenant).map(|desk| &desk.canned)
    }

    /// Carries out a command about canned replies.
    pub(super) fn canned(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
        command: &CannedCommand,
    ) -> Result<(), AgentRefusal> {
        let told = match command {
            CannedCommand::List => {
                self.canned_of(customer).map(Canned::list).ok_or(AgentRefusal::NotFound)?
            }
            CannedCommand::Show { words } => self
                .compose(now, customer, &input.agent, words, Gaps::Kept)
                .map(|Composed { keys, text }| CannedNotice::Shown { keys, text })?,
            CannedCommand::Say { words } => self
                .say_canned(now, customer, input, standing, words)
                .map(|Composed { keys, text }| CannedNotice::Said { keys, text })?,
        };
        self.reply(input, Notice::Canned(told));
        Ok(())
    }

    fn compose(
        &self,
        now: Timestamp,
        customer: CustomerId,
        agent: &AgentJid,
        words: &str,
        gaps: Gaps,
    ) -> Result<Composed, AgentRefusal> {
        let known = self.canned_of(customer).ok_or(AgentRefusal::NotFound)?;
        let values = self.values(now, customer, agent);
        canned::compose(known, words, &values, gaps).map_err(AgentRefusal::Canned)
    }

    fn values(&self, now: Timestamp, customer: CustomerId, agent: &AgentJid) -> Values {
        let Some(visitor) = self.visitors.get(&customer) else { return Values::default() };
        let case = visitor.open.and_then(|id| self.cases.get(&id));
        let tenant = &visitor.customer.tenant;
        Values {
            customer_name: visitor.customer.name.clone(),
            agent_name: self.agent_name(tenant, agent),
            queue: case.map(|case| self.queue_name(tenant, &case.view.queue)),
            hours_next: case.and_then(|case| self.opens_next(now, tenant, &case.view.queue)),
            answers: case.map(|case| case.answers.clone()).unwrap_or_default(),
        }
    }

    /// Says replies to the customer.
    fn say_canned(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
        words: &str,
    ) -> Result<Composed, AgentRefusal> {
        let (case, holds) = match standing {
            Standing::Holds(case) => (*case, true),
            Standing::MayTake(case) => (*case, false),
            barred => return Err(self.barred(barred)),
        };
        let composed = self.compose(now, customer, &input.agent, words, Gaps::Refused)?;
        let case = if holds {
            self.go_on(now, case, input.fresh)
        } else {
            self.assign(now, case, &input.agent);
            case
        };
        let tenant = self.cases.get(&case).map(|case| case.view.tenant.clone());
        let author = self.author(&tenant.ok_or(AgentRefusal::NotFound)?, &input.agent);
        let kind = RowKind::Canned { keys: composed.keys.clone() };
        let which = NewRow { stanza: input.stanza.clone(), ..NewRow::new(author, kind) };
        self.append(now, case, which);
        let said = RowKind::Message { text: composed.text.clone(), reply_to: None };
        self.agent_says(now, case, input, said);
        self.ordered(now, customer, input, REPLY);
        self.ordered(now, customer, input, &reply(words));
        Ok(composed)
    }

    /// Whether a desk before this one said the reply for the same stanza.
    pub(super) fn was_said_before(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        agent: &AgentJid,
        stanza: &Arc<str>,
        words: &str,
    ) -> bool {
        // Only then is it worth a search.
        if !self.orders.knows(now, agent, customer, stanza, REPLY) {
            return false;
        }
        let keys = self.canned_of(customer).and_then(|known| canned::keys(known, words));
        keys.is_some_and(|keys| {
            self.orders.knows(now, agent, customer, stanza, &restored_order(&keys))
        })
    }

    /// Remembers the replies among these rows, if their messages are stored too.
    pub(super) fn recall_canned(&mut self, now: Timestamp, rows: &[Arc<Row>]) {
        let is_message = |row: &&Arc<Row>| matches!(row.kind, RowKind::Message { .. });
        let said: HashSet<_> =
            rows.iter().filter(is_message).map(|row| (row.customer, &row.stanza)).collect();
        for row in rows {
            if let (RowKind::Canned { keys }, Author::Agent { jid, .. }, Some(stanza)) =
                (&row.kind, &row.author, &row.stanza)
                && said.contains(&(row.customer, &row.stanza))
            {
                let at = row.at.min(now);
                for order in [REPLY, &restored_order(keys)] {
                    self.orders.insert(at, jid, row.customer, stanza, order);
                }
            }
        }
    }
}
