//! Nodes in separate processes over one database, customers and agents who talk through them, and a
//! final check of what all of them recorded.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use couplet::chat::ids::{ConversationId, Seq};
use couplet::chat::row::RowKind;
use couplet::ports::store::Transcripts as _;
use couplet_kit::gateway::LIMITS;
use uuid::Uuid;

use super::clerk::Clerk;
use super::gateway::{Gateway, Ground, Plan, Server};
use super::process::Process;
use super::visitor::Visitor;

pub(crate) struct Crew {
    pub(crate) plan: Plan,
    pub(crate) nodes: Vec<Process>,
    pub(crate) visitors: Vec<Visitor>,
    pub(crate) clerks: Vec<Clerk>,
}

/// The longest times that were measured.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Longest {
    /// From sending a customer's message to its ack.
    pub(crate) ack: Duration,
    /// From sending a customer's message to its arrival at an agent.
    pub(crate) arrival: Duration,
}

impl Longest {
    pub(crate) fn of_all(self) -> Duration {
        self.ack.max(self.arrival)
    }
}

impl Crew {
    /// Three nodes, of which the first owns the link; customers spread over them, each already in
    /// conversation with an agent.
    pub(crate) async fn meet(server: Server, visitors: usize, clerks: usize) -> Self {
        let mut crew = Self::open(Gateway::plan(server, Ground::Full, LIMITS).await, clerks).await;
        crew.visit(visitors).await;
        crew
    }

    /// Three nodes and available agents, from this plan.
    pub(crate) async fn open(plan: Plan, clerks: usize) -> Self {
        let mut staff = Vec::new();
        for number in 0..clerks {
            let account = plan.account(&format!("clerk{number}"));
            plan.hire(&format!("{account}@{}", plan.xmpp.host), 50).await;
            staff.push(Clerk::come(&plan.xmpp, &account, "c").await);
        }
        let mut nodes = vec![Process::start(&plan.config).await];
        let (second, third) =
            tokio::join!(Process::start(&plan.config), Process::start(&plan.config));
        nodes.extend([second, third]);
        Self { plan, nodes, visitors: Vec::new(), clerks: staff }
    }

    /// Customers arrive and begin to talk.
    pub(crate) async fn visit(&mut self, visitors: usize) {
        for number in 0..visitors {
            self.visitors.push(Visitor::come(self.from(number)));
        }
        self.turn(0).await;
    }

    /// The addresses of all nodes, starting with this one.
    pub(crate) fn from(&self, first: usize) -> Vec<SocketAddr> {
        let nodes = self.nodes.iter().cycle().skip(first % self.nodes.len());
        nodes.take(self.nodes.len()).map(|node| node.address).collect()
    }

    /// Every customer sends a message and waits for an agent's reply.
    pub(crate) async fn turn(&self, number: u64) {
        for (who, visitor) in self.visitors.iter().enumerate() {
            visitor.say(&format!("c{who} {number}"));
        }
        self.answered(number).await;
    }

    /// Waits until every customer has the reply to their message of this number.
    pub(crate) async fn answered(&self, number: u64) {
        for (who, visitor) in self.visitors.iter().enumerate() {
            visitor.hears(&format!("re c{who} {number}")).await;
        }
    }

    /// Checks, once everything has been answered, what all have recorded and what is in the
    /// database: nothing lost, nothing twice, order kept.
    pub(crate) async fn judge(&self) -> Longest {
        for clerk in &self.clerks {
            clerk.confirmed().await;
        }
        let arrivals: Vec<_> =
            self.clerks.iter().flat_map(|clerk| clerk.look().arrived.clone()).collect();
        let mut ids: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for arrival in &arrivals {
            ids.entry(&arrival.text).or_default().insert(&arrival.id);
        }
        let mut longest = Longest::default();
        for visitor in &self.visitors {
            let record = visitor.look();
            assert!(record.wrong.is_empty(), "{:#?}", record.wrong);
            for said in &record.said {
                let acked = said.acked.unwrap_or_else(|| panic!("{said:?} has no ack"));
                longest.ack = longest.ack.max(acked - said.at);
                let first = arrivals.iter().filter(|one| one.text == said.text).map(|one| one.at);
                let first = first.min().unwrap_or_else(|| panic!("{said:?} reached no agent"));
                longest.arrival = longest.arrival.max(first - said.at);
                assert_eq!(ids[said.text.as_str()].len(), 1, "{said:?} came under {ids:?}");
            }
            let said: Vec<_> = record.said.iter().map(|said| said.text.as_str()).collect();
            let answers: Vec<_> = said.iter().map(|text| format!("re {text}")).collect();
            let echoes: Vec<_> =
                record.heard.iter().filter(|text| text.starts_with("re ")).cloned().collect();
            assert_eq!(echoes, answers, "each answer once, in its order");
            let mut firsts: Vec<_> = said
                .iter()
                .map(|text| arrivals.iter().position(|one| one.text == *text).unwrap())
                .collect();
            let as_said = firsts.clone();
            firsts.sort_unstable();
            assert_eq!(firsts, as_said, "in the order in which they were sent: {said:?}");
        }
        self.compare_transcripts().await;
        longest
    }

    async fn compare_transcripts(&self) {
        for visitor in &self.visitors {
            let (conversation, mut expected) = {
                let record = visitor.look();
                let said = record.said.iter().map(|said| said.text.clone());
                let all: Vec<_> = said.chain(record.heard.iter().cloned()).collect();
                (record.conversation.clone().unwrap(), all)
            };
            let id = ConversationId(Uuid::parse_str(&conversation).unwrap());
            let rows = self.plan.db.store.entries_after(id, Seq(0), 10_000).await.unwrap();
            let seqs: Vec<_> = rows.iter().filter_map(|row| row.seq).collect();
            assert_eq!(seqs, (1..=seqs.len() as u64).map(Seq).collect::<Vec<_>>(), "no gap");
            let mut stored: Vec<_> = rows
                .iter()
                .filter_map(|row| match &row.kind {
                    RowKind::Message { text, .. } => Some(text.to_string()),
                    _ => None,
                })
                .collect();
            stored.sort_unstable();
            expected.sort_unstable();
            assert_eq!(stored, expected, "both sides have what is stored, and nothing else");
        }
    }

    pub(crate) async fn end(mut self) {
        self.visitors.clear();
        for node in &self.nodes {
            node.terminate();
        }
        for node in &mut self.nodes {
            node.ended().await;
        }
        self.plan.db.remove().await;
    }
}
