//! The positions of waiting customers, and the notices about them.
//!
//! Invariants: a position counts those ahead who are online or have left a message (see [`Queue`]);
//! while no agent is online who serves the queue, or the queue is closed, no position is shown,
//! because it does not change; nor is one shown behind as many as may wait. A customer without a
//! position is asked for a message and an address. They keep their place, and come in their turn.
//!
//! [`Queue`]: crate::chat::queue::Queue

use super::lifecycle::LEAST_IDLE_MS;
use super::timer::Timer;
use super::{Desk, TenantDesk};
use crate::chat::effect::Phase;
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, QueueKey, TenantKey, Timestamp};
use crate::chat::model::{Conversation, Place};
use crate::chat::queue::{self, Queue};

/// How often waiting customers are told their position, in milliseconds.
const POSITIONS_MS: i64 = 1_000;

/// A customer who reloads a page is offline for a moment, in milliseconds, and keeps their
/// position.
const RELOAD_MS: i64 = 5_000;

/// How many customers of a queue may wait for an agent.
#[derive(Debug, Default)]
struct Reach {
    /// The last position.
    most: Option<u32>,
    /// The last place, over all queues of the tenant.
    last: Option<queue::Place>,
}

impl Reach {
    fn covers(&self, place: &queue::Place, position: u32) -> bool {
        self.most.is_none_or(|most| position <= most)
            && self.last.as_ref().is_none_or(|last| place <= last)
    }
}

impl TenantDesk {
    fn reach(&self, queue: &QueueKey) -> Reach {
        let routes = &self.settings.routes;
        let most = routes.queues.get(queue).and_then(|queue| queue.waiting);
        let Some(all) = routes.waiting.and_then(|all| usize::try_from(all).ok()) else {
            return Reach { most, last: None };
        };
        let Some(at) = all.checked_sub(1) else { return Reach { most: Some(0), last: None } };
        if self.queues.values().map(|line| line.counted().len()).sum::<usize>() <= all {
            return Reach { most, last: None };
        }
        let mut places: Vec<queue::Place> = self.queues.values().flat_map(Queue::counted).collect();
        let (_, last, _) = places.select_nth_unstable(at);
        Reach { most, last: Some(*last) }
    }

    /// Whether a customer who comes now, whatever their queue, is asked to leave a message.
    pub(super) fn is_full(&self) -> bool {
        let routes = &self.settings.routes;
        let full = |most: Option<u32>, waiting: usize| {
            most.is_some_and(|most| usize::try_from(most).is_ok_and(|most| waiting >= most))
        };
        let all = self.queues.values().map(|line| line.counted().len()).sum();
        full(routes.waiting, all)
            || self.queues.iter().all(|(key, line)| {
                let most = routes.queues.get(key).and_then(|queue| queue.waiting);
                full(most, line.counted().len())
            })
    }
}

impl Desk {
    /// The place of a waiting conversation.
    pub(super) fn place(&self, view: &Conversation) -> Place {
        let desk = self.tenants.get(&view.tenant);
        let line = desk.and_then(|desk| desk.queues.get(&view.queue));
        let reach = desk.map(|desk| desk.reach(&view.queue)).unwrap_or_default();
        let is_staffed = self.is_staffed(&view.tenant, &view.queue);
        self.place_at(view, is_staffed, line.map_or(1, |line| line.position(view)), &reach)
    }

    fn place_at(
        &self,
        view: &Conversation,
        is_staffed: bool,
        position: u32,
        reach: &Reach,
    ) -> Place {
        let is_served = is_staffed
            && !self.is_left_for_later(view)
            && reach.covers(&queue::place(view), position);
        let open_at = self.opens_for(view, is_staffed);
        Place { position: is_served.then_some(position), open_at }
    }

    /// Whether an agent who serves the queue is online, busy or not.
    fn is_staffed(&self, tenant: &TenantKey, queue: &QueueKey) -> bool {
        self.settings(tenant).is_some_and(|settings| {
            let mut serving = settings.agents.iter().filter(|agent| agent.queues.contains(queue));
            serving.any(|agent| self.is_here(&agent.jid))
        })
    }

    /// A customer came online, left, or left a message: the positions behind them may change.
    pub(super) fn count_in_line(&mut self, now: Timestamp, customer: CustomerId) {
        let open = self.visitors.get(&customer).and_then(|visitor| visitor.open);
        let Some(case) = open.and_then(|id| self.cases.get(&id)) else { return };
        let counts = self.online(customer) || case.left_address();
        let view = case.view.clone();
        let line = self.line(&view.tenant, &view.queue);
        if line.is_some_and(|line| line.count(&view, counts)) {
            self.positions_changed(now, &view.tenant, &view.queue);
        }
    }

    /// As [`count_in_line`](Self::count_in_line), once it is clear that the customer does not
    /// return at once.
    pub(super) fn count_in_line_later(&mut self, now: Timestamp, customer: CustomerId) {
        self.timers.arm(now.plus(RELOAD_MS), Timer::Place(customer));
    }

    /// As [`count_in_line`](Self::count_in_line), once the edges have had time to report who is
    /// online.
    pub(super) fn count_in_line_once_known(&mut self, now: Timestamp, customer: CustomerId) {
        self.timers.arm(now.plus(LEAST_IDLE_MS), Timer::Place(customer));
    }

    /// An agent came online or left: waiting customers may now be shown a position, or no longer.
    pub(super) fn staff_changed(&mut self, now: Timestamp, tenant: &TenantKey, agent: &AgentJid) {
        let queues = self.agent_of(tenant, agent).map(|settings| settings.queues.clone());
        for queue in queues.into_iter().flatten() {
            self.positions_changed(now, tenant, &queue);
        }
    }

    pub(super) fn positions_changed(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        queue: &QueueKey,
    ) {
        // On a grid, so that many changes within a second cause one notice.
        let at = Timestamp((now.0 / POSITIONS_MS + 1) * POSITIONS_MS);
        self.timers.arm(at, Timer::Positions(tenant.clone(), queue.clone()));
    }

    /// Notifies customers who are online and whose position has changed.
    pub(super) fn tell_positions(&mut self, tenant: &TenantKey, queue: &QueueKey) {
        let is_staffed = self.is_staffed(tenant, queue);
        let Some(desk) = self.tenants.get(tenant) else { return };
        let (Some(line), reach) = (desk.queues.get(queue), desk.reach(queue)) else { return };
        let in_line: Vec<(queue::Place, u32)> = line.with_positions().collect();
        for ((.., id), position) in in_line {
            let Some(case) = self.cases.get(&id) else { continue };
            let place = self.place_at(&case.view, is_staffed, position, &reach);
            if case.told != Some(place) && self.online(case.view.customer) {
                self.tell_place(id, place);
            }
        }
    }

    /// Tells a customer their place.
    pub(super) fn tell_place(&mut self, id: ConversationId, place: Place) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        case.told = Some(place);
        let Place { position, open_at } = place;
        let line = self.tenants.get(&case.view.tenant).and_then(|t| t.queues.get(&case.view.queue));
        let eta_s = line.zip(position).and_then(|(line, position)| line.estimate(position));
        self.tell_phase(id, Phase::Waiting { position, eta_s, open_at });
    }
}
