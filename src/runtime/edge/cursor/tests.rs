//! Random histories: events that are lost, late or doubled, over a store that returns small pages.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::chat::ids::{CustomerId, Pos, TenantKey, Timestamp};
use crate::chat::model::CloseReason;
use crate::chat::row::{Author, CommandKey};

const SESSION: SessionId = SessionId(Uuid::from_u128(1));

fn id(number: usize) -> ConversationId {
    ConversationId(Uuid::from_u128(100 + number as u128))
}

/// What happens, and what the socket hears of it.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody writes; `own` through this socket.
    Entry {
        own: bool,
        heard: Heard,
    },
    /// The conversation ends, and the next entry begins another.
    Close {
        heard: Heard,
    },
    /// The head of the latest conversation is repeated.
    Head,
    /// An entry that was sent before comes once more.
    Again(prop::sample::Index),
    NewOwner,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Heard {
    Yes,
    No,
    Twice,
    /// As an ack without its entry.
    Ack,
}

fn heard() -> impl Strategy<Value = Heard> {
    prop_oneof![Just(Heard::Yes), Just(Heard::No), Just(Heard::Twice), Just(Heard::Ack)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), heard()).prop_map(|(own, heard)| Step::Entry { own, heard }),
        1 => heard().prop_map(|heard| Step::Close { heard }),
        1 => Just(Step::Head),
        2 => any::<prop::sample::Index>().prop_map(Step::Again),
        1 => Just(Step::NewOwner),
    ]
}

/// The store, the socket, and what was sent through it.
struct Play {
    conversations: Vec<Vec<Arc<Row>>>,
    page: usize,
    cursor: Cursor,
    sent: Vec<(ConversationId, Seq)>,
    acked: Vec<CommandId>,
    own: Vec<CommandId>,
}

impl Play {
    fn new(page: usize) -> Self {
        let (cursor, conversations) = (Cursor::new(SESSION), vec![Vec::new()]);
        Self { conversations, page, cursor, sent: Vec::new(), acked: Vec::new(), own: Vec::new() }
    }

    fn add(&mut self, own: bool, kind: RowKind) -> Arc<Row> {
        let number = self.conversations.len() - 1;
        let seq = Seq(self.conversations[number].len() as u64 + 1);
        let command = CommandId::new(&format!("c{number}-{}", seq.0)).unwrap();
        if own {
            self.cursor.start_pending(command.clone());
            self.own.push(command.clone());
        }
        let row = Arc::new(Row {
            pos: Pos(0),
            tenant: TenantKey::new("acme").unwrap(),
            conversation: id(number),
            customer: CustomerId(Uuid::nil()),
            seq: Some(seq),
            at: Timestamp(0),
            author: Author::Customer,
            key: own.then_some(CommandKey { session: SESSION, id: command }),
            stanza: None,
            kind,
            recipients: Vec::new(),
        });
        self.conversations[number].push(row.clone());
        row
    }

    fn tell(&mut self, row: &Arc<Row>, heard: Heard) {
        let entry = || SocketEvent::Notice(CustomerNotice::Entry(row.clone()));
        match (heard, &row.key) {
            (Heard::No, _) => {}
            (Heard::Ack, Some(key)) => {
                let acked = Acked { conversation: row.conversation, seq: row.seq, at: row.at };
                self.event(SocketEvent::Answer(Answer::Ack { id: key.id.clone(), acked }));
            }
            (Heard::Yes | Heard::Ack, _) => self.event(entry()),
            (Heard::Twice, _) => {
                self.event(entry());
                self.event(entry());
            }
        }
    }

    fn event(&mut self, event: SocketEvent) {
        self.cursor.on_event(event);
        let mut reads = 0;
        while let Some(need) = self.cursor.need() {
            reads += 1;
            assert!(reads < 1_000, "it reads for ever");
            match need {
                Need::Page(conversation, after) => {
                    let all = self.conversations.iter().flatten();
                    let later = all.filter(|row| {
                        row.conversation == conversation && row.seq.is_some_and(|seq| seq > after)
                    });
                    let mut rows: Vec<_> = later.cloned().collect();
                    let more = rows.len() > self.page;
                    rows.truncate(self.page);
                    self.cursor.page((conversation, after), Page { rows, more });
                }
                Need::IsLater(one, other) => self.cursor.is_later(one, Some(one.0 > other.0)),
            }
        }
        while let Some(outbound) = self.cursor.pop() {
            match outbound {
                Outbound::Notice(CustomerNotice::Entry(row)) => {
                    self.sent.push((row.conversation, row.seq.unwrap()));
                }
                Outbound::Answer(Answer::Ack { id, acked }) => {
                    // An ack of an entry that was given already comes alone.
                    if acked.seq.is_some_and(|seq| !self.sent.contains(&(acked.conversation, seq)))
                    {
                        self.sent.push((acked.conversation, acked.seq.unwrap()));
                    }
                    self.acked.push(id);
                }
                _ => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn every_entry_is_given_once_and_in_order(
        steps in prop::collection::vec(step(), 1..60),
        page in 1..4_usize,
    ) {
        let mut play = Play::new(page);
        for step in steps {
            match step {
                Step::Entry { own, heard } => {
                    let kind = RowKind::Message { text: "a".into(), reply_to: None };
                    let row = play.add(own, kind);
                    play.tell(&row, heard);
                }
                Step::Close { heard } => {
                    if play.conversations.last().is_some_and(|rows| !rows.is_empty()) {
                        let row = play.add(false, RowKind::Closed { reason: CloseReason::Idle });
                        play.tell(&row, heard);
                        play.conversations.push(Vec::new());
                    }
                }
                Step::Head => {
                    let latest = play.conversations.iter().flatten().last().cloned();
                    if let Some(row) = latest {
                        let (conversation, seq) = (row.conversation, row.seq.unwrap());
                        play.event(SocketEvent::Head { conversation, seq });
                    }
                }
                Step::Again(index) => {
                    let rows: Vec<_> = play.conversations.iter().flatten().cloned().collect();
                    if !rows.is_empty() {
                        play.tell(index.get(&rows), Heard::Yes);
                    }
                }
                Step::NewOwner => play.event(SocketEvent::NewOwner),
            }
        }
        let Some(last) = play.conversations.iter().flatten().last().cloned() else { return Ok(()) };
        let (conversation, seq) = (last.conversation, last.seq.unwrap());
        play.event(SocketEvent::Head { conversation, seq });

        // Each conversation that was given is given whole, and a later one follows an earlier one.
        let mut given: Vec<ConversationId> = play.sent.iter().map(|(id, _)| *id).collect();
        given.dedup();
        prop_assert!(given.is_sorted(), "{given:?}");
        prop_assert_eq!(given.last(), Some(&conversation));
        for one in given {
            let rows = play.conversations.iter().flatten().filter(|row| row.conversation == one);
            let expected: Vec<_> = rows.map(|row| (one, row.seq.unwrap())).collect();
            let sent: Vec<_> = play.sent.iter().copied().filter(|(id, _)| *id == one).collect();
            prop_assert_eq!(sent, expected);
        }
        // Commands of conversations that were given are acknowledged, each once.
        let mut acked = play.acked.clone();
        acked.sort_unstable();
        acked.dedup();
        prop_assert_eq!(acked.len(), play.acked.len(), "twice: {:?}", play.acked);
        for command in &play.own {
            let (number, _) = command.as_str()[1..].split_once('-').unwrap();
            let was_given = play.sent.iter().any(|(one, _)| *one == id(number.parse().unwrap()));
            prop_assert!(!was_given || play.acked.contains(command), "{command}");
        }
    }
}
