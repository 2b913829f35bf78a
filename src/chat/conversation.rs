//! One open conversation, with what the desk must know of it besides its view.
//!
//! Invariants: `messages` holds, in order, what of the conversation its agents' clients
//! are to confirm: all that the customer said (messages, edits, retractions) and, last, the close. The marks of the view only
//! ever cover a prefix of it, so a tick says that *all* before it arrived.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::ids::{AgentJid, Pos, Seq, Timestamp};
use super::model::{Conversation, Reference, Row, State, Target};

/// How many of the agent's messages may wait to be marked as shown; older ones count as shown.
const SPOKEN_KEPT: usize = 64;

/// What was sent within so many milliseconds before an agent's words need not have been before him.
const FRESH_MS: i64 = 5_000;
/// When something is sent that was not yet.
const NOT_YET: Timestamp = Timestamp(i64::MAX);

/// A conversation with more messages of its customer is offered without them.
const OFFERED_WORDS: usize = 50;

/// How much of what is not there is remembered.
const MISSING_KEPT: usize = 32;

/// What was looked for in a conversation and is not there: words that somebody referred to, rows.
#[derive(Debug, Default)]
pub(super) struct Missing {
    words: VecDeque<Reference>,
    rows: VecDeque<Pos>,
}

impl Missing {
    pub(super) fn has_words(&self, reference: &Reference) -> bool {
        self.words.contains(reference)
    }

    pub(super) fn has_row(&self, pos: Pos) -> bool {
        self.rows.contains(&pos)
    }

    pub(super) fn put_words(&mut self, reference: Reference) {
        keep(&mut self.words, reference);
    }

    pub(super) fn put_row(&mut self, pos: Pos) {
        keep(&mut self.rows, pos);
    }

    /// A row is new: what refers to it is not missing any more.
    pub(super) fn came(&mut self, row: &Row) {
        if self.words.is_empty() {
            return;
        }
        self.words.retain(|reference| match reference {
            // Whichever of the customer's sessions said it.
            Reference::Customer(key) => row.key.as_ref().is_none_or(|other| other.id != key.id),
            Reference::Agent { stanza, .. } => row.stanza.as_ref() != Some(stanza),
        });
    }
}

fn keep<T: PartialEq>(kept: &mut VecDeque<T>, one: T) {
    if kept.contains(&one) {
        return;
    }
    if kept.len() == MISSING_KEPT {
        kept.pop_front();
    }
    kept.push_back(one);
}

/// An open conversation.
#[derive(Debug)]
pub(super) struct OpenConversation {
    /// The view.
    pub(super) view: Conversation,
    /// What the customer said, and the close; after a restart without what was confirmed long ago.
    messages: Vec<(Pos, Seq)>,
    /// There is such.
    pub(super) has_earlier: bool,
    /// How many rows it has.
    pub(super) rows: u64,
    /// The row of the offer that stands or was accepted, and when it was made.
    pub(super) offered: Option<(Pos, Timestamp)>,
    /// Confirmed ones that have an unconfirmed one before them.
    scattered: BTreeSet<Pos>,
    /// It is offered without its words: too many for whoever is only asked.
    pub(super) withheld: bool,
    /// When the latest of them were sent to whoever has it: each from a message on.
    sent: VecDeque<(Timestamp, Seq)>,
    /// What an agent whose client confirms nothing had before him when he answered.
    answered: Seq,
    /// The agent's messages, with the ids of their stanzas, that the widget has not shown yet.
    spoken: VecDeque<(Seq, Arc<str>)>,
    /// The last message of an agent, which `!undo` deletes: whose it is, and when it was said. Not
    /// known after a restart.
    pub(super) last_said: Option<(AgentJid, Timestamp, Target)>,
    /// Agents' links that nothing came of yet.
    pub(super) links: BTreeMap<Pos, Arc<Row>>,
    /// Who has it, or had it last.
    pub(super) served_by: Option<AgentJid>,
    /// Who confirmed what is in the view and not written yet.
    pub(super) unwritten: Option<AgentJid>,
    /// The client that the agent last spoke from: typing goes there.
    pub(super) resource: Option<Arc<str>>,
    /// What the customer filled in before.
    pub(super) answers: Vec<(Arc<str>, Arc<str>)>,
    /// What was looked for in the store and is not there, by what is asked for it.
    pub(super) missing: Missing,
    /// The place in line that the customer was last told.
    pub(super) told: Option<Option<u32>>,
    /// Those who failed it last; they are passed over ...
    pub(super) shunned: Vec<AgentJid>,
    /// ... until then, or until they come back.
    pub(super) shunned_until: Timestamp,
    /// When whoever served it last went out.
    pub(super) left_at: Option<Timestamp>,
    /// Those who were asked in this round; who has it is among them.
    pub(super) asked: Vec<AgentJid>,
    /// All were asked, and the offer stands with the last of them for a while.
    pub(super) rests: bool,
    /// Those who let an offer of it pass, and are there ever since: nothing of it was said by others.
    acquainted: BTreeMap<AgentJid, Acquainted>,
}

/// What is known to an agent who let an offer pass.
#[derive(Debug, Clone, Copy)]
struct Acquainted {
    /// All that was said up to this row was sent.
    upto: Pos,
    /// Confirmed up to this entry.
    confirmed: Seq,
}

/// What a confirmation of the agent's client moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// Nothing.
    Nothing,
    /// What a fault would send again, but nothing the customer sees.
    Inward,
    /// The customer's ticks.
    Ticks,
}

impl OpenConversation {
    /// A conversation as its view says, without messages yet.
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
            told: None,
            shunned,
            shunned_until: Timestamp::default(),
            asked,
            rests: false,
            acquainted: BTreeMap::new(),
            left_at: None,
        }
    }

    /// For how long its customer has waited by now, in milliseconds; while they were served they did
    /// not wait, though they keep their place.
    pub(super) fn waited(&self, now: Timestamp) -> i64 {
        now.since(
            self.left_at.map_or(self.view.waiting_since, |at| at.max(self.view.waiting_since)),
        )
    }

    /// There is more to be confirmed: the customer said something, or the conversation was closed.
    pub(super) fn owe_confirmation(&mut self, at: Timestamp, pos: Pos, seq: Seq) {
        while self.sent.pop_front_if(|(sent, _)| at.since(*sent) >= FRESH_MS).is_some() {}
        // The first of a moment stands for all of it: after a restart that is every message.
        if self.sent.back().is_none_or(|(sent, _)| *sent != at && *sent != NOT_YET) {
            self.sent.push_back((at, seq));
        }
        self.messages.push((pos, seq));
    }

    /// What is not confirmed was not sent yet to whoever has it, or may be lost.
    pub(super) fn unsent(&mut self) {
        self.sent_again(NOT_YET);
    }

    /// What is not confirmed is sent to whoever has it.
    pub(super) fn sent_again(&mut self, now: Timestamp) {
        self.sent.clear();
        let first = self.messages.partition_point(|(_, seq)| *seq <= self.taken_in());
        if let Some((_, first)) = self.messages.get(first) {
            self.sent.push_back((now, *first));
        }
    }

    /// Whether it has more words than an agent is sent who is only asked: were a long one sent with
    /// every offer, a busy link would carry nothing else, and the offers run out for that.
    pub(super) fn is_long(&self) -> bool {
        self.has_earlier || self.messages.len() > OFFERED_WORDS
    }

    /// Whether there is something that the client of whoever has it now has not confirmed.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.messages.last().is_some_and(|(_, seq)| *seq > self.taken_in())
    }

    /// Whether that is so of something before a row.
    pub(super) fn unconfirmed_before(&self, pos: Pos) -> bool {
        let before = self.messages.partition_point(|(at, _)| *at < pos);
        let last = before.checked_sub(1).and_then(|last| self.messages.get(last));
        last.is_some_and(|(_, seq)| *seq > self.taken_in())
    }

    /// Up to here nothing needs to be sent again.
    pub(super) fn taken_in(&self) -> Seq {
        self.view.confirmed.max(self.answered)
    }

    /// The row of the last message before the first unconfirmed one.
    pub(super) fn confirmed_pos(&self) -> Pos {
        let first = self.messages.partition_point(|(_, seq)| *seq <= self.taken_in());
        let before = first.checked_sub(1).and_then(|last| self.messages.get(last));
        before.map_or(Pos(0), |(pos, _)| *pos)
    }

    /// The agent has answered from a client that gives no receipts: the words stand for them. Many
    /// a client gives none to whoever is not in its contact list, though it asks for them.
    /// Not for what was sent a moment ago: that may not have been before the agent.
    pub(super) fn answered_by_agent(&mut self, now: Timestamp) {
        let fresh = self.sent.iter().find(|(sent, _)| now.since(*sent) < FRESH_MS);
        let before_him = |seq: Seq| fresh.is_none_or(|(_, first)| seq < *first);
        if let Some((_, seq)) = self.messages.iter().rev().find(|(_, seq)| before_him(*seq)) {
            self.answered = self.answered.max(*seq);
        }
    }

    /// Whether this row was sent to whoever has the conversation now, and may come back.
    pub(super) fn was_sent(&self, pos: Pos) -> bool {
        self.messages.binary_search_by_key(&pos, |(pos, _)| *pos).is_ok() || self.is_offer(pos)
    }

    /// Whether this row is that of an offer that stands: one that was taken is over.
    fn is_offer(&self, pos: Pos) -> bool {
        matches!(self.view.state, State::Offered { .. })
            && self.offered.is_some_and(|(offer, _)| offer == pos)
    }

    /// The entry of something the customer said, by its row.
    pub(super) fn seq_of(&self, pos: Pos) -> Option<Seq> {
        let found = self.messages.binary_search_by_key(&pos, |(pos, _)| *pos).ok()?;
        self.messages.get(found).map(|(_, seq)| *seq)
    }

    /// The agent said something in a stanza with this id.
    pub(super) fn agent_spoke(&mut self, seq: Seq, stanza: Arc<str>) {
        if self.spoken.len() == SPOKEN_KEPT {
            self.spoken.pop_front();
        }
        self.spoken.push_back((seq, stanza));
    }

    /// The widget has shown everything up to here: the id of the last message of the agent this covers.
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

    /// Takes in those scattered ones that follow the prefix now; says whether there were any. What
    /// the agent's words stand for is no gap: a receipt for it may never come.
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

    /// Whether this is a message that the agent's client has confirmed.
    pub(super) fn is_confirmed(&self, pos: Pos) -> bool {
        let message = self.messages.binary_search_by_key(&pos, |(pos, _)| *pos);
        message.is_ok_and(|found| {
            self.scattered.contains(&pos)
                || self.messages.get(found).is_some_and(|(_, seq)| *seq <= self.view.confirmed)
        })
    }

    /// The agent's client has shown everything up to this message: for the customer's ticks all of it
    /// was received. What is sent again is another matter: where the client `confirms` what it
    /// receives, a message lost on its way, which none of the agent's clients ever had, is not
    /// confirmed by what was shown after it.
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

    /// These agents are asked. One who was asked before goes on where they were.
    pub(super) fn begin_offer(&mut self, agents: Vec<AgentJid>, until: Timestamp) {
        self.begin_assignment();
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

    /// These are asked, are there, and have let it pass; `upto` is the last row there is.
    pub(super) fn let_pass(&mut self, agents: Vec<AgentJid>, upto: Pos) {
        let is_one = self.audience().len() == 1;
        let confirmed = if is_one { self.view.confirmed } else { Seq(0) };
        if !self.withheld {
            let known = Acquainted { upto, confirmed };
            self.acquainted.extend(agents.into_iter().map(|agent| (agent, known)));
        }
    }

    /// An agent has it, who may know some of it.
    pub(super) fn begin_service(&mut self, agent: &AgentJid, was_alone: bool) {
        self.served_by = Some(agent.clone());
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

    /// Up to which row an agent who is asked again knows what was said, where that is so.
    pub(super) fn told_upto(&self, agent: &AgentJid) -> Option<Pos> {
        self.acquainted.get(agent).map(|known| known.upto)
    }

    /// Another client of the agent has come: it need not know what was sent before.
    pub(super) fn is_strange_to(&mut self, agent: &AgentJid) {
        self.acquainted.remove(agent);
    }

    /// Whether the agent was asked, failed the customer, or knows some of it.
    pub(super) fn remembers(&self, agent: &AgentJid) -> bool {
        self.shunned.contains(agent)
            || self.asked.contains(agent)
            || self.acquainted.contains_key(agent)
    }

    /// Whether the customer has said something after a row.
    pub(super) fn has_news_after(&self, pos: Pos) -> bool {
        self.messages.last().is_some_and(|(last, _)| *last > pos)
    }

    /// What is not confirmed was sent long ago up to a row, and is sent now after it.
    pub(super) fn sent_after(&mut self, now: Timestamp, pos: Pos) {
        self.sent.clear();
        let first = self.messages.partition_point(|(at, _)| *at <= pos);
        if let Some((_, first)) = self.messages.get(first) {
            self.sent.push_back((now, *first));
        }
    }

    /// Others have it now: nothing is confirmed by them yet. The customer's ticks stay.
    pub(super) fn begin_assignment(&mut self) {
        self.view.confirmed = Seq(0);
        self.answered = Seq(0);
        self.scattered.clear();
        self.spoken.clear();
        self.resource = None;
        self.unsent();
    }

    /// Whether the customer said where an answer finds him when he has gone.
    pub(super) fn left_address(&self) -> bool {
        self.answers.iter().any(|(field, _)| matches!(&**field, "email" | "phone"))
    }

    /// Whether the customer's messages go to this agent now.
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
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::ids::{ConversationId, CustomerId, QueueKey, TenantKey};

    /// Customer messages 1, 3 and 4, in rows 10, 30 and 40; the agent said 2.
    fn case() -> OpenConversation {
        let mut case = OpenConversation::new(Conversation {
            id: ConversationId(Uuid::nil()),
            tenant: TenantKey::new("acme").unwrap(),
            customer: CustomerId(Uuid::nil()),
            queue: QueueKey::default_queue(),
            subject: None,
            state: State::Active { agent: AgentJid::normalised("ann") },
            opened_at: Timestamp(0),
            waiting_since: Timestamp(0),
            priority: 0,
            active_at: Timestamp(0),
            head: Seq(4),
            delivered: Seq(0),
            read: Seq(0),
            confirmed: Seq(0),
            passed: Vec::new(),
        });
        for (pos, seq) in [(10, 1), (30, 3), (40, 4)] {
            case.owe_confirmation(Timestamp(0), Pos(pos), Seq(seq));
        }
        case
    }

    #[test]
    fn scattered_confirmations_count_once_the_gap_is_filled() {
        let mut case = case();
        assert_eq!(case.received(Pos(40)), Moved::Nothing);
        assert_eq!(case.received(Pos(20)), Moved::Nothing, "no message of the customer");
        assert_eq!(case.received(Pos(10)), Moved::Ticks);
        assert_eq!(case.view.delivered, Seq(1));
        assert_eq!(case.received(Pos(30)), Moved::Ticks);
        assert_eq!((case.view.delivered, case.view.confirmed), (Seq(4), Seq(4)));
        assert_eq!(case.received(Pos(30)), Moved::Nothing);
    }

    #[test]
    fn what_is_shown_was_received_as_far_as_the_customer_sees() {
        let mut case = case();
        case.received(Pos(40));
        assert_eq!(case.displayed(Pos(35), true), Moved::Ticks, "a row between two messages");
        assert_eq!((case.view.read, case.view.delivered), (Seq(3), Seq(3)));
        assert_eq!(case.displayed(Pos(9), true), Moved::Nothing, "before the first");
        assert_eq!((case.confirmed_pos(), case.is_unconfirmed()), (Pos(0), true), "10 may be lost");
        assert_eq!(case.received(Pos(10)), Moved::Ticks);
        assert_eq!((case.confirmed_pos(), case.is_unconfirmed()), (Pos(40), false));
        assert_eq!(case.displayed(Pos(10), true), Moved::Nothing, "no tick goes back");
    }

    #[test]
    fn a_client_that_gives_no_receipts_is_spared_what_its_user_has_read() {
        let mut case = case();
        case.displayed(Pos(30), false);
        assert_eq!(case.confirmed_pos(), Pos(30));
        assert!(!case.is_confirmed(Pos(10)), "if it comes back, it has not arrived");
        case.answered_by_agent(Timestamp(FRESH_MS));
        assert!(!case.is_unconfirmed());
        case.owe_confirmation(Timestamp(FRESH_MS), Pos(50), Seq(5));
        case.answered_by_agent(Timestamp(FRESH_MS + 1));
        assert_eq!((case.confirmed_pos(), case.is_unconfirmed()), (Pos(40), true));
        case.begin_assignment();
        assert_eq!(case.confirmed_pos(), Pos(0), "another has read nothing");
    }

    #[test]
    fn a_new_assignment_confirms_anew_inwardly() {
        let mut case = case();
        case.received(Pos(10));
        case.displayed(Pos(40), true);
        case.begin_assignment();
        assert!(!case.is_confirmed(Pos(10)));
        assert_eq!(case.received(Pos(10)), Moved::Inward);
        assert!(case.is_confirmed(Pos(10)) && !case.is_confirmed(Pos(30)));
        assert_eq!((case.view.delivered, case.view.read), (Seq(4), Seq(4)));
    }

    #[test]
    fn the_last_of_what_the_widget_has_shown_is_named_once() {
        let mut case = case();
        for seq in [2, 5, 6] {
            case.agent_spoke(Seq(seq), format!("s{seq}").into());
        }
        assert_eq!(case.shown(Seq(1)), None);
        assert_eq!(case.shown(Seq(5)).as_deref(), Some("s5"));
        assert_eq!(case.shown(Seq(5)), None);
        for seq in 7..200 {
            case.agent_spoke(Seq(seq), format!("s{seq}").into());
        }
        assert_eq!(case.spoken.len(), SPOKEN_KEPT);
    }
}
