//! Writes the desk's notices to agents.
//!
//! Invariants: every line begins with `⚙ `, and so does every line of one person's message that is
//! repeated for another ([`mark`]); what a person wrote is put into a notice only as one line,
//! without controls and cut to a length. A notice is one line if possible, and 80 columns if they
//! suffice.

mod about;
mod help;
mod hours;
mod silence;
mod supervision;
mod why;
mod words;

use std::borrow::Cow;
use std::sync::Arc;

use super::canned;
use super::hand_over;
use super::macros;
use super::piece::{NAME, cut, marked, or_names, piece, span};
use super::reaction;
use crate::bridge::{clean, mark};
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, Localpart, Timestamp};
use crate::chat::model::CloseReason;
use crate::chat::notice::Notice;
use crate::chat::row::{Author, FetchError, RequeueReason, Row, RowKind};

pub use self::words::customer_name;
use self::words::{asked, times};

/// The assumed width of a terminal.
const COLUMNS: usize = 80;

/// How many answers of the form before the conversation are shown.
const ANSWERS: usize = 20;

/// The longest part of a rating's comment that is shown, in characters: all of it.
const COMMENT_CHARS: usize = 1_000;

/// The text of a notice.
pub fn line(line: &Notice, peer: &Peer, now: Timestamp) -> String {
    match line {
        Notice::Waiting { name, queue, waited_ms, page, conversations, subject, .. } => {
            let who = customer_name(name.as_deref(), peer);
            let mut parts = vec![format!("{who} is waiting ({})", place(queue, *waited_ms))];
            parts.extend(subject.as_deref().map(|subject| format!("“{}”", piece(subject))));
            joined(parts, page.as_deref(), visit(*conversations))
        }
        Notice::Closed { reason: CloseReason::Agent } => marked("You closed the conversation"),
        Notice::Closed { reason } => marked(closed(*reason)),
        Notice::Asked => marked("Question sent"),
        Notice::Done { text } => marked(text),
        Notice::Canned(told) => canned::line(told),
        Notice::Macro(told) => macros::line(told),
        Notice::Reopened => marked("New conversation started. The customer sees what you write."),
        Notice::Interrupted { from, to } => marked(&format!(
            "Connection lost {} ({}). If a message from then has no ✓, please send it again.",
            times(*from, *to),
            span(to.since(*from))
        )),
        Notice::Help { in_chat, supervisor } => help::help(*in_chat, *supervisor),
        Notice::Supervision(said) => supervision::supervision(said, peer, now),
        Notice::Who { name, open, agent, online, page, conversations, priority, tags, answers } => {
            let who = customer_name(name.as_deref(), peer);
            let state = if *online { "online" } else { "not online" };
            let where_ = open.as_ref().map_or_else(
                || "no conversation open".to_owned(),
                |(queue, since)| format!("{}, open for {}", piece(queue), span(now.since(*since))),
            );
            let mut parts = vec![who, state.to_owned(), where_];
            parts.extend(agent.as_deref().map(|agent| format!("with {}", piece(agent))));
            parts.extend(about::marks(tags, *priority));
            let head = joined(parts, page.as_deref(), visit(*conversations));
            [head].into_iter().chain(answered(answers)).collect::<Vec<_>>().join("\n")
        }
        Notice::Summary { who, past, answers, last } => {
            about::summary(self::line(who, peer, now), past.as_deref(), answers, last)
        }
        Notice::History { lines, asked } => about::history(lines, *asked),
        Notice::Why { queue, strategy, stage, priority, agents, others } => {
            let (strategy, priority) = (*strategy, *priority);
            why::why(&why::Why { queue, strategy, stage, priority, agents, others })
        }
        Notice::Tags { tags, of_tenant } => about::tags(tags, of_tenant),
        Notice::Priority { word } => marked(&format!("Priority: {word}")),
        Notice::SignedIn { name, known_as, conversations } => {
            signed_in(name.as_deref(), known_as.as_ref(), *conversations)
        }
        Notice::Storage { works: false } => marked(
            "We can't save messages right now. Customers have been asked to wait; \
             anything with a ✓ is safe.",
        ),
        Notice::Storage { works: true } => marked("Messages are being saved again."),
        Notice::Closing { queue, in_ms, waiting } => {
            marked(&hours::closing(&piece(queue), *in_ms, *waiting))
        }
        Notice::Status { queues, agents } => {
            let waiting = queues.iter().map(|(name, count, first_ms)| match count {
                0 => marked(&format!("{}: nobody waiting", piece(name))),
                1 => marked(&format!("{}: 1 waiting, {}", piece(name), span(*first_ms))),
                _ => marked(&format!(
                    "{}: {count} waiting, longest {}",
                    piece(name),
                    span(*first_ms)
                )),
            });
            let serving = agents.iter().map(|(name, availability, held, capacity)| {
                marked(&format!("{}: {availability}, {held} of {capacity} chats", piece(name)))
            });
            waiting.chain(serving).collect::<Vec<_>>().join("\n")
        }
    }
}

fn signed_in(name: Option<&str>, known_as: Option<&Localpart>, conversations: u32) -> String {
    let who = name.map_or_else(String::new, |name| format!(" as {}", piece(name)));
    let before = match (known_as, conversations) {
        (None, _) => String::new(),
        (Some(address), 1) => format!("; 1 earlier conversation as {address}"),
        (Some(address), many) => format!("; {many} earlier conversations as {address}"),
    };
    marked(&format!("The customer signed in{who}{before}"))
}

/// A row of the log as this agent reads it; none for rows without a text for agents.
pub fn row<'r>(row: &'r Row, reader: &AgentJid) -> Option<Cow<'r, str>> {
    let line = match (&row.kind, &row.author) {
        (RowKind::Retract { .. }, author) | (RowKind::Message { .. }, author)
            if row.kind.words().is_none_or(|text| text.is_empty()) =>
        {
            marked(&deleted(author))
        }
        (RowKind::Files { files, text, .. }, author) if files.is_empty() && text.is_empty() => {
            marked(&deleted(author))
        }
        (RowKind::Note { text } | RowKind::NoteEdit { text, .. }, Author::Agent { name, .. }) => {
            note(name, text)
        }
        (RowKind::Asked { text, offers }, author) => repeated(author, &asked(text, offers)),
        (RowKind::Files { files, text, .. }, author) => repeated(author, &or_names(text, files)),
        (RowKind::Unfetched { why, .. }, _) => marked(&unfetched(*why)),
        (
            RowKind::Message { text, .. }
            | RowKind::Edit { text, .. }
            | RowKind::Choice { text, .. },
            Author::Customer,
        ) => return Some(mark::for_agent(text)),
        (RowKind::Message { text, .. } | RowKind::Edit { text, .. }, author) => {
            repeated(author, text)
        }
        (RowKind::Reaction { emoji, .. }, author) => {
            let who = match author {
                Author::Agent { name, .. } => piece(name),
                Author::Customer | Author::System => "The customer".to_owned(),
            };
            reaction::line(&who, emoji, None)
        }
        (RowKind::Rated { score, comment }, _) => marked(&rated(*score, comment.as_deref())),
        (RowKind::Whisper { text }, Author::Agent { name, .. }) => {
            mark::mirrored(&format!("{} whispers", piece(name)), text)
        }
        (RowKind::Joined, Author::Agent { name, .. }) => {
            marked(&format!("{} took this conversation", piece(name)))
        }
        (RowKind::Transferred { from }, author) => {
            marked(&hand_over::taken(author, reader == from))
        }
        (RowKind::Handing { note, customer }, author) => {
            marked(&hand_over::asked(author, customer.as_deref(), note))
        }
        (RowKind::HandedBack { agent, reason, why }, _) => {
            marked(&hand_over::back(agent, *reason, why, reader == agent))
        }
        (RowKind::Left, _) => marked(
            "This conversation is no longer yours (you were offline). \
             The customer won't see what you write here.",
        ),
        (RowKind::Requeued { reason, .. }, _) => marked(passed_on(*reason)),
        (RowKind::Prompted { waited_ms }, _) => marked(&silence::waits(&span(*waited_ms))),
        (RowKind::Closed { reason: CloseReason::Agent }, author) => {
            marked(&closed_by(author, reader))
        }
        (RowKind::Closed { reason }, _) => marked(closed(*reason)),
        (RowKind::Opened { answers }, _) => {
            let lines = answered(answers).collect::<Vec<_>>();
            return (!lines.is_empty()).then(|| lines.join("\n").into());
        }
        _ => return None,
    };
    Some(Cow::Owned(line))
}

/// A person's text, as others read it.
fn repeated(author: &Author, words: &str) -> String {
    match author {
        Author::Agent { name, .. } => mark::mirrored(&piece(name), words),
        Author::Customer => mark::for_agent(words).into_owned(),
        Author::System => marked(&piece(words)),
    }
}

/// A note, with its author at each line of it.
fn note(author: &str, text: &str) -> String {
    match text {
        "" => marked(&format!("{} deleted a note", piece(author))),
        text => mark::mirrored(&format!("Note by {}", piece(author)), text),
    }
}

fn rated(score: u8, comment: Option<&str>) -> String {
    match comment.map(|comment| cut(&clean::line(comment), COMMENT_CHARS)) {
        Some(words) if !words.is_empty() => {
            format!("The customer rated the conversation {score} of 5: “{words}”")
        }
        _ => format!("The customer rated the conversation {score} of 5"),
    }
}

fn unfetched(why: FetchError) -> String {
    let why = match why {
        FetchError::Off => "files are switched off here".to_owned(),
        FetchError::Forbidden => {
            "files are only taken from your own server; send it as an upload".to_owned()
        }
        FetchError::TooLarge(bytes) => format!("it is too large; at most {} MB", megabytes(bytes)),
        FetchError::WrongType => "files of this type are not sent to customers".to_owned(),
        FetchError::Slow => "your server was too slow; send it again".to_owned(),
        FetchError::Broken => {
            "it couldn't be downloaded from your server; send it again".to_owned()
        }
        FetchError::NotKept => "it couldn't be saved; send it again later".to_owned(),
        FetchError::Ended => "the conversation had already ended".to_owned(),
    };
    format!("Your file did not reach the customer: {why}")
}

/// With tenths below 10.
fn megabytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1024 * 1024);
    match (tenths / 10, tenths % 10) {
        (whole, part) if whole < 10 && part > 0 => format!("{whole}.{part}"),
        (whole, _) => whole.to_string(),
    }
}

/// Replaces the text of a deleted message.
fn deleted(author: &Author) -> String {
    match author {
        Author::Customer => "The customer deleted a message".to_owned(),
        Author::Agent { name, .. } => format!("{} deleted a message", piece(name)),
        Author::System => "A message was deleted".to_owned(),
    }
}

/// Why an agent is no longer offered a customer.
fn passed_on(reason: RequeueReason) -> &'static str {
    match reason {
        RequeueReason::Silent => "You didn't answer in time – passed to a colleague",
        RequeueReason::Gone => "You went offline – passed to a colleague",
        RequeueReason::Bounced => "Your server couldn't deliver to you – passed to a colleague",
        RequeueReason::Removed => "You no longer serve here – passed to a colleague",
        RequeueReason::Declined => "Declined – passed to a colleague",
        RequeueReason::Withdrawn => "Passed to a colleague",
        RequeueReason::Given => "You passed this conversation on",
        RequeueReason::Moved => {
            "A supervisor moved this customer – what you write here no longer reaches them"
        }
        RequeueReason::Unanswered => silence::LOST,
    }
}

fn closed(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Customer => "The customer ended the conversation",
        CloseReason::Agent => "The conversation is closed",
        CloseReason::Full => "This conversation is long: it goes on in a new one",
        CloseReason::Operator => "Closed by the operator",
        CloseReason::Idle => "Closed: no messages for a while",
    }
}

/// Names the agent who closed it: a supervisor may close another agent's conversation.
fn closed_by(author: &Author, reader: &AgentJid) -> String {
    match author {
        Author::Agent { jid, .. } if jid == reader => "You closed the conversation".to_owned(),
        Author::Agent { name, .. } => format!("{} closed the conversation", piece(name)),
        Author::Customer | Author::System => closed(CloseReason::Agent).to_owned(),
    }
}

/// What the customer filled in earlier, without the name, which is shown elsewhere.
fn answered(answers: &[(Arc<str>, Arc<str>)]) -> impl Iterator<Item = String> {
    let told = answers.iter().filter(|(question, _)| **question != *NAME);
    told.take(ANSWERS)
        .map(|(question, answer)| marked(&format!("{}: {}", piece(question), piece(answer))))
}

/// The parts on one line, with the page cut to the space that is left.
fn joined(mut parts: Vec<String>, page: Option<&str>, visit: Option<String>) -> String {
    if let Some(page) = page {
        let taken = parts.iter().chain(&visit).map(|part| part.chars().count() + 3).sum::<usize>();
        let room = COLUMNS.saturating_sub(taken + 5).max(10);
        parts.push(short_page(page, room));
    }
    parts.extend(visit);
    marked(&parts.join(" · "))
}

/// A page in this many characters. If it does not fit, only the path, which says more than the
/// host; of a long path, only the end.
fn short_page(page: &str, room: usize) -> String {
    let page = clean::line(page);
    let page = page.split_once("://").map_or(&*page, |(_, rest)| rest).trim_end_matches('/');
    let length = page.chars().count();
    if length <= room {
        return page.to_owned();
    }
    let path = page.find('/').and_then(|at| page.get(at..)).unwrap_or(page);
    let length = path.chars().count();
    let left_out = (length + 1).saturating_sub(room);
    let end = path.chars().skip(if length < room { 0 } else { left_out });
    ['…'].into_iter().chain(end).collect()
}

/// The queue's name and, from 10 seconds on, the time waited.
fn place(queue: &str, waited_ms: i64) -> String {
    if waited_ms < 10_000 { piece(queue) } else { format!("{}, {}", piece(queue), span(waited_ms)) }
}

/// The number of the conversation with the customer; none for the first.
fn visit(conversations: u32) -> Option<String> {
    (conversations > 1).then(|| format!("{conversations}{} conversation", suffix(conversations)))
}

fn suffix(number: u32) -> &'static str {
    match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests;
