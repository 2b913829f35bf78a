//! One open conversation: its stored view and what the desk keeps in memory besides it.
//!
//! Invariants: `messages` lists, in order, what the agent's client must confirm: everything the
//! customer said (messages, edits, retractions) and finally the close. The marks of the view only
//! ever cover a prefix of it, so a tick means that *everything* before it arrived.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::handed::Handed;
use super::ids::{AgentJid, Pos, Seq, Timestamp};
use super::missing::Missing;
use super::model::{Conversation, Place, State};
use super::notes::Notes;
use super::row::{Row, Target};
use super::silence::Silence;

/// At most this many of the agent's messages wait to be marked as shown; older ones count as shown.
const SPOKEN_KEPT: usize = 64;

/// What was sent less than this long before the agent wrote may not have been on their screen yet.
const FRESH_MS: i64 = 5_000;
/// The time at which something is sent that has not been sent yet.
const NOT_YET: Timestamp = Timestamp(i64::MAX);

/// A conversation with more customer messages than this is offered without them.
const OFFERED_WORDS: usize = 50;

#[derive(Debug)]
pub(super) struct OpenConversation {
    pub(super) view: Conversation,
    /// What the customer said, and the close; after a restart without what was confirmed long ago.
    messages: Vec<(Pos, Seq)>,
    /// There are earlier messages, confirmed long ago, that are not in `messages`.
    pub(super) has_earlier: bool,
    pub(super) rows: u64,
    /// The row of the pending or accepted offer, and when it was made.
    pub(super) offered: Option<(Pos, Timestamp)>,
    /// Messages confirmed while an earlier one is still unconfirmed.
    scattered: BTreeSet<Pos>,
    /// It is offered without its messages: there are too many to send with an offer.
    pub(super) withheld: bool,
    /// When unconfirmed messages were last sent: each time applies from that message on.
    sent: VecDeque<(Timestamp, Seq)>,
    /// The last message an agent had seen when they replied from a client that confirms nothing.
    answered: Seq,
    /// The agent's messages that the widget has not shown yet, with their stanza ids.
    spoken: VecDeque<(Seq, Arc<str>)>,
    /// The last message of an agent, which `!undo` deletes: whose it is, and when it was said. Not
    /// known after a restart.
    pub(super) last_said: Option<(AgentJid, Timestamp, Target)>,
    /// Rows with agents' links whose file is still being fetched.
    pub(super) links: BTreeMap<Pos, Arc<Row>>,
    /// The agent who has it, or had it last.
    pub(super) served_by: Option<AgentJid>,
    /// The agent whose confirmation is in the view but not stored yet.
    pub(super) unwritten: Option<AgentJid>,
    /// The client that the agent last wrote from: typing notifications go there.
    pub(super) resource: Option<Arc<str>>,
    /// What the customer filled in earlier.
    pub(super) answers: Vec<(Arc<str>, Arc<str>)>,
    pub(super) missing: Missing,
    pub(super) notes: Notes,
    /// The place in the queue that the customer was last told.
    pub(super) told: Option<Place>,
    /// Agents who failed to serve it last; they are passed over ...
    pub(super) shunned: Vec<AgentJid>,
    /// ... until this time, or until they return.
    pub(super) shunned_until: Timestamp,
    /// When the agent who served it last left.
    pub(super) left_at: Option<Timestamp>,
    /// Agents offered it in this round, including those it is offered to now.
    pub(super) asked: Vec<AgentJid>,
    /// All available agents were asked; the offer stays with the last one for a while.
    pub(super) rests: bool,
    /// The agent who passed it on; until it is offered to somebody it is not theirs to take.
    pub(super) given_by: Option<AgentJid>,
    /// The pending transfer, as far as this desk began it.
    pub(super) handed: Option<Box<Handed>>,
    pub(super) silence: Silence,
    /// Agents who let an offer pass and have been online ever since, while nobody else wrote in it.
    acquainted: BTreeMap<AgentJid, Acquainted>,
}

/// What an agent who let an offer pass already has of the conversation.
#[derive(Debug, Clone, Copy)]
struct Acquainted {
    /// Everything up to this row was sent to them.
    upto: Pos,
    /// Their client confirmed up to this entry.
    confirmed: Seq,
}

/// What a confirmation of the agent's client changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    Nothing,
    /// What would be resent after a fault; nothing that the customer sees.
    Inward,
    /// The customer's ticks.
    Ticks,
}

impl OpenConversation {
    /// A conversation with this view and no messages yet.
    pub(super) fn new(view: Conversation) -> Self {
        let shunned = match view.state {
            State::Waiting => view.passed.last().cloned().into_iter().collect(),
            _ => Vec::new(),
        };
        let asked = match &view.state {
            State::Offered { agents, .. } => view.passed.iter().chain(agents).cloned().collect(),
            State::Waiting => view.passed.clone(),
            State::Active { .. } | State::Closed { .. } => Vec::new(),
        };
        Self {
            served_by: view.agent().cloned(),
            view,
            messages: Vec::new(),
            has_earlier: false,
            rows: 0,
            offered: None,
            withheld: false,
            sent: VecDeque::new(),
            answered: Seq(0),
            scattered: BTreeSet::new(),
            spoken: VecDeque::new(),
            last_said: None,
            links: BTreeMap::new(),
            unwritten: None,
            resource: None,
            answers: Vec::new(),
            missing: Missing::default(),
            notes: Notes::default(),
            told: None,
            shunned,
            shunned_until: Timestamp::default(),
            asked,
            rests: false,
            given_by: None,
            handed: None,
            acquainted: BTreeMap::new(),
            left_at: None,
            silence: Silence::default(),
        }
    }

    /// How long its customer has been waiting, in milliseconds. Time in which they were served does
    /// not count, though they keep their place in the queue.
    pub(super) fn waited(&self, now: Timestamp) -> i64 {
        now.since(
            self.left_at.map_or(self.view.waiting_since, |at| at.max(self.view.waiting_since)),
        )
    }

    /// There is more for the agent's client to confirm: a customer's message, or the close.
    pub(super) fn owe_confirmation(&mut self, at: Timestamp, pos: Pos, seq: Seq) {
        while self.sent.pop_front_if(|(sent, _)| at.since(*sent) >= FRESH_MS).is_some() {}
        // One entry for each moment is enough; after a restart that covers every message.
        if self.sent.back().is_none_or(|(sent, _)| *sent != at && *sent != NOT_YET) {
            self.sent.push_back((at, seq));
        }
        self.messages.push((pos, seq));
    }

    /// Unconfirmed messages have not been sent yet to the agents who have it, or may be lost.
    pub(super) fn unsent(&mut self) {
        self.sent_again(NOT_YET);
    }

    /// All unconfirmed messages are sent now to the agents who have it.
    pub(super) fn sent_again(&mut self, now: Timestamp) {
        self.sent.clear();
        let first = self.messages.partition_point(|(_, seq)| *seq <= self.taken_in());
        if let Some((_, first)) = self.messages.get(first) {
            self.sent.push_back((now, *first));
        }
    }

    /// Whether it has too many messages to be sent with an offer: if long conversations were, a
    /// busy link would carry nothing else, and offers would expire meanwhile.
    pub(super) fn is_long(&self) -> bool {
        self.has_earlier || self.messages.len() > OFFERED_WORDS
    }

    /// Whether the current agent's client has not confirmed everything.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.messages.last().is_some_and(|(_, seq)| *seq > self.taken_in())
    }

    /// Whether something before this row is unconfirmed.
    pub(super) fn unconfirmed_before(&self, pos: Pos) -> bool {
        let before = self.messages.partition_point(|(at, _)| *at < pos);
        let last = before.checked_sub(1).and_then(|last| self.messages.get(last));
        last.is_some_and(|(_, seq)| *seq > self.taken_in())
    }

    /// Nothing up to this entry needs to be resent.
    pub(super) fn taken_in(&self) -> Seq {
        self.view.confirmed.max(self.answered)
    }

    /// The row of the last message before the first unconfirmed one.
    pub(super) fn confirmed_pos(&self) -> Pos {
        let first = self.messages.partition_point(|(_, seq)| *seq <= self.taken_in());
        let before = first.checked_sub(1).and_then(|last| self.messages.get(last));
        before.map_or(Pos(0), |(pos, _)| *pos)
    }

    /// The agent replied from a client that sends no receipts, so the reply counts as one. Many
    /// clients ask for receipts but send none to contacts that are not in their roster. What was
    /// sent a moment ago is not covered: the agent may not have seen it.
    pub(super) fn answered_by_agent(&mut self, now: Timestamp) {
        let fresh = self.sent.iter().find(|(sent, _)| now.since(*sent) < FRESH_MS);
        let was_seen = |seq: Seq| fresh.is_none_or(|(_, first)| seq < *first);
        if let Some((_, seq)) = self.messages.iter().rev().find(|(_, seq)| was_seen(*seq)) {
            self.answered = self.answered.max(*seq);
        }
    }

    /// Whether this row was sent to an agent who has the conversation now, so that it may bounce.
    pub(super) fn was_sent(&self, pos: Pos) -> bool {
        self.messages.binary_search_by_key(&pos, |(pos, _)| *pos).is_ok() || self.is_offer(pos)
    }

    /// Whether this is the row of the pending offer: an accepted offer no longer counts.
    fn is_offer(&self, pos: Pos) -> bool {
        matches!(self.view.state, State::Offered { .. })
            && self.offered.is_some_and(|(offer, _)| offer == pos)
    }

    /// The entry of something the customer said, by its row.
    pub(super) fn seq_of(&self, pos: Pos) -> Option<Seq> {
        let found = self.messages.binary_search_by_key(&pos, |(pos, _)| *pos).ok()?;
        self.messages.get(found).map(|(_, seq)| *seq)
    }

    pub(super) fn agent_spoke(&mut self, seq: Seq, stanza: Arc<str>) {
        if self.spoken.len() == SPOKEN_KEPT {
            self.spoken.pop_front();
        }
        self.spoken.push_back((seq, stanza));
    }

    /// The widget has shown everything up to here; returns the stanza id of the last agent's
    /// message that this covers.
    pub(super) fn shown(&mut self, upto: Seq) -> Option<Arc<str>> {
        let mut last = None;
        while let Some((_, stanza)) = self.spoken.pop_front_if(|(seq, _)| *seq <= upto) {
            last = Some(stanza);
        }
        last
    }

    /// The agent's client has received this message.
    pub(super) fn received(&mut self, pos: Pos) -> Moved {
        let Ok(found) = self.messages.binary_search_by_key(&pos, |(pos, _)| *pos) else {
            return Moved::Nothing;
        };
        if self.messages.get(found).is_some_and(|(_, seq)| *seq <= self.view.confirmed) {
            return Moved::Nothing;
        }
        self.scattered.insert(pos);
        if self.advance() { self.ticks(Moved::Inward) } else { Moved::Nothing }
    }

    /// Moves the confirmed mark over scattered confirmations that follow it now; returns whether it
    /// moved. What the agent's reply covers is no gap: a receipt for it may never come.
    fn advance(&mut self) -> bool {
        let before = self.view.confirmed;
        let first = self.messages.partition_point(|(_, seq)| *seq <= before);
        for (pos, seq) in self.messages.iter().skip(first) {
            if self.scattered.remove(pos) {
                self.view.confirmed = *seq;
            } else if *seq > self.answered {
                break;
            }
        }
        self.view.confirmed > before
    }

    pub(super) fn is_confirmed(&self, pos: Pos) -> bool {
        let message = self.messages.binary_search_by_key(&pos, |(pos, _)| *pos);
        message.is_ok_and(|found| {
            self.scattered.contains(&pos)
                || self.messages.get(found).is_some_and(|(_, seq)| *seq <= self.view.confirmed)
        })
    }

    /// The agent's client has displayed everything up to this message, so for the customer's ticks
    /// all of it was received. Resending is another matter: where the client sends receipts
    /// (`confirms`), a message that got lost on its way is not confirmed by a later one that was
    /// displayed.
    pub(super) fn displayed(&mut self, pos: Pos, confirms: bool) -> Moved {
        let upto = self.messages.partition_point(|(at, _)| *at <= pos);
        let Some((at, seq)) = upto.checked_sub(1).and_then(|last| self.messages.get(last)).copied()
        else {
            return Moved::Nothing;
        };
        let mut moved = Moved::Nothing;
        if !confirms {
            self.answered = self.answered.max(seq);
        } else if seq > self.view.confirmed {
            self.scattered.insert(at);
            if self.advance() {
                moved = Moved::Inward;
            }
        }
        if seq > self.view.read {
            self.view.read = seq;
            moved = Moved::Ticks;
        }
        self.ticks(moved)
    }

    fn ticks(&mut self, moved: Moved) -> Moved {
        let delivered = self.view.delivered.max(self.view.confirmed).max(self.view.read);
        if delivered > self.view.delivered {
            self.view.delivered = delivered;
            return Moved::Ticks;
        }
        moved
    }

    /// It is offered to these agents. An agent who was asked earlier continues where they were.
    pub(super) fn begin_offer(&mut self, agents: Vec<AgentJid>, until: Timestamp) {
        self.begin_assignment();
        if self.given_by.as_ref().is_some_and(|giver| agents.contains(giver)) {
            self.given_by = None;
        }
        self.shunned.clear();
        self.rests = false;
        let news = agents.iter().filter(|agent| !self.asked.contains(agent));
        let news: Vec<AgentJid> = news.cloned().collect();
        self.asked.extend(news);
        if let [agent] = agents.as_slice()
            && let Some(known) = self.acquainted.get(agent)
        {
            self.view.confirmed = known.confirmed;
        }
        self.view.state = State::Offered { agents, until };
    }

    /// These agents are online and let the offer pass; `upto` is the last row.
    pub(super) fn let_pass(&mut self, agents: Vec<AgentJid>, upto: Pos) {
        let is_one = self.audience().len() == 1;
        let confirmed = if is_one { self.view.confirmed } else { Seq(0) };
        if !self.withheld {
            let known = Acquainted { upto, confirmed };
            self.acquainted.extend(agents.into_iter().map(|agent| (agent, known)));
        }
    }

    /// This agent has it now, and may already have some of its messages.
    pub(super) fn begin_service(&mut self, agent: &AgentJid, was_alone: bool) {
        self.served_by = Some(agent.clone());
        self.given_by = None;
        self.shunned.clear();
        self.asked.clear();
        self.rests = false;
        if !was_alone {
            self.begin_assignment();
            if let Some(known) = self.acquainted.get(agent) {
                self.view.confirmed = known.confirmed;
            }
        }
        self.acquainted.clear();
    }

    /// An agent takes it over from another, and has what was sent and confirmed meanwhile.
    pub(super) fn pass_to(&mut self, agent: &AgentJid, handed: Option<&Handed>) {
        self.view.state = State::Active { agent: agent.clone() };
        self.begin_service(agent, false);
        for pos in handed.into_iter().flat_map(|handed| handed.received(agent)) {
            self.received(*pos);
        }
    }

    /// A client of an agent who is asked to take it over has received this message; if it was
    /// `shown`, also everything before.
    pub(super) fn confirmed_by_asked(&mut self, agent: &AgentJid, pos: Pos, shown: bool) {
        let upto = self.messages.partition_point(|(at, _)| *at <= pos);
        let confirmed = self.messages.get(..upto).unwrap_or_default();
        let confirmed = confirmed.iter().map(|(at, _)| *at).filter(|at| shown || *at == pos);
        if let Some(handed) = &mut self.handed {
            handed.confirmed(agent, confirmed);
        }
    }

    /// The row up to which an agent who is asked again already has the messages.
    pub(super) fn told_upto(&self, agent: &AgentJid) -> Option<Pos> {
        self.acquainted.get(agent).map(|known| known.upto)
    }

    /// The agent came online with another client, which may not have what was sent earlier.
    pub(super) fn is_strange_to(&mut self, agent: &AgentJid) {
        self.acquainted.remove(agent);
    }

    /// Whether the agent was asked, failed the customer, or already has some messages.
    pub(super) fn remembers(&self, agent: &AgentJid) -> bool {
        self.shunned.contains(agent)
            || self.asked.contains(agent)
            || self.acquainted.contains_key(agent)
    }

    pub(super) fn has_news_after(&self, pos: Pos) -> bool {
        self.notes.last > pos || self.messages.last().is_some_and(|(last, _)| *last > pos)
    }

    /// Everything up to this row was sent long ago; the unconfirmed messages after it are sent now.
    pub(super) fn sent_after(&mut self, now: Timestamp, pos: Pos) {
        self.sent.clear();
        let first = self.messages.partition_point(|(at, _)| *at <= pos);
        if let Some((_, first)) = self.messages.get(first) {
            self.sent.push_back((now, *first));
        }
    }

    /// It goes to other agents, who have confirmed nothing yet. The customer's ticks stay.
    pub(super) fn begin_assignment(&mut self) {
        self.view.confirmed = Seq(0);
        self.answered = Seq(0);
        self.scattered.clear();
        self.spoken.clear();
        self.resource = None;
        self.unsent();
    }

    /// Whether the customer left an address where they can be reached later.
    pub(super) fn left_address(&self) -> bool {
        self.answers.iter().any(|(field, _)| matches!(&**field, "email" | "phone"))
    }

    pub(super) fn reaches(&self, agent: &AgentJid) -> bool {
        self.audience().contains(agent)
    }

    /// The agents that the customer's messages go to now.
    pub(super) fn audience(&self) -> &[AgentJid] {
        match &self.view.state {
            State::Offered { agents, .. } => agents,
            State::Active { agent } => std::slice::from_ref(agent),
            State::Waiting | State::Closed { .. } => &[],
        }
    }
}

#[cfg(test)]
mod tests;
