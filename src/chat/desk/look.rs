//! Looks through the queues of a tenant after each event that may make room.
//!
//! Invariants: all queues in which something may have changed are looked through at once, in one
//! order of (priority, waiting since), so that no queue goes before another because of its name;
//! whoever comes later never passes an earlier one whom the same agent could serve. Looking costs
//! one step for each conversation up to the last that can be offered, and nothing where nobody is
//! free.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use super::Desk;
use crate::chat::ids::{AgentJid, ConversationId, QueueKey, TenantKey, Timestamp};
use crate::chat::model::State;
use crate::chat::queue::Place;
use crate::chat::routing::{Candidate, Free};
use crate::chat::row::RequeueReason;
use crate::chat::settings::{AgentSettings, Strategy, TenantSettings};

/// The agents of a tenant who can be asked, for each of some queues.
struct Pool {
    settings: Arc<TenantSettings>,
    queues: BTreeMap<QueueKey, Free>,
    /// Where in the settings each agent is who was free at the beginning.
    index: HashMap<AgentJid, usize>,
}

impl Pool {
    fn is_empty_for(&self, queue: &QueueKey) -> bool {
        self.queues.get(queue).is_none_or(Free::is_empty)
    }
}

impl Desk {
    /// Offers what can be offered.
    pub(super) fn offer_stirred(&mut self, now: Timestamp) {
        while let Some((tenant, queue)) = self.stirred.pop_first() {
            let mut queues = BTreeSet::from([queue]);
            while self.stirred.first().is_some_and(|(other, _)| *other == tenant) {
                queues.extend(self.stirred.pop_first().map(|(_, queue)| queue));
            }
            self.look_through(now, &tenant, &queues);
        }
    }

    /// Looks through these queues, the oldest conversation of all first.
    fn look_through(&mut self, now: Timestamp, tenant: &TenantKey, queues: &BTreeSet<QueueKey>) {
        let Some(mut pool) = self.pool(tenant, queues) else { return };
        let served: Vec<QueueKey> =
            pool.queues.keys().filter(|queue| !pool.is_empty_for(queue)).cloned().collect();
        let firsts = served.iter().enumerate();
        let mut next: BinaryHeap<Reverse<(Place, usize)>> = firsts
            .filter_map(|(at, queue)| Some(Reverse((self.place_after(tenant, queue, None)?, at))))
            .collect();
        while let Some(Reverse((place, at))) = next.pop() {
            let Some(queue) = served.get(at).filter(|queue| !pool.is_empty_for(queue)) else {
                continue;
            };
            let (_, _, id) = place;
            self.look_at(now, id, queue, &mut pool);
            let place = self.place_after(tenant, queue, Some(&place));
            next.extend(place.map(|place| Reverse((place, at))));
        }
    }

    fn place_after(
        &self,
        tenant: &TenantKey,
        queue: &QueueKey,
        place: Option<&Place>,
    ) -> Option<Place> {
        self.tenants.get(tenant)?.queues.get(queue)?.after(place)
    }

    /// Offers a conversation if it waits, or if its offer rests and somebody was not asked yet; not
    /// one that is left for the opening of its queue.
    /// Agents who failed it last are passed over, and those asked in this round as long as there
    /// are others.
    fn look_at(&mut self, now: Timestamp, id: ConversationId, queue: &QueueKey, pool: &mut Pool) {
        let Some(case) = self.cases.get(&id) else { return };
        let Some(free) = pool.queues.get(queue) else { return };
        if self.is_left_for_later(&case.view) {
            return;
        }
        if case.rests {
            if !free.any(|agent| !case.asked.contains(agent)) {
                return;
            }
            let asked = case.audience().to_vec();
            self.requeue(now, id, RequeueReason::Silent);
            asked.iter().for_each(|agent| self.look_again(pool, agent));
        } else if case.view.state != State::Waiting {
            return;
        }
        let Some(case) = self.cases.get(&id) else { return };
        let Some(free) = pool.queues.get(queue) else { return };
        let fits = |agent: &AgentJid| !case.shunned.contains(agent);
        let is_new = |agent: &AgentJid| fits(agent) && !case.asked.contains(agent);
        let mut agents = free.choose(is_new);
        if agents.is_empty() {
            agents = free.choose(fits);
        }
        if !agents.is_empty() {
            self.offer_to(now, id, agents.clone());
            agents.iter().for_each(|agent| self.look_again(pool, agent));
        }
    }

    /// The agents who can be asked for the conversations of these queues; none if there is no such
    /// tenant.
    fn pool(&self, tenant: &TenantKey, queues: &BTreeSet<QueueKey>) -> Option<Pool> {
        let settings = self.settings(tenant)?;
        let known = settings.queues.iter().filter(|queue| queues.contains(&queue.key));
        let mut pool = Pool {
            queues: known.map(|queue| (queue.key.clone(), Free::new(queue.strategy))).collect(),
            index: HashMap::new(),
            settings,
        };
        let settings = pool.settings.clone();
        for (at, agent) in settings.agents.iter().enumerate() {
            if agent.queues.iter().any(|queue| queues.contains(queue))
                && self.is_available(tenant, &agent.jid)
            {
                pool.index.insert(agent.jid.clone(), at);
                self.look_again(&mut pool, &agent.jid);
            }
        }
        Some(pool)
    }

    /// The agent may have more or less room than before.
    fn look_again(&self, pool: &mut Pool, agent: &AgentJid) {
        let settings = &pool.settings;
        let Some(agent) = pool.index.get(agent).and_then(|at| settings.agents.get(*at)) else {
            return;
        };
        let candidate = self.candidate(&settings.key, agent);
        for queue in &agent.queues {
            let Some(free) = pool.queues.get_mut(queue) else { continue };
            match candidate.clone().filter(|_| self.has_room_in(settings, agent, queue)) {
                Some(candidate) => free.put(candidate),
                None => free.remove(&agent.jid),
            }
        }
    }

    /// The agent, if they are free and have room.
    fn candidate(&self, tenant: &TenantKey, agent: &AgentSettings) -> Option<Candidate> {
        if !self.is_available(tenant, &agent.jid) {
            return None;
        }
        let work = self.work.get(&(tenant.clone(), agent.jid.clone()));
        let load = work.map_or(0, |work| work.held.len() as u32);
        (load < agent.capacity).then(|| Candidate {
            jid: agent.jid.clone(),
            load,
            capacity: agent.capacity,
            asked_at: work.map(|work| work.asked_at).unwrap_or_default(),
        })
    }

    /// Whether the agent may have another conversation of this queue, as far as the queue's own
    /// limit goes.
    fn has_room_in(
        &self,
        settings: &TenantSettings,
        agent: &AgentSettings,
        queue: &QueueKey,
    ) -> bool {
        let Some(most) = settings.routes.capacity_in(queue, &agent.jid) else { return true };
        let work = self.work.get(&(settings.key.clone(), agent.jid.clone()));
        let of_queue = |id: &&ConversationId| {
            let view = self.cases.get(*id).map(|case| &case.view);
            view.is_some_and(|view| view.queue_for(&agent.jid) == queue)
        };
        let held = work.into_iter().flat_map(|work| &work.held);
        (held.filter(of_queue).count() as u32) < most
    }

    /// The agents of one queue who can be asked.
    pub(super) fn free_in(&self, tenant: &TenantKey, queue: &QueueKey) -> Free {
        let pool = self.pool(tenant, &BTreeSet::from([queue.clone()]));
        let free = pool.and_then(|mut pool| pool.queues.remove(queue));
        free.unwrap_or_else(|| Free::new(Strategy::LeastLoaded))
    }

    /// Whether somebody can be asked about a conversation who was not asked in this round.
    pub(super) fn anyone_new_to(&self, id: ConversationId) -> bool {
        let Some(case) = self.cases.get(&id) else { return false };
        let Some(settings) = self.settings(&case.view.tenant) else { return false };
        let queue = &case.view.queue;
        settings.agents.iter().any(|agent| {
            agent.queues.contains(queue)
                && !case.asked.contains(&agent.jid)
                && self.candidate(&settings.key, agent).is_some()
                && self.has_room_in(&settings, agent, queue)
        })
    }
}
