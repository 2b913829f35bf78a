//! What supervisors set for agents: away, another capacity, other queues.
//!
//! Invariants: it wins over the settings until it is taken back, whatever the agent's presence, and
//! survives a restart: every change is a row with all that applies at the tenant from then on. Away
//! ends after [`AWAY_MS`] by itself.

use std::sync::Arc;

use uuid::Uuid;

use super::Desk;
use super::order::OVERRIDES;
use super::row::NewRow;
use super::supervise::impossible;
use super::targets;
use super::timer::Timer;
use super::to_desk::NOBODY;
use crate::chat::effect::{Effect, ToAgent, ToAgentContent};
use crate::chat::event::{AgentInput, Peer};
use crate::chat::ids::{AgentJid, ConversationId, QueueKey, TenantKey, Timestamp};
use crate::chat::notice::Notice;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::{Row, RowKind};
use crate::chat::settings::{AgentOverride, TenantSettings};
use crate::chat::supervision::{Change, Supervision};

/// How long an agent who was set to away gets no customers, in milliseconds.
const AWAY_MS: i64 = 12 * 60 * 60_000;
/// The largest capacity that can be set.
const CAPACITY: u32 = 100;
/// Stands for the conversation of rows that belong to none.
const NO_CONVERSATION: ConversationId = ConversationId(Uuid::nil());

/// The settings with what supervisors set.
pub(super) fn applied(
    base: &Arc<TenantSettings>,
    overrides: &[AgentOverride],
) -> Arc<TenantSettings> {
    if overrides.is_empty() {
        return base.clone();
    }
    let mut settings = TenantSettings::clone(base);
    for agent in &mut settings.agents {
        if let Some(set) = overrides.iter().find(|set| set.agent == agent.jid) {
            set.apply(agent);
        }
    }
    Arc::new(settings)
}

impl Desk {
    pub(super) fn is_sent_away(&self, tenant: &TenantKey, agent: &AgentJid) -> bool {
        self.tenants.get(tenant).is_some_and(|desk| {
            desk.overrides.iter().any(|set| set.agent == *agent && set.away_until.is_some())
        })
    }

    /// `agent bob away`, `back`, `capacity 2`, `capacity default`
    pub(super) fn change_agent(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        input: &AgentInput,
        text: &str,
    ) -> Result<(), AgentRefusal> {
        let settings = self.settings(tenant).ok_or(AgentRefusal::NotFound)?;
        let (jid, rest) = targets::agent(&settings, text)?;
        let rest = rest.to_lowercase();
        let words: Vec<&str> = rest.split_whitespace().collect();
        let what = match words.as_slice() {
            ["away"] => Change::Away { until: now.plus(AWAY_MS) },
            ["back"] => Change::Back,
            ["capacity", "default"] => {
                let base = self.tenants.get(tenant).map(|desk| desk.base.clone());
                let of = |base: Arc<TenantSettings>| {
                    base.agents.iter().find(|agent| agent.jid == jid).map(|agent| agent.capacity)
                };
                Change::DefaultCapacity(base.and_then(of).unwrap_or_default())
            }
            ["capacity", number] => match number.parse() {
                Ok(number) if (1..=CAPACITY).contains(&number) => Change::Capacity(number),
                _ => {
                    let text = format!("Not done: a capacity is a number from 1 to {CAPACITY}.");
                    return Err(impossible(text));
                }
            },
            _ => return Err(AgentRefusal::Usage { word: "agent" }),
        };
        self.set_for(now, tenant, input, &jid, what, |set, what| match what {
            Change::Away { until } => set.away_until = Some(*until),
            Change::Back => set.away_until = None,
            Change::Capacity(number) => set.capacity = Some(*number),
            _ => set.capacity = None,
        });
        Ok(())
    }

    /// `queue sales +bob`, `-bob`
    pub(super) fn change_queue(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        input: &AgentInput,
        text: &str,
    ) -> Result<(), AgentRefusal> {
        let settings = self.settings(tenant).ok_or(AgentRefusal::NotFound)?;
        let (queue, rest) = targets::queue(&settings, text)?;
        let (serves, who) = match (rest.strip_prefix(['+', '＋']), rest.strip_prefix(['-', '−']))
        {
            (Some(who), _) => (true, who),
            (_, Some(who)) => (false, who),
            _ => return Err(AgentRefusal::Usage { word: "queue" }),
        };
        let (jid, rest) = targets::agent(&settings, who)?;
        if !rest.is_empty() {
            return Err(impossible(format!("Not done: “{rest}” is no part of a name.")));
        }
        let base = self.tenants.get(tenant).is_some_and(|desk| serves_in(&desk.base, &jid, &queue));
        let name = self.queue_name(tenant, &queue);
        let what =
            if serves { Change::Serves { queue: name } } else { Change::ServesNot { queue: name } };
        self.set_for(now, tenant, input, &jid, what, |set, _| {
            set.queues.retain(|(key, _)| *key != queue);
            if base != serves {
                set.queues.push((queue.clone(), serves));
            }
        });
        self.positions_changed(now, tenant, &queue);
        self.stirred.insert((tenant.clone(), queue));
        Ok(())
    }

    /// Changes what is set for an agent, stores it, and tells both sides.
    fn set_for(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        input: &AgentInput,
        jid: &AgentJid,
        what: Change,
        set: impl FnOnce(&mut AgentOverride, &Change),
    ) {
        let Some(desk) = self.tenants.get(tenant) else { return };
        let mut agents = desk.overrides.clone();
        agents.retain(|one| desk.base.agents.iter().any(|agent| agent.jid == one.agent));
        let found = agents.iter().position(|one| one.agent == *jid);
        let mut one =
            found.map_or_else(|| AgentOverride::none(jid.clone()), |at| agents.swap_remove(at));
        set(&mut one, &what);
        if !one.is_none() {
            agents.push(one);
        }
        agents.sort_unstable_by(|one, other| one.agent.cmp(&other.agent));
        let row = NewRow::new(
            self.author(tenant, &input.agent),
            RowKind::Overrides { agents: agents.clone() },
        );
        let row = NewRow { stanza: input.stanza.clone(), ..row };
        self.append_to(now, (tenant, NOBODY, NO_CONVERSATION), row);
        self.put_overrides(now, tenant, agents);
        self.forgive(tenant, jid, what == Change::Back);
        self.stir_queues_of(tenant, jid);
        self.ordered(now, NOBODY, input, OVERRIDES);
        let agent = self.agent_name(tenant, jid);
        if *jid != input.agent && self.is_here(jid) {
            let by = Some(self.agent_name(tenant, &input.agent));
            let told = Supervision::Changed { agent: agent.clone(), by, what: what.clone() };
            self.gate.emit(Effect::Send(ToAgent {
                agent: jid.clone(),
                resource: None,
                from: Peer::Desk(tenant.clone()),
                conversation: None,
                content: ToAgentContent::Notice(Notice::Supervision(Box::new(told))),
            }));
        }
        let done = Supervision::Changed { agent, by: None, what };
        self.reply(input, Notice::Supervision(Box::new(done)));
    }

    fn put_overrides(&mut self, now: Timestamp, tenant: &TenantKey, agents: Vec<AgentOverride>) {
        for one in &agents {
            if let Some(until) = one.away_until {
                let back = Timer::Back(tenant.clone(), one.agent.clone());
                self.timers.arm(until.max(now), back);
            }
        }
        if let Some(desk) = self.tenants.get_mut(tenant) {
            desk.settings = applied(&desk.base, &agents);
            desk.overrides = agents;
        }
    }

    /// What supervisors set under the desk before this one.
    pub(super) fn override_again(&mut self, now: Timestamp, rows: &[Arc<Row>]) {
        for row in rows {
            if let RowKind::Overrides { agents } = &row.kind {
                // Whoever the clock was set back under is not away for longer than that.
                let bounded = agents.iter().cloned().map(|mut one| {
                    one.away_until = one.away_until.map(|until| until.min(now.plus(AWAY_MS)));
                    one
                });
                self.put_overrides(now, &row.tenant, bounded.collect());
            }
        }
    }

    /// Whether an agent has been away for long enough.
    pub(super) fn is_back(&mut self, now: Timestamp, tenant: &TenantKey, agent: &AgentJid) {
        let Some(desk) = self.tenants.get_mut(tenant) else { return };
        let is_over = |set: &&mut AgentOverride| {
            set.agent == *agent && set.away_until.is_some_and(|until| until <= now)
        };
        if let Some(set) = desk.overrides.iter_mut().find(is_over) {
            set.away_until = None;
            desk.overrides.retain(|set| !set.is_none());
            self.forgive(tenant, agent, true);
            self.stir_queues_of(tenant, agent);
        }
    }
}

fn serves_in(settings: &TenantSettings, jid: &AgentJid, queue: &QueueKey) -> bool {
    settings.agents.iter().any(|agent| agent.jid == *jid && agent.queues.contains(queue))
}
