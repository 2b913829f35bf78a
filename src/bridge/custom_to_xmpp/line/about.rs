//! Lines about a customer: the earlier conversations, a summary, and the tags.
//!
//! Invariant: a summary has at most ten lines, and each conversation one, whatever people wrote.

use std::sync::Arc;

use super::super::piece::{NAME, cut, marked, or_names, piece};
use crate::bridge::clean;
use crate::chat::commands::priority_word;
use crate::chat::ids::Timestamp;
use crate::chat::model::CloseReason;
use crate::chat::notice::PastLine;
use crate::chat::row::{Answers, Author, Row, RowKind};
use crate::chat::tags::TenantTags;

/// How much of a customer's first message a line of the history shows, in characters.
const FIRST_CHARS: usize = 60;
/// How many answers of the form a summary shows, each in a line.
const ANSWERS: usize = 3;
/// How many tags of the tenant are listed.
const TAGS: usize = 30;

/// The tags, and the priority unless it is normal, as parts of a line.
pub(super) fn marks(tags: &[Arc<str>], priority: i32) -> Vec<String> {
    let priority = Some(priority_word(priority)).filter(|word| *word != "normal");
    let priority = priority.map(|word| format!("priority {word}"));
    let tags = (!tags.is_empty()).then(|| hashed(tags));
    priority.into_iter().chain(tags).collect()
}

fn hashed(tags: &[Arc<str>]) -> String {
    tags.iter().map(|tag| format!("#{}", piece(tag))).collect::<Vec<_>>().join(" ")
}

pub(super) fn tags(tags: &[Arc<str>], of_tenant: &TenantTags) -> String {
    let known = of_tenant.known.get(..TAGS).unwrap_or(&of_tenant.known);
    let more = if of_tenant.known.len() > TAGS { " …" } else { "" };
    let here = match tags {
        [] => "No tags".to_owned(),
        tags => format!("Tags: {}", hashed(tags)),
    };
    let others = match (known, of_tenant.open) {
        ([], true) => "any word can be a tag".to_owned(),
        ([], false) => "there are none to choose from".to_owned(),
        (known, true) => format!("known: {}{more}, or any word", hashed(known)),
        (known, false) => format!("known: {}{more}", hashed(known)),
    };
    marked(&format!("{here} ({others})"))
}

/// The earlier conversations, one in a line.
pub(super) fn history(lines: &[PastLine], asked: bool) -> String {
    if lines.is_empty() {
        return marked("No earlier conversation with this customer");
    }
    let head = asked.then(|| marked("Earlier conversations, the latest first:"));
    let lines = lines.iter().map(|past| marked(&parts(past).join(" · ")));
    head.into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

/// Date, queue, agent, how it ended, rating, tags, first message.
fn parts(past: &PastLine) -> Vec<String> {
    let mut parts = vec![day(past.opened_at), piece(&past.queue)];
    parts.extend(past.agent.as_deref().map(piece));
    parts.extend(past.ended.map(|reason| ended(reason).to_owned()));
    parts.extend(past.rating.map(|score| format!("rated {score} of 5")));
    parts.extend(marks(&past.tags, 0));
    let first = past.first.as_deref().map(|first| cut(&clean::line(first), FIRST_CHARS));
    parts.extend(first.filter(|first| !clean::is_blank(first)).map(|first| format!("“{first}”")));
    parts
}

fn ended(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Customer => "ended by the customer",
        CloseReason::Agent => "closed by the agent",
        CloseReason::Full => "too long, went on",
        CloseReason::Operator => "closed by the operator",
        CloseReason::Idle => "went silent",
    }
}

fn day(at: Timestamp) -> String {
    let utc = chrono::DateTime::from_timestamp_millis(at.0);
    utc.map_or_else(|| "?".to_owned(), |utc| utc.format("%F").to_string())
}

/// Who, what, answers, the last messages and notes.
pub(super) fn summary(
    who: String,
    past: Option<&PastLine>,
    answers: &Answers,
    last: &[Arc<Row>],
) -> String {
    let mut lines = vec![who];
    if let Some(past) = past {
        match past.ended {
            Some(_) => lines.push(marked(&format!("Last: {}", parts(past).join(" · ")))),
            None => {
                let first = past.first.as_deref().map(piece);
                let first = first.filter(|first| !clean::is_blank(first));
                lines.extend(first.map(|first| marked(&format!("First: “{first}”"))));
            }
        }
    }
    let told = answers.iter().filter(|(field, _)| **field != *NAME);
    let told: Vec<String> =
        told.map(|(field, answer)| format!("{}: {}", piece(field), piece(answer))).collect();
    lines.extend(told.iter().take(ANSWERS).map(|told| marked(told)));
    if told.len() > ANSWERS {
        let more = told.len() - ANSWERS;
        lines.push(marked(&format!("{more} more answers: !who")));
    }
    lines.extend(last.iter().filter_map(|row| repeated(row)));
    lines.join("\n")
}

/// A message or a note in one line.
fn repeated(row: &Row) -> Option<String> {
    let words = match &row.kind {
        RowKind::Files { files, text, .. } => or_names(text, files).into_owned(),
        kind => kind.words()?.as_ref().to_owned(),
    };
    let words = piece(&words);
    Some(match (&row.kind, &row.author) {
        (RowKind::Note { .. }, Author::Agent { name, .. }) => {
            marked(&format!("Note by {}: {words}", piece(name)))
        }
        (_, Author::Agent { name, .. }) => marked(&format!("{}: {words}", piece(name))),
        (_, Author::Customer) => marked(&format!("Customer: “{words}”")),
        (_, Author::System) => return None,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::bridge::custom_to_xmpp::line::line;
    use crate::chat::event::Peer;
    use crate::chat::ids::{AgentJid, ConversationId, CustomerId, Localpart, Pos, TenantKey};
    use crate::chat::notice::Notice;

    fn past() -> PastLine {
        PastLine {
            opened_at: Timestamp(1_700_000_000_000),
            queue: "Sales".into(),
            agent: Some("Bob".into()),
            ended: Some(CloseReason::Agent),
            rating: Some(4),
            first: Some("Where is\n⚙ Bob: my order?".into()),
            tags: vec!["late".into()],
        }
    }

    #[test]
    fn an_earlier_conversation_is_one_line() {
        assert_eq!(
            history(&[past()], false),
            "⚙ 2023-11-14 · Sales · Bob · closed by the agent · rated 4 of 5 · #late · \
             “Where is ⚙ Bob: my order?”"
        );
        let bare = PastLine { agent: None, rating: None, first: None, tags: Vec::new(), ..past() };
        let lines = history(&[bare.clone(), bare], true);
        assert_eq!(lines.lines().count(), 3, "{lines}");
        assert!(lines.ends_with("\n⚙ 2023-11-14 · Sales · closed by the agent"), "{lines}");
        assert_eq!(history(&[], true), "⚙ No earlier conversation with this customer");
    }

    #[test]
    fn a_summary_has_at_most_ten_lines_however_much_was_said() {
        let peer = Peer::Customer(Localpart::new("k3f9x2").unwrap());
        let who = Notice::Who {
            name: Some("Ann".into()),
            open: Some(("Sales".into(), Timestamp(0))),
            agent: Some("Bob".into()),
            online: true,
            page: None,
            conversations: 2,
            priority: 20,
            tags: vec!["late".into()],
            answers: Vec::new(),
        };
        let agent = Author::Agent { jid: AgentJid::normalised("b@x"), name: "Bob".into() };
        let row = |author: &Author, kind: RowKind| {
            Arc::new(Row {
                pos: Pos(1),
                tenant: TenantKey::new("acme").unwrap(),
                conversation: ConversationId(Uuid::nil()),
                customer: CustomerId(Uuid::nil()),
                seq: None,
                at: Timestamp(0),
                author: author.clone(),
                key: None,
                stanza: None,
                kind,
                recipients: Vec::new(),
            })
        };
        let text = || Arc::from("a\n⚙ Bob: b\n".repeat(500));
        let said = || RowKind::Message { text: text(), reply_to: None };
        let last = [
            row(&Author::Customer, said()),
            row(&agent, said()),
            row(&agent, RowKind::Note { text: text() }),
            row(&agent, RowKind::Note { text: text() }),
        ];
        let answers: Answers = (0..32).map(|n| (format!("f{n}").into(), text())).collect();
        let open = PastLine { ended: None, first: Some(text()), ..past() };
        let told = summary(line(&who, &peer, Timestamp(60_000)), Some(&open), &answers, &last);
        assert_eq!(told.lines().count(), 10, "{told}");
        assert!(told.lines().all(|line| line.starts_with("⚙ ")), "{told}");
        assert!(
            told.starts_with(
                "⚙ Ann · online · Sales, open for 1 min · with Bob · priority urgent · #late · \
                 2nd conversation\n⚙ First: “a"
            ),
            "{told}"
        );
        assert!(told.contains("\n⚙ 29 more answers: !who\n⚙ Customer: “a"), "{told}");
    }

    #[test]
    fn tags_are_listed_with_those_to_choose_from() {
        let of_tenant = |open| TenantTags { open, known: vec!["late".into()] };
        assert_eq!(tags(&[], &of_tenant(false)), "⚙ No tags (known: #late)");
        let here = tags(&["late".into()], &of_tenant(true));
        assert_eq!(here, "⚙ Tags: #late (known: #late, or any word)");
    }
}
