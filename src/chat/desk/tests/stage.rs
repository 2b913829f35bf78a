//! A stage on which customers and agents act; what reaches each of them is noted as a line.
//!
//! Time passes only where a play says so. Rows are stored at once unless they are held back.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use super::store::Store;
use crate::chat::canned::CannedCommand;
use crate::chat::commands::AgentCommand;
use crate::chat::desk::{Desk, DeskLimits};
use crate::chat::digest;
use crate::chat::effect::{
    Answer, Backlog, Contact, ContactPresence, CustomerNotice, Effect, Phase, Report, Reported,
    ToAgent, ToAgentContent,
};
use crate::chat::event::{
    About, AgentContent, AgentInput, Availability, Chosen, CustomerAction, CustomerCommand,
    CustomerConnection, CustomerContent, CustomerEvent, CustomerInput, Event, Need, Peer,
    SocketAddress,
};
use crate::chat::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, FileId, FileKey, Localpart, NodeId, Pos,
    QueueKey, Seq, SessionId, TenantKey, Timestamp,
};
use crate::chat::macros::MacroCommand;
use crate::chat::model::{Customer, File};
use crate::chat::notice::Notice;
use crate::chat::patience::Patience;
use crate::chat::refusal::AgentRefusal;
use crate::chat::routes::Routes;
use crate::chat::row::{Append, Author, FetchError, RequeueReason, Row, RowKind};
use crate::chat::settings::{AgentSettings, QueueSettings, Role, Strategy, TenantSettings};
use crate::chat::tags::TenantTags;

pub(super) const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;

pub(super) fn jid(name: &str) -> AgentJid {
    AgentJid::normalised(name)
}

pub(super) fn queue(key: &str, strategy: Strategy) -> QueueSettings {
    let offer_ms = 30 * SECOND;
    QueueSettings { key: QueueKey::new(key).unwrap(), name: key.into(), strategy, offer_ms }
}

pub(super) fn agent(name: &str, capacity: u32, queues: &[&str]) -> AgentSettings {
    AgentSettings {
        jid: jid(name),
        name: capitalised(name),
        capacity,
        role: Role::Agent,
        queues: queues.iter().map(|key| QueueKey::new(key).unwrap()).collect(),
    }
}

pub(super) fn supervisor(name: &str) -> AgentSettings {
    AgentSettings { role: Role::Supervisor, ..agent(name, 1, &[]) }
}

fn capitalised(name: &str) -> Arc<str> {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase()).into()
}

/// A tenant that closes idle conversations after 30 minutes.
pub(super) fn tenant(
    key: &str,
    queues: Vec<QueueSettings>,
    agents: Vec<AgentSettings>,
) -> TenantSettings {
    let key = TenantKey::new(key).unwrap();
    TenantSettings {
        name: key.as_str().into(),
        key,
        idle_close_ms: 30 * MINUTE,
        patience: Patience::default(),
        queues,
        agents,
        canned: Vec::new(),
        tags: TenantTags { open: false, known: vec!["invoice".into(), "refund".into()] },
        hours: BTreeMap::new(),
        routes: Routes::default(),
        macros: Vec::new(),
    }
}

/// Understands the steps of macros, as far as plays need it.
pub(super) fn reads(step: &str) -> AgentCommand {
    let (word, words) = step.split_once(' ').unwrap_or((step, ""));
    match (word, words) {
        ("!who", "") => AgentCommand::Who,
        ("!close", "") => AgentCommand::Close,
        ("!close", words) => AgentCommand::CloseSaying { words: words.into() },
        ("!r", words) => AgentCommand::Canned(CannedCommand::Say { words: words.into() }),
        ("!m", words) => AgentCommand::Macro(MacroCommand::Run { words: words.into() }),
        ("!transfer", text) => AgentCommand::Transfer { text: text.into() },
        ("!no", why) => AgentCommand::Decline { why: why.into() },
        ("!undo", "") => AgentCommand::Undo,
        ("!reopen", "") => AgentCommand::Reopen,
        _ => AgentCommand::Invalid(AgentRefusal::UnknownCommand { word: word.into() }),
    }
}

pub(super) struct Stage {
    pub(super) desk: Desk,
    pub(super) now: Timestamp,
    pub(super) store: Store,
    /// Rows that the store has not accepted yet.
    pub(super) pending: VecDeque<Append>,
    /// Whether rows wait for [`store_all`](Self::store_all).
    pub(super) holds_back: bool,
    /// What the desk had loaded from the store.
    pub(super) asked: Vec<Need>,
    /// Every effect except the appends, in order.
    pub(super) left: Vec<Effect>,
    heard: BTreeMap<String, Vec<String>>,
    contacts: BTreeMap<String, Vec<String>>,
    last_id: u128,
    limits: DeskLimits,
}

impl Stage {
    /// A connected link with these tenants; no agent has been heard from.
    pub(super) fn new(settings: Vec<TenantSettings>) -> Self {
        Self::with_limit(settings, 1_000)
    }

    pub(super) fn with_limit(settings: Vec<TenantSettings>, waiting: usize) -> Self {
        Self::with_limits(settings, DeskLimits { waiting, rows: 10_000, reads })
    }

    pub(super) fn with_limits(settings: Vec<TenantSettings>, limits: DeskLimits) -> Self {
        let now = Timestamp(1_700_000_000_000);
        let store = Store::new(settings);
        let mut stage = Self {
            desk: Desk::restore(limits, now, store.snapshot(now)),
            now,
            store,
            pending: VecDeque::new(),
            holds_back: false,
            asked: Vec::new(),
            left: Vec::new(),
            heard: BTreeMap::new(),
            contacts: BTreeMap::new(),
            last_id: 0,
            limits,
        };
        stage.event(Event::LinkUp);
        stage.contacts.clear();
        stage
    }

    /// One tenant `acme` with a queue `default`, and these agents online, each with this capacity.
    pub(super) fn acme(agents: &[(&str, u32)]) -> Self {
        Self::acme_with(Strategy::LeastLoaded, agents)
    }

    pub(super) fn acme_with(strategy: Strategy, agents: &[(&str, u32)]) -> Self {
        let staff = agents.iter().map(|(name, room)| agent(name, *room, &["default"]));
        let mut stage =
            Self::new(vec![tenant("acme", vec![queue("default", strategy)], staff.collect())]);
        for (name, _) in agents {
            stage.is(name, Availability::Free);
        }
        stage
    }

    // ---- the machinery ----

    /// Passes one event to the desk, after loading what it needs.
    pub(super) fn event(&mut self, event: Event) {
        let mut read = None;
        while let Some(need) = self.desk.needs(&event).filter(|need| read.as_ref() != Some(need)) {
            self.asked.push(need.clone());
            self.hand(Event::Loaded(self.store.load(&need)));
            read = Some(need);
        }
        self.hand(event);
        if !self.holds_back {
            self.store_all();
        }
    }

    fn hand(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.desk.handle(self.now, event, &mut effects);
        if let Some(at) = self.desk.next_deadline() {
            assert!(at > self.now, "the desk asks to be woken at once, endlessly");
        }
        for effect in effects {
            match effect {
                Effect::Append(append) => self.pending.push_back(append),
                other => {
                    self.hear(&other);
                    self.left.push(other);
                }
            }
        }
    }

    /// The store accepts this many of the pending rows.
    pub(super) fn store_some(&mut self, rows: usize) {
        for append in self.pending.drain(..rows.min(self.pending.len())) {
            self.store.append(&append);
        }
        self.hand(Event::Stored { upto: self.store.head() });
    }

    pub(super) fn store_all(&mut self) {
        while !self.pending.is_empty() {
            self.store_some(usize::MAX);
        }
    }

    /// Time passes; the desk is woken whenever it asked for it.
    pub(super) fn pass(&mut self, millis: i64) {
        let until = self.now.plus(millis);
        while let Some(at) = self.desk.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.event(Event::Tick);
        }
        self.now = until;
    }

    /// The process dies with what was not stored, and another restores the desk. Nobody has been
    /// heard from yet.
    pub(super) fn crash(&mut self) {
        self.pending.clear();
        self.desk = Desk::restore(self.limits, self.now, self.store.snapshot(self.now));
    }

    fn fresh(&mut self) -> ConversationId {
        self.last_id += 1;
        ConversationId(Uuid::from_u128(self.last_id))
    }

    // ---- customers ----

    /// A customer of `acme`; the name determines their id and their one session.
    pub(super) fn customer(&mut self, name: &str) -> Customer {
        self.customer_of("acme", name)
    }

    pub(super) fn customer_of(&mut self, tenant: &str, name: &str) -> Customer {
        let tenant = TenantKey::new(tenant).unwrap();
        let id = CustomerId(named(name));
        let customer = self.store.customers.entry(id).or_insert_with(|| Customer {
            id,
            tenant,
            localpart: Localpart::new(name).unwrap(),
            name: None,
            conversations: 0,
        });
        customer.clone()
    }

    pub(super) fn command(&mut self, name: &str, id: &str, action: CustomerAction) {
        let (id, fresh) = (CommandId::new(id).unwrap(), self.fresh());
        self.does(name, CustomerContent::Command(CustomerCommand { id, fresh, action }));
    }

    fn does(&mut self, name: &str, content: CustomerContent) {
        let customer = self.customer(name);
        let session = SessionId(named(name));
        let socket = SocketAddress { node: NodeId(Uuid::from_u128(1)), socket: 1 };
        let input = CustomerInput { customer, session, socket, content };
        self.event(Event::Customer(CustomerEvent::Input(Box::new(input))));
    }

    pub(super) fn starts(&mut self, name: &str, id: &str, queue: &str) {
        self.command(
            name,
            id,
            CustomerAction::Start {
                queue: Some(QueueKey::new(queue).unwrap()),
                subject: None,
                answers: vec![("by".into(), id.into())],
            },
        );
    }

    /// Begins or joins a conversation with these answers.
    pub(super) fn fills_in(&mut self, name: &str, id: &str, answers: &[(&str, &str)]) {
        let answers = answers.iter().map(|(field, answer)| ((*field).into(), (*answer).into()));
        let answers = answers.collect();
        self.command(name, id, CustomerAction::Start { queue: None, subject: None, answers });
    }

    /// Sends a text under this id.
    pub(super) fn says_as(&mut self, name: &str, id: &str, text: &str) {
        self.command(name, id, CustomerAction::Message { text: text.into(), reply_to: None });
    }

    /// Sends a file of this name.
    pub(super) fn shares(&mut self, name: &str, id: &str, text: &str, file: &str) {
        self.shares_of(name, id, text, file, false);
    }

    /// Sends a file that already belongs to a message, according to the database.
    pub(super) fn shares_taken(&mut self, name: &str, id: &str, text: &str, file: &str) {
        self.shares_of(name, id, text, file, true);
    }

    fn shares_of(&mut self, name: &str, id: &str, text: &str, file: &str, taken: bool) {
        let files: Arc<[File]> = Arc::new([self::file(file)]);
        let (ids, text) = (files.iter().map(|file| file.id).collect(), text.into());
        self.command(name, id, CustomerAction::Share { ids, files, taken, text, reply_to: None });
    }

    /// The outcome of fetching the latest link of an agent.
    pub(super) fn fetched(&mut self, outcome: Result<File, FetchError>) {
        let linked = |row: &&Arc<Row>| matches!(row.kind, RowKind::Linked { .. });
        let link = self.store.rows.iter().rev().find(linked).unwrap().clone();
        let (conversation, pos) = (link.conversation, link.pos);
        self.event(Event::Fetched { conversation, pos, outcome });
    }

    /// Sends a text, which determines the id.
    pub(super) fn says(&mut self, name: &str, text: &str) {
        let id = text.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
        self.says_as(name, &id, text);
    }

    /// Replies to an entry.
    pub(super) fn replies(&mut self, name: &str, id: &str, text: &str, seq: u64) {
        let (text, reply_to) = (text.into(), Some(Seq(seq)));
        self.command(name, id, CustomerAction::Message { text, reply_to });
    }

    /// Corrects the message with this id.
    pub(super) fn edits(&mut self, name: &str, id: &str, target: &str, text: &str) {
        let target = CommandId::new(target).unwrap();
        self.command(name, id, CustomerAction::Edit { target, text: text.into() });
    }

    pub(super) fn retracts(&mut self, name: &str, id: &str, target: &str) {
        let target = CommandId::new(target).unwrap();
        self.command(name, id, CustomerAction::Retract { target });
    }

    pub(super) fn reacts(&mut self, name: &str, id: &str, target: u64, emoji: &str) {
        let (target, emoji) = (Seq(target), emoji.into());
        self.command(name, id, CustomerAction::React { target, emoji });
    }

    pub(super) fn chooses(&mut self, name: &str, id: &str, of: u64, answer: Chosen) {
        self.command(name, id, CustomerAction::Choose { of: Seq(of), answer });
    }

    pub(super) fn rates(&mut self, name: &str, id: &str, score: u8) {
        self.command(name, id, CustomerAction::Rate { score, comment: Some("so".into()) });
    }

    pub(super) fn ends(&mut self, name: &str, id: &str) {
        self.command(name, id, CustomerAction::End);
    }

    pub(super) fn has_read(&mut self, name: &str, seq: u64) {
        self.does(name, CustomerContent::Read { seq: Seq(seq) });
    }

    pub(super) fn types(&mut self, name: &str) {
        self.does(name, CustomerContent::Typing { on: true });
    }

    pub(super) fn connects(&mut self, name: &str, online: bool) {
        let customer = self.customer(name);
        let node = NodeId(Uuid::from_u128(1));
        self.event(Event::Customer(CustomerEvent::Connected(CustomerConnection {
            customer,
            node,
            online,
            opened: online,
            page: None,
            signed_in: None,
        })));
    }

    // ---- agents ----

    /// The stream is lost and connected again, and these agents are heard from.
    pub(super) fn reconnects(&mut self, agents: &[&str]) {
        self.event(Event::LinkDown);
        self.event(Event::LinkUp);
        agents.iter().for_each(|name| self.is(name, Availability::Free));
    }

    pub(super) fn is(&mut self, agent: &str, availability: Availability) {
        self.is_at(agent, "desk", availability);
    }

    /// The same for one of their clients.
    pub(super) fn is_at(&mut self, agent: &str, resource: &str, availability: Availability) {
        let (agent, resource) = (jid(agent), resource.into());
        self.event(Event::Presence { agent, resource, availability });
    }

    pub(super) fn input(&mut self, agent: &str, customer: &str, id: &str, content: AgentContent) {
        self.input_at(agent, "desk", customer, id, content);
    }

    /// The same from one of their clients.
    pub(super) fn input_at(
        &mut self,
        agent: &str,
        resource: &str,
        customer: &str,
        id: &str,
        content: AgentContent,
    ) {
        // Receipts of commands are not requested in plays.
        let asks = !matches!(content, AgentContent::Command { .. });
        self.input_asking(agent, resource, customer, id, content, asks);
    }

    /// The same, with or without requesting a receipt.
    pub(super) fn input_asking(
        &mut self,
        agent: &str,
        resource: &str,
        customer: &str,
        id: &str,
        content: AgentContent,
        wants_receipt: bool,
    ) {
        let fresh = self.fresh();
        self.event(Event::Agent(Box::new(AgentInput {
            agent: jid(agent),
            resource: resource.into(),
            to: Peer::Customer(Localpart::new(customer).unwrap()),
            stanza: Some(id.into()),
            wants_receipt,
            fresh,
            by_form: false,
            content,
        })));
    }

    /// Sends a text to a customer; the text is also the stanza id.
    pub(super) fn answers(&mut self, agent: &str, customer: &str, text: &str) {
        self.answers_at(agent, "desk", customer, text);
    }

    /// The same from one of their clients.
    pub(super) fn answers_at(&mut self, agent: &str, resource: &str, customer: &str, text: &str) {
        let content = AgentContent::Text { text: text.into(), about: None };
        self.input_at(agent, resource, customer, text, content);
    }

    /// One of their clients has not responded for this long.
    pub(super) fn answers_nothing(&mut self, agent: &str, resource: &str, millis: i64) {
        let (agent, resource) = (jid(agent), resource.into());
        let since = self.now.plus(-millis);
        self.event(Event::Unanswering { agent, resource, since });
    }

    /// The server bounces a message to the customer's address.
    pub(super) fn bounces(&mut self, agent: &str, customer: &str, pos: Pos) {
        let customer = Localpart::new(customer).unwrap();
        self.event(Event::Bounced { agent: jid(agent), customer, pos });
    }

    /// Sends a text, also the stanza id, that refers to an earlier message.
    pub(super) fn answers_about(&mut self, agent: &str, customer: &str, text: &str, about: About) {
        let content = AgentContent::Text { text: text.into(), about: Some(Box::new(about)) };
        self.input(agent, customer, text, content);
    }

    pub(super) fn links(&mut self, agent: &str, customer: &str, id: &str, url: &str) {
        let content = AgentContent::Link { url: url.into() };
        self.input(agent, customer, id, content);
    }

    pub(super) fn corrects(&mut self, agent: &str, customer: &str, target: &str, text: &str) {
        self.answers_about(agent, customer, text, About::Corrects { target: target.into() });
    }

    pub(super) fn takes_back(&mut self, agent: &str, customer: &str, id: &str, target: &str) {
        let content = AgentContent::Retract { target: target.into() };
        self.input(agent, customer, id, content);
    }

    /// Gives a command, each time in another stanza.
    pub(super) fn orders(&mut self, agent: &str, customer: &str, command: AgentCommand) {
        let id = format!("order {}", self.fresh().0.as_u128());
        self.orders_as(agent, customer, &id, command);
    }

    pub(super) fn orders_as(
        &mut self,
        agent: &str,
        customer: &str,
        id: &str,
        command: AgentCommand,
    ) {
        self.input(agent, customer, id, ordered(command));
    }

    /// Their client has received the customer's message with this text.
    pub(super) fn received(&mut self, agent: &str, customer: &str, text: &str) {
        let pos = self.pos(text);
        self.input(agent, customer, "r", AgentContent::Received { pos });
    }

    /// Their client has received the end of the conversation closed last.
    pub(super) fn confirms_the_close(&mut self, agent: &str, customer: &str) {
        let closed = |row: &&Arc<Row>| matches!(row.kind, RowKind::Closed { .. });
        let pos = self.store.rows.iter().rev().find(closed).unwrap().pos;
        self.input(agent, customer, "r", AgentContent::Received { pos });
    }

    pub(super) fn displayed(&mut self, agent: &str, customer: &str, text: &str) {
        let pos = self.pos(text);
        self.input(agent, customer, "d", AgentContent::Displayed { pos });
    }

    /// The row of the last message with this text.
    pub(super) fn pos(&self, text: &str) -> Pos {
        let said =
            |row: &&Arc<Row>| matches!(&row.kind, RowKind::Message { text: t, .. } if **t == *text);
        self.store.rows.iter().rev().find(said).unwrap().pos
    }

    // ---- what reaches them ----

    /// What has reached somebody since the last call.
    pub(super) fn heard(&mut self, name: &str) -> Vec<String> {
        self.heard.remove(name).unwrap_or_default()
    }

    /// What has changed in an agent's roster since the last call.
    pub(super) fn contacts(&mut self, agent: &str) -> Vec<String> {
        self.contacts.remove(agent).unwrap_or_default()
    }

    /// Discards everything noted so far.
    pub(super) fn so_far(&mut self) {
        self.heard.clear();
        self.contacts.clear();
        self.asked.clear();
        self.left.clear();
    }

    fn name_of(&self, customer: CustomerId) -> String {
        self.store.customers[&customer].localpart.to_string()
    }

    fn hear(&mut self, effect: &Effect) {
        let (to, line) = match effect {
            Effect::Append(_) => return,
            Effect::Notify { customer, notice, .. } => {
                (self.name_of(*customer), notice_line(notice))
            }
            Effect::Answer { customer, answer, .. } => {
                (self.name_of(*customer), answer_line(answer))
            }
            Effect::Send(stanza) => (stanza.agent.to_string(), stanza_line(stanza)),
            Effect::Backlog(backlog) => (backlog.agent.to_string(), self.backlog_line(backlog)),
            Effect::Report(report) => match self.report_line(report) {
                Some(line) => (report.agent.to_string(), line),
                None => return,
            },
            Effect::Fetch(fetch) => ("fetcher".to_owned(), fetch.url.to_string()),
            Effect::Contact { agent, contact } => {
                let list = self.contacts.entry(agent.to_string()).or_default();
                return list.push(contact_line(contact));
            }
        };
        self.heard.entry(to).or_default().push(line);
    }

    /// What an agent is told from the store.
    fn report_line(&self, report: &Report) -> Option<String> {
        let Report { customer, conversation, settings, .. } = report;
        let notice = match &report.what {
            Reported::History { limit, asked } => {
                digest::history(self.store.past(*customer, *limit), settings, *asked)?
            }
            Reported::Summary { who } => {
                let digest = self.store.digest(*customer, *conversation);
                digest::summary((**who).clone(), digest, settings)
            }
        };
        Some(format!("{} {notice:?}", report.from))
    }

    fn backlog_line(&self, backlog: &Backlog) -> String {
        let words = self.read_backlog(backlog);
        let texts: Vec<String> = words.iter().map(|row| row_line(row)).collect();
        format!("{} so far: {}", backlog.from, texts.join(", "))
    }

    /// The rows of a backlog, as the store has them.
    pub(super) fn read_backlog(&self, backlog: &Backlog) -> Vec<Arc<Row>> {
        assert!(backlog.upto <= self.store.head(), "a backlog consists of stored rows");
        let wanted = |row: &&Arc<Row>| {
            row.pos > backlog.after
                && row.pos <= backlog.upto
                && backlog
                    .unconfirmed_above
                    .is_none_or(|seq| row.author == Author::Customer && row.seq > Some(seq))
        };
        let is_known = |row: &&Arc<Row>| match &row.kind {
            RowKind::NoteEdit { of, .. } => *of > backlog.after,
            RowKind::Note { text } => text.is_empty(),
            _ => false,
        };
        let rows = self.store.messages(backlog.conversation).filter(wanted);
        rows.filter(|row| !is_known(row)).cloned().collect()
    }
}

/// A command, with any text.
pub(super) fn ordered(command: AgentCommand) -> AgentContent {
    AgentContent::Command { command, said: "!".into(), corrects: None }
}

fn named(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    for (byte, letter) in bytes.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    Uuid::from_bytes(bytes)
}

/// A file whose name determines its id.
pub(super) fn file(name: &str) -> File {
    File {
        id: FileId(named(name)),
        key: FileKey([1; 16]),
        name: name.into(),
        media_type: "image/png".into(),
        size: 1,
    }
}

fn row_line(row: &Row) -> String {
    let who = match &row.author {
        Author::Customer => "customer".to_owned(),
        Author::Agent { name, .. } => name.to_string(),
        Author::System => "desk".to_owned(),
    };
    match &row.kind {
        RowKind::Message { text, .. } => format!("{who} {text:?}"),
        RowKind::Files { files, text, .. } => {
            let names: Vec<&str> = files.iter().map(|file| &*file.name).collect();
            format!("{who} {text:?} with {}", names.join(", "))
        }
        RowKind::Edit { target, text } => format!("{who} edits {}: {text:?}", target.seq.0),
        RowKind::Retract { target } => format!("{who} takes back {}", target.seq.0),
        RowKind::Reaction { target, emoji } => format!("{who} {emoji:?} at {}", target.seq.0),
        RowKind::Asked { text, .. } => format!("{who} asks {text:?}"),
        RowKind::Choice { of, text } => format!("{who} answers {}: {text:?}", of.0),
        RowKind::Rated { score, .. } => format!("{who} rates {score}"),
        RowKind::Closed { reason } => format!("closed: {reason:?}"),
        RowKind::Requeued { reason: RequeueReason::Unanswered, .. } => "lost, unanswered".into(),
        RowKind::Requeued { .. } => "passed on".to_owned(),
        RowKind::Note { text } => format!("note by {who}: {text:?}"),
        RowKind::NoteEdit { text, .. } => format!("note by {who} is now: {text:?}"),
        RowKind::Reminded => "still there?".to_owned(),
        RowKind::Prompted { waited_ms } => format!("waits for an answer, {}", waited_ms / SECOND),
        RowKind::Joined => format!("{who} joined"),
        RowKind::Left => format!("{who} left"),
        RowKind::Handing { note, .. } => format!("{who} asks to take over {note:?}"),
        RowKind::HandedBack { agent, reason, .. } => {
            format!("{agent} does not take it: {reason:?}")
        }
        RowKind::Transferred { .. } => format!("{who} took over"),
        kind => format!("{who} {kind:?}"),
    }
}

fn notice_line(notice: &CustomerNotice) -> String {
    match notice {
        CustomerNotice::Entry(row) => format!("{} {}", row.seq.unwrap().0, row_line(row)),
        CustomerNotice::State(state) => match &state.phase {
            Phase::Waiting { position: Some(position), .. } => format!("waiting {position}"),
            Phase::Waiting { open_at: Some(at), .. } => {
                format!("waiting, open at {}", (at.0 - 1_700_000_000_000) / SECOND)
            }
            Phase::Waiting { position: None, .. } => "waiting".to_owned(),
            Phase::Active { agent } => format!("active with {agent}"),
            Phase::Closed { reason } => format!("closed: {reason:?}"),
        },
        CustomerNotice::Receipt { delivered, read, .. } => {
            format!("delivered {} read {}", delivered.0, read.0)
        }
        CustomerNotice::Elsewhere => "elsewhere".to_owned(),
        CustomerNotice::Typing { on, name } => format!("{name} types: {on}"),
    }
}

fn answer_line(answer: &Answer) -> String {
    match answer {
        Answer::Ack { id, acked } => match acked.seq {
            Some(seq) => format!("ack {id} as {}", seq.0),
            None => format!("ack {id}"),
        },
        Answer::Refused { id, error } => {
            format!("refused {}: {error:?}", id.as_ref().map_or("?", CommandId::as_str))
        }
    }
}

fn stanza_line(stanza: &ToAgent) -> String {
    let from = match &stanza.from {
        Peer::Customer(localpart) => localpart.as_str(),
        Peer::Desk(tenant) => tenant.as_str(),
    };
    let what = match &stanza.content {
        ToAgentContent::Row { row, .. } => row_line(row),
        ToAgentContent::Notice(Notice::Waiting { .. }) => "waits".to_owned(),
        ToAgentContent::Notice(line) => format!("{line:?}"),
        ToAgentContent::Result { stanza, notice } => format!("result of {stanza:?}: {notice:?}"),
        ToAgentContent::Menu { stanza, menu } => {
            let words = menu.commands().map(|spec| spec.word).collect::<Vec<_>>().join(" ");
            format!("menu of {stanza:?}: {words}")
        }
        ToAgentContent::Typing { on } => format!("types: {on}"),
        ToAgentContent::Received { stanza } => format!("received {stanza:?}"),
        ToAgentContent::Displayed { stanza } => format!("shown {stanza:?}"),
        ToAgentContent::Refused { refusal, .. } => match refusal {
            AgentRefusal::Taken { by } => format!("refused: taken by {by}"),
            refusal => format!("refused: {refusal:?}"),
        },
    };
    format!("{from} {what}")
}

fn contact_line(contact: &Contact) -> String {
    match contact {
        Contact::Shown { customer, presence, .. } => {
            let how = match presence {
                ContactPresence::Online(_) => "online",
                ContactPresence::Away => "away",
                ContactPresence::Offline => "offline",
            };
            format!("+ {} {how}", customer.localpart)
        }
        Contact::Removed { localpart } => format!("- {localpart}"),
        Contact::Desk { tenant, .. } => format!("+ desk of {tenant}"),
    }
}
