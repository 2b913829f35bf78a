//! What is going on at a tenant: its queues, and its conversations with numbers to name them by.
//!
//! Invariant: a number means what it meant on the board that its reader was shown last.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Desk;
use super::targets::{self, Known, fold};
use crate::chat::ids::{AgentJid, ConversationId, TenantKey, Timestamp};
use crate::chat::model::State;
use crate::chat::refusal::AgentRefusal;
use crate::chat::supervision::{
    BOARD_LINES, BOARD_QUEUES, Board, BoardLine, BoardQueue, BoardState, CustomerName,
};

/// A wait longer than this, in milliseconds, is too long.
const LATE_MS: i64 = 5 * 60_000;

impl Desk {
    pub(super) fn board(&mut self, now: Timestamp, tenant: &TenantKey, reader: &AgentJid) -> Board {
        let queues = self.board_queues(now, tenant);
        let mut open: Vec<ConversationId> = self.open_of(tenant).collect();
        open.sort_unstable_by_key(|id| self.urgency(now, *id));
        let room = BOARD_LINES.saturating_sub(queues.len().min(BOARD_QUEUES + 1));
        let shown = if open.len() > room { room.saturating_sub(1) } else { room };
        let more = open.len().saturating_sub(shown);
        open.truncate(shown);
        let lines = open.iter().filter_map(|id| self.board_line(now, *id)).collect();
        self.boards.insert((tenant.clone(), reader.clone()), open);
        Board { queues, conversations: lines, more }
    }

    fn open_of(&self, tenant: &TenantKey) -> impl Iterator<Item = ConversationId> {
        let cases = self.cases.values().filter(move |case| case.view.tenant == *tenant);
        cases.map(|case| case.view.id)
    }

    /// Who waits comes first, then who is served; each time the longest first.
    fn urgency(&self, now: Timestamp, id: ConversationId) -> (bool, Reverse<i64>, ConversationId) {
        let case = self.cases.get(&id);
        let served = case.is_some_and(|case| case.view.agent().is_some());
        let ms =
            case.map_or(
                0,
                |case| {
                    if served { now.since(case.view.active_at) } else { case.waited(now) }
                },
            );
        (served, Reverse(ms), id)
    }

    fn board_line(&self, now: Timestamp, id: ConversationId) -> Option<BoardLine> {
        let case = self.cases.get(&id)?;
        let view = &case.view;
        let state = match &view.state {
            State::Active { agent } => BoardState::Served {
                agent: self.agent_name(&view.tenant, agent),
                quiet_ms: now.since(view.active_at),
            },
            _ => {
                let ms = case.waited(now);
                BoardState::Waiting { ms, late: ms > LATE_MS }
            }
        };
        let queue = self.queue_name(&view.tenant, &view.queue);
        Some(BoardLine { id, who: self.customer_name(id)?, queue, state })
    }

    fn board_queues(&self, now: Timestamp, tenant: &TenantKey) -> Vec<BoardQueue> {
        let Some(desk) = self.tenants.get(tenant) else { return Vec::new() };
        let queues = desk.settings.queues.iter().map(|queue| {
            let line = desk.queues.get(&queue.key);
            let waiting = || line.into_iter().flat_map(super::Queue::iter);
            let waits = waiting().filter_map(|id| Some(self.cases.get(&id)?.waited(now)));
            let serves = desk.settings.agents.iter().filter(|agent| {
                agent.queues.contains(&queue.key) && self.is_available(tenant, &agent.jid)
            });
            let (mut busy, mut room) = (0_u32, 0_u32);
            for agent in serves {
                busy = busy.saturating_add(self.load(tenant, &agent.jid));
                room = room.saturating_add(agent.capacity);
            }
            BoardQueue {
                name: queue.name.clone(),
                waiting: waiting().count() as u32,
                longest_ms: waits.max().unwrap_or(0),
                busy,
                room,
            }
        });
        queues.collect()
    }

    /// How many conversations an agent has or is offered.
    pub(super) fn load(&self, tenant: &TenantKey, agent: &AgentJid) -> u32 {
        let work = self.work.get(&(tenant.clone(), agent.clone()));
        work.map_or(0, |work| work.held.len() as u32)
    }

    pub(super) fn customer_name(&self, id: ConversationId) -> Option<CustomerName> {
        let visitor = self.visitors.get(&self.cases.get(&id)?.view.customer)?;
        let localpart = visitor.customer.localpart.clone();
        Some(CustomerName { name: visitor.name(), localpart })
    }

    /// The open conversation named at the beginning of a text, by its number on the board, by the
    /// customer's name or by their address; and the text after it.
    pub(super) fn named(
        &self,
        tenant: &TenantKey,
        reader: &AgentJid,
        text: &str,
    ) -> Result<(ConversationId, Arc<str>), AgentRefusal> {
        let text = text.trim();
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        if let Ok(number) = first.parse::<usize>() {
            return Ok((self.numbered(tenant, reader, number)?, rest.trim().into()));
        }
        let known: Vec<Known<ConversationId>> =
            self.open_of(tenant).filter_map(|id| self.known_as(id)).collect();
        // Of an address, the part before the host tells who it is.
        match first.split_once('@') {
            Some((localpart, _)) => {
                targets::find(&known, localpart).map(|(id, _)| (id, rest.trim().into()))
            }
            None => targets::find(&known, text),
        }
    }

    fn numbered(
        &self,
        tenant: &TenantKey,
        reader: &AgentJid,
        number: usize,
    ) -> Result<ConversationId, AgentRefusal> {
        let board = self.boards.get(&(tenant.clone(), reader.clone()));
        let Some(id) = board.zip(number.checked_sub(1)).and_then(|(board, at)| board.get(at))
        else {
            let text = format!("Not done: there is no number {number}. Write board for the list.");
            return Err(AgentRefusal::Impossible { text: text.into() });
        };
        let is_open = self.cases.get(id).is_some_and(|case| case.view.tenant == *tenant);
        is_open.then_some(*id).ok_or_else(|| AgentRefusal::Impossible {
            text: format!("Not done: number {number} is closed. Write board for the list.").into(),
        })
    }

    fn known_as(&self, id: ConversationId) -> Option<Known<ConversationId>> {
        let CustomerName { name, localpart } = self.customer_name(id)?;
        let localpart = localpart.as_str();
        let short = localpart.chars().take(4).collect::<String>();
        let shown = name.unwrap_or_else(|| format!("Visitor {short}").into());
        let names = [&*shown, localpart].map(fold).into();
        Some(Known { target: id, listed: format!("{shown} ({localpart})").into(), shown, names })
    }
}
