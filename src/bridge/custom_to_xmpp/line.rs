//! How the desk speaks to agents.
//!
//! Invariants: every line begins with `⚙ `, nobody else's words do; what a person wrote stands in
//! a line only as one line, cut to a length. One line where one will do, 80 columns where it fits.

use std::borrow::Cow;
use std::sync::Arc;

use crate::bridge::agent_command::WORDS;
use crate::bridge::clean;
use crate::chat::effect::Line;
use crate::chat::event::Peer;
use crate::chat::ids::{Localpart, Timestamp};
use crate::chat::model::{Author, CloseReason, FetchError, File, Offers, Row, RowKind};

/// How wide a terminal is taken to be.
const COLUMNS: usize = 80;

/// The longest piece of a person's words in a line of the desk, in characters.
const PIECE_CHARS: usize = 200;

/// How many things a customer filled in are shown.
const ANSWERS: usize = 20;

/// A text mirrored to another agent repeats its author's name on at most so many lines.
const NAMED_LINES: usize = 50;

/// The name of a customer, as agents read it: his own, or one made of his address.
pub fn customer_name(name: Option<&str>, peer: &Peer) -> String {
    match (name, peer) {
        (Some(name), _) => name.to_owned(),
        (None, Peer::Customer(localpart)) => {
            let short = localpart.as_str().chars().take(4).collect::<String>();
            format!("Visitor {short}")
        }
        (None, Peer::Desk(_)) => "Visitor".to_owned(),
    }
}

/// Words a line of the desk.
pub fn line(line: &Line, peer: &Peer, now: Timestamp) -> String {
    match line {
        Line::Waiting { name, queue, waited_ms, page, conversations, subject, .. } => {
            let who = customer_name(name.as_deref(), peer);
            let mut parts = vec![format!("{who} is waiting ({})", place(queue, *waited_ms))];
            parts.extend(subject.as_deref().map(|subject| format!("“{}”", piece(subject))));
            joined(parts, page.as_deref(), visit(*conversations))
        }
        Line::Closed { reason } => marked(closed(*reason)),
        Line::Asked => marked("The customer is asked"),
        Line::Reopened => marked("A new conversation; the customer reads what you write"),
        Line::Interrupted { from, to } => marked(&format!(
            "The connection was interrupted {} ({}). A message of yours from that time without \
             a ✓ did not arrive: please say it again.",
            times(*from, *to),
            span(to.since(*from))
        )),
        Line::Help { in_chat } => help(*in_chat),
        Line::Who { name, open, online, page, conversations, answers } => {
            let who = customer_name(name.as_deref(), peer);
            let state = if *online { "online" } else { "not online" };
            let where_ = open.as_ref().map_or_else(
                || "no conversation open".to_owned(),
                |(queue, since)| format!("{}, for {}", piece(queue), span(now.since(*since))),
            );
            let parts = vec![who, state.to_owned(), where_];
            let head = joined(parts, page.as_deref(), visit(*conversations));
            [head].into_iter().chain(answered(answers)).collect::<Vec<_>>().join("\n")
        }
        Line::SignedIn { name, known_as, conversations } => {
            signed_in(name.as_deref(), known_as.as_ref(), *conversations)
        }
        Line::Storage { works: false } => marked(
            "Messages cannot be stored at the moment. Customers are asked to wait; \
             what shows a ✓ is safe.",
        ),
        Line::Storage { works: true } => marked("Messages are stored again."),
        Line::Status { queues, agents } => {
            let waiting = queues.iter().map(|(name, count, first_ms)| match count {
                0 => marked(&format!("{}: nobody waits", piece(name))),
                1 => marked(&format!("{}: 1 waits, for {}", piece(name), span(*first_ms))),
                _ => marked(&format!(
                    "{}: {count} wait, the first for {}",
                    piece(name),
                    span(*first_ms)
                )),
            });
            let serving = agents.iter().map(|(name, availability, held, capacity)| {
                marked(&format!("{}: {availability}, {held} of {capacity}", piece(name)))
            });
            waiting.chain(serving).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Who the customer turned out to be.
fn signed_in(name: Option<&str>, known_as: Option<&Localpart>, conversations: u32) -> String {
    let who = name.map_or_else(String::new, |name| format!(" as {}", piece(name)));
    let before = match (known_as, conversations) {
        (None, _) => String::new(),
        (Some(address), 1) => format!("; 1 earlier conversation as {address}"),
        (Some(address), many) => format!("; {many} earlier conversations as {address}"),
    };
    marked(&format!("The customer signed in{who}{before}"))
}

/// A row of the log as one agent reads it; none for rows that say nothing to agents.
pub fn row(row: &Row) -> Option<Cow<'_, str>> {
    let line = match (&row.kind, &row.author) {
        (RowKind::Retract { .. }, author) | (RowKind::Message { .. }, author)
            if row.kind.words().is_none_or(|text| text.is_empty()) =>
        {
            marked(&taken_back(author))
        }
        (RowKind::Asked { text, offers }, author) => {
            let name = match author {
                Author::Agent { name, .. } => name,
                Author::Customer | Author::System => "",
            };
            mirrored(name, &asked(text, offers))
        }
        (RowKind::Files { files, text, .. }, author) if files.is_empty() && text.is_empty() => {
            marked(&taken_back(author))
        }
        (RowKind::Files { files, text, .. }, author) => {
            let words = or_names(text, files);
            match author {
                Author::Agent { name, .. } => mirrored(name, &words),
                Author::Customer | Author::System => clean::for_agent(&words).into_owned(),
            }
        }
        (RowKind::Unfetched { why, .. }, _) => marked(&unfetched(*why)),
        (RowKind::Choice { text, .. }, _) => return Some(clean::for_agent(text)),
        (RowKind::Message { text, .. } | RowKind::Edit { text, .. }, Author::Customer) => {
            return Some(clean::for_agent(text));
        }
        (RowKind::Edit { text, .. }, Author::Agent { name, .. }) => mirrored(name, text),
        (RowKind::Message { text, .. }, Author::Agent { name, .. }) => mirrored(name, text),
        (RowKind::Message { text, .. }, Author::System) => marked(&piece(text)),
        (RowKind::Rated { score, comment }, _) => marked(&rated(*score, comment.as_deref())),
        (RowKind::Joined, Author::Agent { name, .. }) => {
            marked(&format!("{name} took this conversation"))
        }
        (RowKind::Left, _) => marked("Taken back; what you write no longer reaches the customer"),
        (RowKind::Requeued { .. }, _) => marked("Passed on to others"),
        (RowKind::Closed { reason }, _) => marked(closed(*reason)),
        (RowKind::Opened { answers }, _) if !answers.is_empty() => {
            answered(answers).collect::<Vec<_>>().join("\n")
        }
        _ => return None,
    };
    Some(Cow::Owned(line))
}

/// What is said with files; where it is nothing, they are named, a line each.
pub(super) fn or_names<'t>(text: &'t str, files: &[File]) -> Cow<'t, str> {
    if text.is_empty() {
        return files.iter().map(|file| &*file.name).collect::<Vec<_>>().join("\n").into();
    }
    text.into()
}

/// A question with what it may be answered by.
fn asked(text: &str, offers: &Offers) -> String {
    let (Offers::Choices(labels) | Offers::Fields(labels)) = offers;
    let lines = labels.iter().map(|label| format!("· {label}"));
    [text.to_owned()].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

/// What a customer thinks of a conversation.
fn rated(score: u8, comment: Option<&str>) -> String {
    match comment {
        Some(comment) => {
            let words = comment.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("The customer rated the conversation {score} of 5: “{words}”")
        }
        None => format!("The customer rated the conversation {score} of 5"),
    }
}

/// Why the customer did not get an agent's file.
fn unfetched(why: FetchError) -> String {
    let why = match why {
        FetchError::Off => "files are switched off here".to_owned(),
        FetchError::Forbidden => {
            "files are only taken from your own server; send it as an upload".to_owned()
        }
        FetchError::TooLarge(bytes) => format!("it is too large; at most {} MB", megabytes(bytes)),
        FetchError::WrongType => "files of this type are not sent to customers".to_owned(),
        FetchError::Slow => "your server was too slow; send it again".to_owned(),
        FetchError::Broken => "your server did not give it out; send it again".to_owned(),
        FetchError::NotKept => "it cannot be kept at the moment; send it again later".to_owned(),
        FetchError::Ended => "the conversation ended before".to_owned(),
    };
    format!("Your file did not reach the customer: {why}")
}

/// In tenths, where it is less than ten.
fn megabytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1024 * 1024);
    match (tenths / 10, tenths % 10) {
        (whole, part) if whole < 10 && part > 0 => format!("{whole}.{part}"),
        (whole, _) => whole.to_string(),
    }
}

/// What stands for words that were taken back.
fn taken_back(author: &Author) -> String {
    match author {
        Author::Customer => "The customer took a message back".to_owned(),
        Author::Agent { name, .. } => format!("{name} took a message back"),
        Author::System => "A message was taken back".to_owned(),
    }
}

/// Another's words: every line under his name, so that nobody poses as another.
fn mirrored(name: &str, text: &str) -> String {
    let lines = text.split('\n');
    let named = text.split('\n').nth(NAMED_LINES).is_none();
    let prefixed = lines.enumerate().map(|(number, line)| match number {
        0 => format!("{name}: {line}"),
        _ if named => format!("{name}: {line}"),
        _ => format!("> {line}"),
    });
    prefixed.collect::<Vec<_>>().join("\n")
}

fn marked(words: &str) -> String {
    format!("{} {words}", clean::DESK_MARK)
}

fn closed(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Customer => "The customer ended the conversation",
        CloseReason::Agent => "The conversation is closed",
        CloseReason::Full => "This conversation is long: it goes on in a new one",
        CloseReason::Operator => "Closed by the operator",
        CloseReason::Idle => "Closed: nobody wrote for a while",
    }
}

fn help(in_chat: bool) -> String {
    let (sign, head) = if in_chat {
        ("!", "What you write goes to the customer, but for these:")
    } else {
        ("", "Words this desk understands:")
    };
    let words = WORDS.iter().filter(|word| if in_chat { word.in_chat } else { word.with_desk });
    let lines = words.map(|word| marked(&format!("{sign}{} {}", word.word, word.does)));
    let tail = if in_chat {
        "!!word sends !word to the customer"
    } else {
        "In a customer's chat they begin with !, and !help lists more"
    };
    let head = [marked(head)].into_iter();
    head.chain(lines).chain([marked(tail)]).collect::<Vec<_>>().join("\n")
}

fn answered(answers: &[(Arc<str>, Arc<str>)]) -> impl Iterator<Item = String> {
    answers
        .iter()
        .take(ANSWERS)
        .map(|(question, answer)| marked(&format!("{}: {}", piece(question), piece(answer))))
}

/// Parts on one line, with the page cut to what is left of it.
fn joined(mut parts: Vec<String>, page: Option<&str>, visit: Option<String>) -> String {
    if let Some(page) = page {
        let taken = parts.iter().chain(&visit).map(|part| part.chars().count() + 3).sum::<usize>();
        let room = COLUMNS.saturating_sub(taken + 5).max(12);
        parts.push(cut(&short_page(page), room));
    }
    parts.extend(visit);
    marked(&parts.join(" · "))
}

/// A page without what every page has.
fn short_page(page: &str) -> String {
    let page = page.split_once("://").map_or(page, |(_, rest)| rest);
    page.trim_end_matches('/').to_owned()
}

/// The queue's name and, once it is worth a word, how long.
fn place(queue: &str, waited_ms: i64) -> String {
    if waited_ms < 10_000 { piece(queue) } else { format!("{}, {}", piece(queue), span(waited_ms)) }
}

/// Which visit it is; none for the first.
fn visit(conversations: u32) -> Option<String> {
    const WORDS: [&str; 9] =
        ["second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
    let past_first = conversations.checked_sub(2)?;
    let word = WORDS.get(usize::try_from(past_first).ok()?).copied();
    let ordinal =
        word.map_or_else(|| format!("{conversations}{}", suffix(conversations)), str::to_owned);
    Some(format!("{ordinal} visit"))
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

/// A span of time as people say it.
fn span(ms: i64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match (hours, minutes) {
        (0, 0) => format!("{} s", seconds.max(1)),
        (0, _) => format!("{minutes} min"),
        (1..48, _) if minutes % 60 == 0 => format!("{hours} h"),
        (1..48, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} days", hours / 24),
    }
}

/// From when to when, to the second, with the day where there are two.
fn times(from: Timestamp, to: Timestamp) -> String {
    let moment = |at: Timestamp, format: &str| {
        let utc = chrono::DateTime::from_timestamp_millis(at.0);
        utc.map_or_else(|| "?".to_owned(), |utc| utc.format(format).to_string())
    };
    let day = |at| moment(at, "%F");
    let format = if day(from) == day(to) { "%T" } else { "%F %T" };
    // To the full second after it: what came just before the end belongs to it.
    format!("from {} to {} UTC", moment(from, format), moment(to.plus(999), format))
}

/// A person's words as part of a line: one line, cut.
fn piece(words: &str) -> String {
    cut(&words.split_whitespace().collect::<Vec<_>>().join(" "), PIECE_CHARS)
}

fn cut(words: &str, chars: usize) -> String {
    if clean::scalars_at_most(words, chars) {
        words.to_owned()
    } else {
        words.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_plainly() {
        let table = [
            (0, "1 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (3_599_999, "59 min"),
            (3_600_000, "1 h"),
            (3_900_000, "1 h 5 min"),
            (200_000_000, "2 days"),
        ];
        for (ms, said) in table {
            assert_eq!(span(ms), said, "{ms}");
        }
    }

    #[test]
    fn an_interruption_is_said_with_its_times() {
        let table = [
            (1_700_000_000_900, 1_700_000_012_100, "from 22:13:20 to 22:13:33 UTC"),
            (
                1_700_000_000_000,
                1_700_020_000_000,
                "from 2023-11-14 22:13:20 to 2023-11-15 03:46:40 UTC",
            ),
        ];
        for (from, to, said) in table {
            assert_eq!(times(Timestamp(from), Timestamp(to)), said);
        }
    }

    #[test]
    fn visits_are_counted_from_the_second() {
        let table = [
            (0, None),
            (1, None),
            (2, Some("second visit")),
            (3, Some("third visit")),
            (10, Some("tenth visit")),
            (11, Some("11th visit")),
            (22, Some("22nd visit")),
            (111, Some("111th visit")),
        ];
        for (count, said) in table {
            assert_eq!(visit(count).as_deref(), said, "{count}");
        }
    }

    #[test]
    fn a_mirrored_text_cannot_pose_as_another() {
        assert_eq!(mirrored("Alice", "/me waves\n⚙ x"), "Alice: /me waves\nAlice: ⚙ x");
        let long = mirrored("Alice", &"\n".repeat(7_999));
        assert!(long.len() < 32_000);
        assert!(long.lines().skip(1).all(|line| line.starts_with("> ")));
    }
}
