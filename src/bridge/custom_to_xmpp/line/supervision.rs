//! What supervisors read, and what agents read about them.
//!
//! Invariants: every line of a person's message that a supervisor reads along names who speaks, and
//! customers are named as customers; a board has at most [`BOARD_LINES`] lines of [`COLUMNS`]
//! characters, and no columns: phones show proportional type.

use super::words::{asked, customer_name};
use crate::bridge::custom_to_xmpp::piece::{cut, marked, or_names, piece, span};
use crate::bridge::mark;
use crate::chat::event::Peer;
use crate::chat::ids::Timestamp;
use crate::chat::row::{Author, Row, RowKind};
use crate::chat::supervision::{
    BOARD_LINES, BOARD_QUEUES, Board, BoardLine, BoardQueue, BoardState, Change, CustomerName,
    Supervision,
};

/// The longest line of a board, in characters.
const COLUMNS: usize = 60;
/// The longest name on a board, in characters.
const NAME: usize = 16;
/// How customers are told apart from agents.
const CUSTOMER: &str = " (customer)";

pub(super) fn supervision(said: &Supervision, peer: &Peer, now: Timestamp) -> String {
    match said {
        Supervision::Overheard { row, name } => overheard(row, name.as_deref(), peer),
        Supervision::Watching { name, by, again } => {
            let who = customer_name(name.as_deref(), peer);
            let served = by.as_deref().map_or_else(
                || "nobody serves them yet".to_owned(),
                |by| format!("served by {}", piece(by)),
            );
            let still = if *again { "You still watch" } else { "You watch" };
            let missed =
                if *again { " What was said while you were offline is not shown." } else { "" };
            marked(&format!(
                "{still} {who}, {served}.{missed} What you write is whispered to the agent; \
                 !say speaks to the customer, !take takes over, !unwatch ends it."
            ))
        }
        Supervision::Unwatched => marked("You no longer watch this conversation."),
        Supervision::Taken => {
            marked("This conversation is yours. The customer sees what you write.")
        }
        Supervision::Said => marked("Sent to the customer under your name"),
        Supervision::Board(board) => self::board(board),
        Supervision::Moved { who, to, is_queue: true } => {
            marked(&format!("{} waits in {} now", named(who), piece(to)))
        }
        Supervision::Moved { who, to, is_queue: false } => {
            marked(&format!("{} is offered to {}", named(who), piece(to)))
        }
        Supervision::Closed { who } => {
            marked(&format!("You closed the conversation with {}", named(who)))
        }
        Supervision::Changed { agent, by, what } => {
            let words = change(what, now);
            let line = match by {
                Some(by) => format!("{} set for you: {words}", piece(by)),
                None => format!("{}: {words}", piece(agent)),
            };
            marked(&line)
        }
    }
}

fn named(who: &CustomerName) -> String {
    customer_name(who.name.as_deref(), &Peer::Customer(who.localpart.clone()))
}

fn change(what: &Change, now: Timestamp) -> String {
    match what {
        Change::Away { until } => {
            format!("away, no new customers for {} or until back", span(until.since(now)))
        }
        Change::Back => "back, gets new customers".to_owned(),
        Change::Capacity(number) => format!("capacity {number}"),
        Change::DefaultCapacity(number) => format!("capacity {number}, as in the settings"),
        Change::Serves { queue } => format!("serves {}", piece(queue)),
        Change::ServesNot { queue } => format!("no longer serves {}", piece(queue)),
    }
}

/// What was said, each line with who says it.
fn overheard(row: &Row, name: Option<&str>, peer: &Peer) -> String {
    let who = match &row.author {
        Author::Agent { name, .. } => piece(name),
        Author::Customer => {
            let name = customer_name(name, peer);
            if name.ends_with(CUSTOMER) { name } else { format!("{name}{CUSTOMER}") }
        }
        Author::System => "The desk".to_owned(),
    };
    match &row.kind {
        RowKind::Joined => marked(&format!("{who} took this conversation")),
        RowKind::Transferred { .. } => marked(&format!("{who} took this conversation over")),
        RowKind::Left => marked(&format!("{who} left this conversation")),
        RowKind::Closed { .. } => {
            marked(&format!("{who} ended this conversation. You no longer watch."))
        }
        RowKind::Retract { .. } => marked(&format!("{who} deleted a message")),
        RowKind::Edit { text, .. } => mark::mirrored(&format!("{who} corrects"), text),
        RowKind::Asked { text, offers } => mark::mirrored(&who, &asked(text, offers)),
        RowKind::Files { files, text, .. } => mark::mirrored(&who, &or_names(text, files)),
        kind => mark::mirrored(&who, kind.words().map_or("", |text| text)),
    }
}

fn board(board: &Board) -> String {
    let mut lines: Vec<String> = board.queues.iter().take(BOARD_QUEUES).map(queue).collect();
    let others = board.queues.iter().skip(BOARD_QUEUES);
    let waiting: u32 = others.clone().map(|queue| queue.waiting).sum();
    match others.count() {
        0 => {}
        many => lines.push(format!("{many} more queues: {waiting} wait")),
    }
    if board.conversations.is_empty() {
        lines.push("No conversation is open".to_owned());
    }
    lines.extend(board.conversations.iter().zip(1..).map(|(line, at)| conversation(at, line)));
    if board.more > 0 {
        lines.push(format!("and {} more", board.more));
    }
    let lines = lines.into_iter().take(BOARD_LINES);
    lines.map(|line| cut(&marked(&line), COLUMNS)).collect::<Vec<_>>().join("\n")
}

fn queue(queue: &BoardQueue) -> String {
    let BoardQueue { name, waiting, longest_ms, busy, room } = queue;
    let wait = match waiting {
        0 => "nobody waits".to_owned(),
        1 => format!("1 waits · {}", span(*longest_ms)),
        many => format!("{many} wait · {}", span(*longest_ms)),
    };
    format!("{} {wait} · {busy}/{room} busy", short(name))
}

fn conversation(number: usize, line: &BoardLine) -> String {
    let who = short(&named(&line.who));
    match &line.state {
        BoardState::Waiting { ms, late: true } => {
            format!("{number} over time {} · {who} · {}", span(*ms), short(&line.queue))
        }
        BoardState::Waiting { ms, late: false } => {
            format!("{number} waits {} · {who} · {}", span(*ms), short(&line.queue))
        }
        BoardState::Served { agent, quiet_ms } => {
            format!("{number} {} – {who} · quiet {}", short(agent), span(*quiet_ms))
        }
    }
}

fn short(name: &str) -> String {
    cut(&piece(name), NAME)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::chat::ids::{ConversationId, CustomerId, Localpart, Pos, Seq, TenantKey};

    fn line(state: BoardState) -> BoardLine {
        let who = CustomerName {
            name: Some("A very long name\n⚙ of somebody".into()),
            localpart: Localpart::new("k3f9x2").unwrap(),
        };
        let queue = "A queue with a long name indeed".into();
        BoardLine { id: ConversationId(Uuid::nil()), who, queue, state }
    }

    #[test]
    fn a_board_is_twelve_lines_of_sixty_characters() {
        let name: Arc<str> = "Sales".into();
        let queue = |waiting| BoardQueue {
            name: name.clone(),
            waiting,
            longest_ms: 240_000,
            busy: 5,
            room: 12,
        };
        let mut shown = Board {
            queues: vec![queue(3), queue(0)],
            conversations: vec![
                line(BoardState::Waiting { ms: 7_260_000, late: true }),
                line(BoardState::Waiting { ms: 60_000, late: false }),
                line(BoardState::Served { agent: "Bob".into(), quiet_ms: 60_000 }),
            ],
            more: 0,
        };
        let said = board(&shown);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "⚙ Sales 3 wait · 4 min · 5/12 busy");
        assert_eq!(lines[1], "⚙ Sales nobody waits · 5/12 busy");
        assert!(lines[2].starts_with("⚙ 1 over time 2 h 1 min · A very long"), "{said}");
        assert!(lines[4].starts_with("⚙ 3 Bob – A very long"), "{said}");
        shown.queues = (0..20).map(queue).collect();
        shown.conversations = vec![line(BoardState::Waiting { ms: 7_260_000, late: true }); 30];
        shown.more = 99;
        let said = board(&shown);
        assert!(said.lines().count() <= BOARD_LINES, "{said}");
        assert!(said.lines().all(|line| line.chars().count() <= COLUMNS), "{said}");
        assert!(said.lines().all(|line| line.starts_with("⚙ ")), "{said}");
    }

    #[test]
    fn every_line_that_is_overheard_names_who_speaks() {
        let peer = Peer::Customer(Localpart::new("k3f9x2").unwrap());
        let row = Row {
            pos: Pos(1),
            tenant: TenantKey::new("acme").unwrap(),
            conversation: ConversationId(Uuid::nil()),
            customer: CustomerId(Uuid::nil()),
            seq: Some(Seq(1)),
            at: Timestamp(0),
            author: Author::Customer,
            key: None,
            stanza: None,
            recipients: Vec::new(),
            kind: RowKind::Message { text: "Hello\n⚙ Bob: yes".into(), reply_to: None },
        };
        let said = overheard(&row, Some("Ann"), &peer);
        assert_eq!(said, "⚙ Ann (customer): Hello\n⚙ Ann (customer): ⚙ Bob: yes");
        assert_eq!(
            overheard(&row, Some("Carol whispers"), &peer).lines().next(),
            Some("⚙ Carol whispers (customer): Hello")
        );
    }
}
