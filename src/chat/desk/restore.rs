//! Restores a desk from the store.
//!
//! Invariant: a restored desk continues as if nothing had happened; what existed only in the memory
//! of the previous one (who is online, which sockets are open) is unknown until it is reported.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::acquaintances::Acquaintances;
use super::doors::Doors;
use super::edits::repeat_of;
use super::shared::SharedFiles;
use super::staying::Staying;
use super::timer::{Timer, Timers};
use super::watches::Watches;
use super::{Desk, DeskLimits, Interruptions, lifecycle, order, recall};
use crate::chat::conversation::OpenConversation;
use crate::chat::dedup::{Commands, Stanzas};
use crate::chat::gate::Gate;
use crate::chat::ids::{AgentJid, Seq, TenantKey, Timestamp};
use crate::chat::model::{Conversation, Customer, State};
use crate::chat::past_assignments::PastAssignments;
use crate::chat::resent::Spoken;
use crate::chat::row::{Author, Row, RowKind};
use crate::chat::snapshot::Snapshot;

impl Desk {
    /// A desk from a snapshot. Agents' presences and customers' sockets are unknown;
    /// [`Event::LinkUp`] says when there is a stream on which agents can be heard.
    pub fn restore(limits: DeskLimits, now: Timestamp, mut snapshot: Snapshot) -> Self {
        recall::not_ahead(now, &mut snapshot.conversations);
        let mut desk = Self {
            limits,
            gate: Gate::after(snapshot.head),
            timers: Timers::default(),
            tenants: BTreeMap::new(),
            clients: HashMap::new(),
            work: HashMap::new(),
            visitors: HashMap::new(),
            addresses: HashMap::new(),
            cases: HashMap::new(),
            acquaintances: Acquaintances::default(),
            watches: Watches::default(),
            boards: HashMap::new(),
            staying: Staying::default(),
            owed: HashMap::new(),
            commands: Commands::default(),
            spoken: Spoken::default(),
            held: HashMap::new(),
            orders: Stanzas::default(),
            shared: SharedFiles::default(),
            past: PastAssignments::default(),
            interruptions: Interruptions::default(),
            doors: Doors::default(),
            read: None,
            stirred: BTreeSet::new(),
        };
        desk.put_settings(snapshot.tenants);
        desk.override_again(now, &snapshot.recall.overrides);
        desk.follow_hours(now);
        for (view, customer) in snapshot.conversations {
            desk.readmit(now, view, customer);
        }
        for (conversation, pos, seq) in snapshot.messages {
            if let Some(case) = desk.cases.get_mut(&conversation) {
                case.owe_confirmation(now, pos, seq);
            }
        }
        for (conversation, rows) in snapshot.rows {
            if let Some(case) = desk.cases.get_mut(&conversation) {
                case.rows = rows;
            }
        }
        for (conversation, pos, at) in snapshot.offers {
            if let Some(case) = desk.cases.get_mut(&conversation) {
                case.offered = Some((pos, at));
                case.withheld = case.is_long();
            }
        }
        for owed in snapshot.owed {
            desk.owe_again(now, owed, snapshot.cursor);
        }
        desk.recall_canned(now, &snapshot.agent_messages);
        desk.recall_macros(now, &snapshot.agent_messages);
        for row in &snapshot.agent_messages {
            desk.hear_again(now, row);
        }
        desk.recall(now, snapshot.recall);
        desk.look_for_former_agents(now);
        desk
    }

    /// The settings may have changed while no node owned the link.
    fn look_for_former_agents(&mut self, now: Timestamp) {
        let former =
            |(tenant, agent): &&(TenantKey, AgentJid)| self.agent_of(tenant, agent).is_none();
        let former: Vec<AgentJid> =
            self.work.keys().filter(former).map(|(_, agent)| agent.clone()).collect();
        for agent in former {
            self.timers.arm(now, Timer::Gone(agent));
        }
    }

    /// A message or command of an agent whose client may send it again.
    fn hear_again(&mut self, now: Timestamp, row: &Row) {
        let (Author::Agent { jid, .. }, Some(stanza)) = (&row.author, &row.stanza) else { return };
        let at = row.at.min(now);
        if let Some(order) = order::order_of(&row.kind) {
            self.orders.insert(at, jid, row.customer, stanza, order);
        }
        let is_spoken = row.kind.is_said()
            || matches!(row.kind, RowKind::Linked { .. } | RowKind::Whisper { .. });
        if !is_spoken {
            return;
        }
        self.spoken.insert(at, (jid, None), row.customer, stanza, repeat_of(&row.kind));
        if let (Some(case), Some(seq)) = (self.cases.get_mut(&row.conversation), row.seq)
            && case.view.agent() == Some(jid)
        {
            case.agent_spoke(seq, stanza.clone());
        }
    }

    fn readmit(&mut self, now: Timestamp, mut view: Conversation, customer: Customer) {
        let id = view.id;
        self.fall_back_to_default_queue(&mut view);
        let longest = now.plus(self.offer_ms(&view.tenant, &view.queue));
        if let State::Offered { until, .. } = &mut view.state {
            *until = longest.min(*until);
        }
        self.arm_idle(now.plus(lifecycle::LEAST_IDLE_MS), &view);
        let mut case = OpenConversation::new(view);
        case.has_earlier = case.view.known_after() > Seq(0);
        let asked = case.view.transfer.as_ref().map(|transfer| transfer.agents.clone());
        let asked = asked.unwrap_or_default();
        for agent in case.audience().iter().chain(&asked) {
            let key = (case.view.tenant.clone(), agent.clone());
            self.work.entry(key).or_default().held.insert(id);
        }
        let visitor = self.visitor(customer);
        visitor.open = Some(id);
        visitor.contacts.extend(case.audience().iter().chain(&asked).cloned());
        visitor.last_agent = case.view.agent().cloned();
        if let State::Offered { until, .. } = case.view.state {
            self.timers.arm(until.max(now), Timer::Offer(id));
        }
        if let Some(transfer) = &mut case.view.transfer {
            transfer.until = longest.min(transfer.until);
            self.timers.arm(transfer.until.max(now), Timer::Transfer(id));
        }
        if case.view.agent().is_none() {
            let (tenant, queue) = (case.view.tenant.clone(), case.view.queue.clone());
            if let Some(line) = self.line(&tenant, &queue) {
                line.enter(&case.view);
            }
            self.count_in_line_once_known(now, case.view.customer);
            self.stirred.insert((tenant, queue));
        }
        let failed = case.view.state == State::Waiting && !case.shunned.is_empty();
        self.acquaintances.meet(id, &case.shunned);
        self.acquaintances.meet(id, &case.asked);
        self.cases.insert(id, case);
        if failed {
            self.ask_again_later(now, id);
        }
    }
}
