//! When queues open and close.
//!
//! Invariants: what begins while its queue is closed, and the queue's hours are strict, is not
//! offered before the queue opens; from then on it is a conversation like any other. What began
//! while the queue was open goes on after the close. Both follow from the settings and the time
//! since which the customer waits, so a restored desk decides the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Desk;
use super::doors::Shut;
use super::timer::Timer;
use crate::chat::effect::{Effect, ToAgent, ToAgentContent};
use crate::chat::event::Peer;
use crate::chat::hours::Hours;
use crate::chat::ids::{AgentJid, QueueKey, TenantKey, Timestamp};
use crate::chat::model::Conversation;
use crate::chat::notice::Notice;

/// How long before the close the agents of a queue are told, in milliseconds.
const SOON_MS: i64 = 10 * 60_000;

impl Desk {
    fn hours(&self, tenant: &TenantKey, queue: &QueueKey) -> Option<&Hours> {
        self.tenants.get(tenant)?.settings.hours.get(queue)
    }

    fn shut(&self, tenant: &TenantKey, queue: &QueueKey) -> Option<&Shut> {
        if self.doors.shut.is_empty() {
            return None;
        }
        self.doors.shut.get(&(tenant.clone(), queue.clone()))
    }

    /// Whether conversations that begin now in one of the tenant's queues are offered.
    pub(super) fn takes_new(&self, tenant: &TenantKey) -> bool {
        let closed = |queue| self.shut(tenant, queue).is_some_and(|shut| shut.strict);
        self.tenants
            .get(tenant)
            .is_some_and(|desk| desk.settings.queues.iter().any(|queue| !closed(&queue.key)))
    }

    /// Whether a queue takes no new conversations now: what is said of it, with the moment at which
    /// it opens, as the clocks there show it.
    pub(super) fn closed(
        &self,
        now: Timestamp,
        tenant: &TenantKey,
        queue: &QueueKey,
    ) -> Option<String> {
        let shut = self.shut(tenant, queue).filter(|shut| shut.strict)?;
        let name = self.queue_name(tenant, queue);
        let hours = self.hours(tenant, queue)?;
        Some(match shut.until {
            Some(until) => format!("{name} is closed until {}", hours.clock.written(until, now)),
            None => format!("{name} is closed"),
        })
    }

    /// When a queue opens next, as the clocks there show it.
    pub(super) fn opens_next(
        &self,
        now: Timestamp,
        tenant: &TenantKey,
        queue: &QueueKey,
    ) -> Option<Arc<str>> {
        let hours = self.hours(tenant, queue)?;
        Some(hours.clock.written(hours.next_after(now)?, now).into())
    }

    /// Whether a waiting conversation is a message that was left, to be offered when its queue
    /// opens.
    pub(super) fn is_left_for_later(&self, view: &Conversation) -> bool {
        self.shut(&view.tenant, &view.queue)
            .is_some_and(|shut| shut.strict && view.waiting_since >= shut.since)
    }

    /// When somebody will be in for a waiting conversation, if its queue is closed and nobody of it
    /// is here (`is_staffed`), or it is not offered.
    pub(super) fn opens_for(&self, view: &Conversation, is_staffed: bool) -> Option<Timestamp> {
        let shut = self.shut(&view.tenant, &view.queue)?;
        if is_staffed && !self.is_left_for_later(view) { None } else { shut.until }
    }

    /// From when on nobody wrote, as far as that is to be held against a waiting customer: what is
    /// left for later waits at least until its queue has opened.
    pub(super) fn silent_since(&self, view: &Conversation) -> Timestamp {
        let since = view.waiting_since;
        let hours = self.hours(&view.tenant, &view.queue);
        match hours.filter(|hours| hours.is_strict_at(since) && view.agent().is_none()) {
            Some(hours) if hours.is_shut_for_good(since) => Timestamp(i64::MAX),
            Some(hours) => hours.first_open(since).unwrap_or_default().max(view.active_at),
            None => view.active_at,
        }
    }

    /// The settings are new: from now on, the hours in them count.
    pub(super) fn follow_hours(&mut self, now: Timestamp) {
        self.doors.shut.clear();
        let queues = self.tenants.values().flat_map(|desk| {
            let queues = desk.settings.hours.keys().cloned();
            queues.map(|queue| (desk.settings.key.clone(), queue))
        });
        let queues: BTreeSet<(TenantKey, QueueKey)> = queues.collect();
        self.doors.announced.retain(|key, _| queues.contains(key));
        for (tenant, queue) in queues {
            self.look_at_door(now, &tenant, &queue);
        }
    }

    /// A queue may have opened, or closed, or be about to close.
    pub(super) fn turn_of_hours(&mut self, now: Timestamp, tenant: &TenantKey, queue: &QueueKey) {
        self.look_at_door(now, tenant, queue);
        self.stirred.insert((tenant.clone(), queue.clone()));
        self.positions_changed(now, tenant, queue);
        let open = self.hours(tenant, queue).and_then(|hours| hours.opening_at(now));
        let Some(until) = open.map(|open| open.until).filter(|at| at.since(now) <= SOON_MS) else {
            return;
        };
        let key = (tenant.clone(), queue.clone());
        if self.doors.announced.insert(key, until) != Some(until) {
            self.tell_of_close(now, tenant, queue, until);
        }
    }

    /// Notes whether the queue is open, and when to look again.
    fn look_at_door(&mut self, now: Timestamp, tenant: &TenantKey, queue: &QueueKey) {
        let key = (tenant.clone(), queue.clone());
        self.doors.shut.remove(&key);
        let Some(hours) = self.hours(tenant, queue) else { return };
        let times = hours.times().iter();
        let turns = times.flat_map(|time| [time.from, time.until.plus(-SOON_MS), time.until]);
        let next = turns.filter(|at| *at > now).min();
        let shut = (!hours.is_open(now)).then(|| Shut {
            since: hours
                .times()
                .iter()
                .map(|time| time.until)
                .filter(|at| *at <= now)
                .max()
                .unwrap_or(Timestamp(i64::MIN)),
            until: hours.next_after(now),
            strict: hours.is_strict_at(now),
        });
        if let Some(shut) = shut {
            self.doors.shut.insert(key.clone(), shut);
        }
        if let Some(at) = next {
            self.timers.arm(at, Timer::Hours(key.0, key.1));
        }
    }

    /// Tells the agents of the queue who are here that it closes.
    fn tell_of_close(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        queue: &QueueKey,
        until: Timestamp,
    ) {
        let Some(settings) = self.settings(tenant) else { return };
        let waiting = self.line(tenant, queue).map_or(0, |line| line.len() as u32);
        let serving = settings.agents.iter().filter(|agent| agent.queues.contains(queue));
        let here: Vec<AgentJid> = serving
            .filter(|agent| self.is_here(&agent.jid))
            .map(|agent| agent.jid.clone())
            .collect();
        let line = Notice::Closing {
            queue: self.queue_name(tenant, queue),
            in_ms: until.since(now),
            waiting,
        };
        for agent in here {
            self.gate.emit(Effect::Send(ToAgent {
                agent,
                resource: None,
                from: Peer::Desk(tenant.clone()),
                conversation: None,
                content: ToAgentContent::Notice(line.clone()),
            }));
        }
    }
}
