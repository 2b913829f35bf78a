//! Records made by hand, each with one violation; and one without any.

use super::*;
use crate::faults::Kind;
use crate::record::Affects;

const CASE: Case = Case(7);
const CUSTOMER: Case = Case(1);

/// A record and a log that grow step by step; each step is a millisecond.
#[derive(Default)]
struct Story {
    events: Vec<Event>,
    rows: Vec<Row>,
    at: u64,
}

impl Story {
    /// Customer 0 is welcomed, and agent 0 logs in and takes their conversation.
    fn begin() -> Self {
        let mut story = Self::default();
        story.sees(What::Login { agent: 0 });
        story.welcome(None);
        story.stored("opened", "customer", None, None, false);
        story.says("c0 n1");
        story.stored("joined", "agent", Some(0), None, true);
        story.entry(2);
        story
    }

    fn sees(&mut self, what: What) -> &mut Self {
        self.at += 1_000;
        self.events.push(Event { at: self.at, what });
        self
    }

    fn welcome(&mut self, resumed: Option<(Case, u64)>) {
        self.sees(What::Welcome { customer: 0, id: CUSTOMER, node: 0, resumed });
    }

    fn stored(
        &mut self,
        kind: &str,
        author: &str,
        agent: Option<usize>,
        text: Option<&str>,
        seen: bool,
    ) -> &mut Self {
        let last = self.rows.iter().filter_map(|row| row.seq).max().unwrap_or(0);
        self.rows.push(Row {
            pos: self.rows.len() as u64 + 1,
            case: CASE,
            customer: CUSTOMER,
            seq: seen.then_some(last + 1),
            at: (self.at / 1_000) as i64,
            kind: kind.to_owned(),
            author: author.to_owned(),
            agent,
            text: text.map(str::to_owned),
        });
        self
    }

    fn head(&self) -> u64 {
        self.rows.iter().filter_map(|row| row.seq).max().unwrap_or(0)
    }

    fn commands(&mut self, text: &str) -> &mut Self {
        let id = text.split(' ').nth(1).unwrap().to_owned();
        let text = Some(text.to_owned());
        self.sees(What::Command { customer: 0, id, text, again: false })
    }

    fn acked(&mut self, text: &str, seq: u64) -> &mut Self {
        let id = text.split(' ').nth(1).unwrap().to_owned();
        self.sees(What::Ack { customer: 0, id, case: CASE, seq: Some(seq) })
    }

    fn heard(&mut self, text: &str, pos: u64) -> &mut Self {
        self.heard_by(0, text, pos)
    }

    fn heard_by(&mut self, agent: usize, text: &str, pos: u64) -> &mut Self {
        let (from, id, text) = (String::new(), format!("p{pos}"), text.to_owned());
        self.sees(What::Heard { agent, from, case: Some(CASE), id, text })
    }

    /// The customer sends a message, without faults.
    fn says(&mut self, text: &str) -> &mut Self {
        self.commands(text);
        self.stored("message", "customer", None, Some(text), true);
        let (seq, pos) = (self.head(), self.rows.len() as u64);
        self.acked(text, seq).heard(text, pos)
    }

    fn spoke(&mut self, text: &str) -> &mut Self {
        let (to, id, text) = (String::new(), text.replace(' ', "-"), text.to_owned());
        self.sees(What::Spoke { agent: 0, to, id, text, again: false })
    }

    fn ticked(&mut self, text: &str) -> &mut Self {
        self.sees(What::Tick { agent: 0, id: text.replace(' ', "-") })
    }

    /// The customer is shown the entry with a number.
    fn entry(&mut self, seq: u64) -> &mut Self {
        let row = self.rows.iter().find(|row| row.seq == Some(seq)).unwrap().clone();
        let (kind, text) = (row.kind, row.text);
        self.sees(What::Entry { customer: 0, case: CASE, seq, kind, text })
    }

    /// The agent sends a message, without faults.
    fn answers(&mut self, text: &str) -> &mut Self {
        self.spoke(text).stored("message", "agent", Some(0), Some(text), true).ticked(text);
        let seq = self.head();
        self.entry(seq)
    }

    fn judged(&self) -> Vec<Class> {
        judge(&self.events, &self.rows, 0, None).classes().into_keys().collect()
    }
}

#[test]
fn a_conversation_in_which_all_goes_well() {
    let mut story = Story::begin();
    story.says("c0 n2").answers("a0 n1");
    story.sees(What::Shut { customer: 0, why: String::new() });
    story.welcome(Some((CASE, 4)));
    story.answers("a0 n2").says("c0 n3");
    story.acked("c0 n3", 6).heard("c0 n3", 7);
    let verdict = judge(&story.events, &story.rows, 0, None);
    assert_eq!(verdict.violations, []);
    let Counts { acked, ticked, acks_repeated, stanzas_repeated, .. } = verdict.counts;
    assert_eq!((acked, ticked, acks_repeated, stanzas_repeated), (3, 2, 1, 1));
}

#[test]
fn what_is_acknowledged_and_not_stored() {
    let mut story = Story::begin();
    story.commands("c0 n2").acked("c0 n2", 3);
    assert_eq!(story.judged(), [Class::LostAcked]);
    let mut story = Story::begin();
    story.spoke("a0 n1").ticked("a0 n1");
    assert_eq!(story.judged(), [Class::LostTicked]);
}

#[test]
fn what_is_not_acknowledged_may_be_absent_or_there_once() {
    let mut story = Story::begin();
    story.commands("c0 n2").commands("c0 n3");
    story.stored("message", "customer", None, Some("c0 n3"), true).entry(3).heard("c0 n3", 4);
    assert_eq!(story.judged(), []);
    story.stored("message", "customer", None, Some("c0 n3"), true).entry(4);
    assert_eq!(story.judged(), [Class::Doubled, Class::Undelivered]);
}

#[test]
fn an_acknowledgement_that_changes() {
    let mut story = Story::begin();
    story.says("c0 n2").says("c0 n3").acked("c0 n2", 4);
    assert_eq!(story.judged(), [Class::AckChanged]);
    let mut story = Story::begin();
    story.says("c0 n2");
    let (id, case) = ("n2".to_owned(), Case(8));
    story.sees(What::Echo { customer: 0, id, case, seq: Some(1) });
    assert_eq!(story.judged(), [Class::AckChanged]);
}

#[test]
fn numbers_with_gaps() {
    let mut story = Story::begin();
    story.says("c0 n2");
    story.rows[3].pos = 9;
    assert!(story.judged().contains(&Class::PosGap));
    let mut story = Story::begin();
    story.stored("message", "agent", Some(0), Some("a0 n1"), true);
    story.rows[3].seq = Some(4);
    story.entry(4);
    assert!(story.judged().contains(&Class::SeqGap));
}

#[test]
fn entries_that_are_missing_repeated_skipped_or_of_nowhere() {
    let mut story = Story::begin();
    story.stored("message", "agent", Some(0), Some("a0 n1"), true);
    assert_eq!(story.judged(), [Class::EntryMissing]);
    let mut story = Story::begin();
    story.entry(2);
    assert_eq!(story.judged(), [Class::EntryTwice]);
    let mut story = Story::begin();
    story.stored("message", "agent", Some(0), Some("a0 n1"), true);
    story.stored("message", "agent", Some(0), Some("a0 n2"), true);
    story.entry(4);
    assert_eq!(story.judged(), [Class::EntryMissing, Class::EntrySkipped]);
    let mut story = Story::begin();
    story.commands("c0 n2").stored("message", "agent", Some(0), Some("a0 n1"), true);
    story.stored("message", "customer", None, Some("c0 n2"), true).acked("c0 n2", 4);
    story.heard("c0 n2", 5).entry(3);
    assert_eq!(story.judged(), [Class::EntryTwice, Class::EntrySkipped], "an ack that ran ahead");
    let mut story = Story::begin();
    let (kind, text) = ("message".to_owned(), Some("boo".to_owned()));
    story.sees(What::Entry { customer: 0, case: CASE, seq: 3, kind, text });
    assert_eq!(story.judged(), [Class::Phantom]);
}

#[test]
fn a_socket_that_resumes_gets_what_comes_after_and_nothing_else() {
    let mut story = Story::begin();
    story.answers("a0 n1");
    story.welcome(Some((CASE, 3)));
    story.entry(3);
    assert_eq!(story.judged(), [Class::EntryTwice]);
    let mut story = Story::begin();
    story.answers("a0 n1");
    story.welcome(Some((CASE, 2)));
    story.entry(3);
    assert_eq!(story.judged(), [], "it asked for it");
}

#[test]
fn whoever_has_the_conversation_has_all_of_it() {
    let mut story = Story::begin();
    story.commands("c0 n2").stored("message", "customer", None, Some("c0 n2"), true);
    story.acked("c0 n2", 3);
    assert_eq!(story.judged(), [Class::Undelivered]);
    story.heard_by(2, "c0 n2", 4);
    assert_eq!(story.judged(), [Class::Undelivered], "another does not count");
    story.heard("c0 n2", 4);
    assert_eq!(story.judged(), []);
    story.stored("left", "agent", Some(0), None, true).entry(4);
    assert_eq!(story.judged(), [Class::Unserved]);
    story.stored("joined", "agent", Some(1), None, true).entry(5);
    assert_eq!(story.judged(), [Class::Undelivered], "the backlog is missing");
    story.heard_by(1, "c0 n1", 2).heard_by(1, "c0 n2", 4);
    assert_eq!(story.judged(), []);
    story.stored("closed", "customer", None, None, true).entry(6);
    assert_eq!(story.judged(), [], "nobody need have it any more");
}

#[test]
fn one_message_under_two_ids_and_one_of_nowhere() {
    let mut story = Story::begin();
    story.heard("c0 n1", 99);
    assert_eq!(story.judged(), [Class::TwoIds]);
    let mut story = Story::begin();
    story.heard("c0 n9", 9);
    assert_eq!(story.judged(), [Class::Phantom]);
}

/// Two messages that arrive in the wrong order.
fn disordered(before: impl FnOnce(&mut Story), between: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::begin();
    before(&mut story);
    story.at += 60_000_000;
    for text in ["c0 n2", "c0 n3"] {
        story.commands(text).stored("message", "customer", None, Some(text), true);
        let seq = story.head();
        story.acked(text, seq);
    }
    story.heard("c0 n3", 5);
    between(&mut story);
    story.heard("c0 n2", 4);
    story
}

#[test]
fn order_at_an_agent() {
    assert_eq!(disordered(|_| {}, |_| {}).judged(), [Class::Disordered]);
    let relogin = |story: &mut Story| {
        story.sees(What::Logout { agent: 0, why: String::new() });
        story.sees(What::Login { agent: 0 });
    };
    let story = disordered(|_| {}, relogin);
    let verdict = judge(&story.events, &story.rows, 0, None);
    assert_eq!((verdict.violations.len(), verdict.counts.disordered_by_interruption), (0, 1));
    assert_eq!(disordered(relogin, |_| {}).judged(), [Class::Disordered], "long before");
    let restart = |story: &mut Story| {
        let (kind, affects) = (Kind::XmppKill, Affects::All);
        story.sees(What::Fault { fault: 0, kind, target: String::new(), affects });
        story.sees(What::Healed { fault: 0, hit: true });
    };
    assert_eq!(disordered(|_| {}, restart).judged(), []);
}

#[test]
fn a_receipt_before_the_arrival() {
    let mut story = Story::begin();
    story.says("c0 n2").sees(What::Receipt { customer: 0, case: CASE, delivered: 3 });
    assert_eq!(story.judged(), []);
    story.commands("c0 n3").stored("message", "customer", None, Some("c0 n3"), true);
    story.acked("c0 n3", 4).sees(What::Receipt { customer: 0, case: CASE, delivered: 4 });
    story.heard("c0 n3", 5);
    assert_eq!(story.judged(), [Class::FalseReceipt]);
}

#[test]
fn a_run_that_was_none() {
    let kinds = [Kind::RedisFlush, Kind::KillCommitAck];
    let faults = kinds.map(|kind| (kind, 1)).to_vec();
    let demands = Demands { messages: 3, faults, all_faults: 2, kills: 1 };
    let mut story = Story::begin();
    let judged = |story: &Story| {
        let verdict = judge(&story.events, &story.rows, 0, Some(&demands));
        verdict.classes().into_keys().collect::<Vec<_>>()
    };
    assert_eq!(judged(&story), [Class::TooFew, Class::FaultMissed, Class::PointMissed]);
    story.says("c0 n2").answers("a0 n1");
    for (fault, kind) in kinds.into_iter().enumerate() {
        let (target, affects) = (String::new(), Affects::All);
        story.sees(What::Fault { fault, kind, target, affects });
        story.sees(What::Healed { fault, hit: false });
    }
    let missed = [Class::TooFew, Class::FaultMissed, Class::PointMissed];
    assert_eq!(judged(&story), missed, "there was nothing to break; it died, but not there");
    story.sees(What::Healed { fault: 0, hit: true }).sees(What::Healed { fault: 1, hit: true });
    assert_eq!(judged(&story), []);
}
