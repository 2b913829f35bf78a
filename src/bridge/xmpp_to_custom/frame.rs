//! Converts what a customer is told to a frame.
//!
//! Invariants: no agent's JID is passed on, nor anything else that only agents may see; no frame is
//! longer than [`FRAME_BYTES`], however long its entries.

use crate::bridge::file;
use crate::chat::effect::{CustomerState, Phase};
use crate::chat::ids::{CommandId, ConversationId, Seq, Timestamp};
use crate::chat::model::{Acked, CloseReason};
use crate::chat::refusal::CommandError;
use crate::chat::row::{Author, QuestionKind, Row, RowKind};
use crate::wire::{
    self, Button, Entry, EntryKind, ErrorCode, ErrorFrame, FRAME_BYTES, Field, FromKind,
};

/// After this time, in milliseconds, a command that was refused for overload should be sent again.
const OVERLOAD_MS: u32 = 2_000;
/// The same for a command that arrived while another node was taking over.
const MOVED_MS: u32 = 100;

/// The maximum size of an entry without its texts: field names, ids, author.
const ENTRY_BYTES: usize = 512;

/// The maximum size of a button or a field without its label.
const OFFER_BYTES: usize = 40;

/// The maximum size of a file without its name, type and address.
const FILE_BYTES: usize = 120;

/// The maximum size of a frame without its entries: a welcome with its token.
const AROUND_BYTES: usize = 4 * 1024;

/// A row as the customer sees it, with fresh links to its files; none if the customer must not see
/// it.
pub fn entry_at(row: &Row, now: impl FnOnce() -> Timestamp) -> Option<Entry> {
    let mut entry = entry(row)?;
    if let RowKind::Files { .. } = &row.kind {
        entry.files = file::files(row, now());
    }
    Some(entry)
}

/// The same without files.
pub fn entry(row: &Row) -> Option<Entry> {
    let kind = match &row.kind {
        RowKind::Message { .. } | RowKind::Files { .. } | RowKind::Asked { .. } => {
            EntryKind::Message
        }
        RowKind::Choice { .. } => EntryKind::Choice,
        RowKind::Edit { .. } => EntryKind::Edit,
        RowKind::Retract { .. } => EntryKind::Retract,
        RowKind::Reaction { .. } => EntryKind::Reaction,
        RowKind::Joined => EntryKind::Joined,
        RowKind::Left => EntryKind::Left,
        RowKind::Reminded => EntryKind::Reminder,
        RowKind::Transferred { .. } => EntryKind::Transferred,
        RowKind::Closed { .. } => EntryKind::Closed,
        RowKind::Opened { .. }
        | RowKind::Rated { .. }
        | RowKind::Linked { .. }
        | RowKind::Unfetched { .. }
        | RowKind::Offered
        | RowKind::Requeued { .. }
        | RowKind::Marked { .. }
        | RowKind::Note { .. }
        | RowKind::NoteEdit { .. }
        | RowKind::Tagged { .. }
        | RowKind::Ranked { .. }
        | RowKind::Handing { .. }
        | RowKind::HandedBack { .. }
        | RowKind::Prompted { .. }
        | RowKind::Canned { .. }
        | RowKind::Macro { .. }
        | RowKind::Watched { .. }
        | RowKind::Whisper { .. }
        | RowKind::Moved { .. }
        | RowKind::Overrides { .. } => return None,
    };
    let id = match row.author {
        Author::Customer => row.key.as_ref().map(|key| key.id.as_str().to_owned()),
        Author::Agent { .. } | Author::System => None,
    };
    let (buttons, form) = offered(&row.kind);
    let (reply_to, target) = match &row.kind {
        RowKind::Reaction { target, .. } => (None, Some(target.seq)),
        kind => (kind.answers(), kind.changes().map(|(target, _)| target.seq)),
    };
    Some(Entry {
        buttons,
        form,
        conversation: row.conversation.to_string(),
        seq: row.seq?.0,
        at: row.at.0,
        kind,
        from: author(&row.author),
        id,
        text: row.kind.words().filter(|text| !text.is_empty()).map(|text| text.as_ref().to_owned()),
        files: Vec::new(),
        reply_to: reply_to.map(|seq| seq.0),
        target: target.map(|seq| seq.0),
    })
}

/// The answers that a question offers, each named by its number.
fn offered(kind: &RowKind) -> (Vec<Button>, Vec<Field>) {
    let RowKind::Asked { offers, .. } = kind else { return (Vec::new(), Vec::new()) };
    let (QuestionKind::Choices(labels) | QuestionKind::Fields(labels)) = offers;
    let numbered =
        labels.iter().zip(1..).map(|(label, number)| (number.to_string(), label.to_string()));
    match offers {
        QuestionKind::Choices(_) => {
            (numbered.map(|(value, label)| Button { value, label }).collect(), Vec::new())
        }
        QuestionKind::Fields(_) => {
            (Vec::new(), numbered.map(|(name, label)| Field { name, label }).collect())
        }
    }
}

fn author(author: &Author) -> wire::From {
    let (kind, name) = match author {
        Author::Customer => (FromKind::Customer, None),
        Author::Agent { jid: _, name } => (FromKind::Agent, Some(name.as_ref().to_owned())),
        Author::System => (FromKind::System, None),
    };
    wire::From { kind, name, avatar: None }
}

pub fn ack(id: &CommandId, acked: Acked) -> wire::Ack {
    wire::Ack {
        id: id.to_string(),
        conversation: acked.conversation.to_string(),
        seq: acked.seq.map(|seq| seq.0),
        at: acked.at.0,
    }
}

/// The error frame for a refused command.
pub fn refused(id: Option<&CommandId>, error: CommandError) -> ErrorFrame {
    let (code, message, retry_after_ms) = match error {
        CommandError::UnknownQueue => (ErrorCode::UnknownQueue, "there is no such queue", None),
        CommandError::NotOpen => (ErrorCode::NotOpen, "no conversation is open", None),
        CommandError::NoSuchChoice => {
            (ErrorCode::Conflict, "this question has no such answer", None)
        }
        CommandError::StillOpen => {
            (ErrorCode::Conflict, "the conversation has not ended yet", None)
        }
        CommandError::RatedOften => {
            (ErrorCode::Conflict, "this conversation has been rated too often", None)
        }
        CommandError::NoSuchWords => {
            (ErrorCode::Conflict, "you have no such message in this conversation", None)
        }
        CommandError::NoSuchMessage => {
            (ErrorCode::Conflict, "there is no such message of an agent here", None)
        }
        CommandError::NoSuchFile => (ErrorCode::Forbidden, "another message has this file", None),
        CommandError::UnknownTenant => {
            (ErrorCode::UnknownTenant, "this business is not served here", None)
        }
        CommandError::Overloaded => {
            (ErrorCode::Unavailable, "too many requests are pending", Some(OVERLOAD_MS))
        }
        CommandError::Moved => {
            (ErrorCode::Unavailable, "another node is taking over", Some(MOVED_MS))
        }
        CommandError::NotStored => (
            ErrorCode::Unavailable,
            "the command cannot be stored at the moment",
            Some(OVERLOAD_MS),
        ),
        CommandError::Unstorable => {
            (ErrorCode::Conflict, "the database rejects this command; it was not stored", None)
        }
    };
    ErrorFrame {
        code,
        message: message.to_owned(),
        about: id.map(ToString::to_string),
        retry_after_ms,
        reason: None,
    }
}

pub fn state(told: &CustomerState) -> wire::State {
    let mut frame = wire::State {
        conversation: told.conversation.to_string(),
        state: phase(&told.phase),
        position: None,
        eta_s: None,
        open_at: None,
        agent: None,
        reason: None,
    };
    match &told.phase {
        Phase::Waiting { position, eta_s, open_at } => {
            (frame.position, frame.eta_s) = (*position, *eta_s);
            frame.open_at = open_at.map(|at| at.0);
        }
        Phase::Active { agent } => frame.agent = Some(shown(agent)),
        Phase::Closed { reason } => frame.reason = Some(why(*reason).to_owned()),
    }
    frame
}

/// The current conversation, as shown in a welcome.
pub fn conversation(told: &CustomerState, head: Seq) -> wire::ConversationInfo {
    wire::ConversationInfo {
        id: told.conversation.to_string(),
        state: phase(&told.phase),
        queue: told.queue.to_string(),
        agent: match &told.phase {
            Phase::Active { agent } => Some(shown(agent)),
            Phase::Waiting { .. } | Phase::Closed { .. } => None,
        },
        seq: head.0,
    }
}

/// How far the agent's client has confirmed.
pub fn receipt(conversation: ConversationId, delivered: Seq, read: Seq) -> wire::Receipt {
    let mark = |seq: Seq| (seq > Seq(0)).then_some(seq.0);
    wire::Receipt {
        conversation: conversation.to_string(),
        delivered: mark(delivered),
        read: mark(read),
    }
}

fn phase(phase: &Phase) -> wire::Phase {
    match phase {
        Phase::Waiting { .. } => wire::Phase::Waiting,
        Phase::Active { .. } => wire::Phase::Active,
        Phase::Closed { .. } => wire::Phase::Closed,
    }
}

fn shown(agent: &str) -> wire::Agent {
    wire::Agent { name: agent.to_owned(), avatar: None }
}

fn why(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Customer => "customer",
        CloseReason::Agent => "agent",
        CloseReason::Idle => "idle",
        CloseReason::Full => "full",
        CloseReason::Operator => "operator",
    }
}

/// Splits entries into as many parts as frames are needed; no part is empty.
pub fn parts(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut parts: Vec<Vec<Entry>> = Vec::new();
    let mut room = 0;
    for entry in entries {
        let size = bytes(&entry);
        match parts.last_mut() {
            Some(part) if size <= room => part.push(entry),
            _ => {
                room = FRAME_BYTES - AROUND_BYTES;
                parts.push(vec![entry]);
            }
        }
        room = room.saturating_sub(size);
    }
    parts
}

/// As many of the last entries as fit into one frame, and whether earlier ones were left out.
pub fn last_part(entries: Vec<Entry>) -> (Vec<Entry>, bool) {
    let mut room = FRAME_BYTES - AROUND_BYTES;
    let kept = entries
        .iter()
        .rev()
        .take_while(|entry| {
            let size = bytes(entry);
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        })
        .count();
    let left_out = entries.len() - kept;
    (entries.into_iter().skip(left_out).collect(), left_out > 0)
}

/// The maximum length of an entry in JSON.
fn bytes(entry: &Entry) -> usize {
    let escaped = |text: &str| -> usize {
        text.bytes()
            .map(|byte| match byte {
                b'"' | b'\\' | b'\n' | b'\t' => 2,
                0..=0x1f => 6,
                _ => 1,
            })
            .sum()
    };
    let words = entry.text.as_deref().map_or(0, escaped);
    let name = entry.from.name.as_deref().map_or(0, escaped);
    let labels = entry.buttons.iter().map(|button| &button.label);
    let labels = labels.chain(entry.form.iter().map(|field| &field.label));
    let offered: usize = labels.map(|label| escaped(label) + OFFER_BYTES).sum();
    let file = |file: &wire::File| {
        let words = [&file.name, &file.media_type, &file.url].map(|text| escaped(text));
        FILE_BYTES + words.into_iter().sum::<usize>()
    };
    let files: usize = entry.files.iter().map(file).sum();
    ENTRY_BYTES + words + name + offered + files
}

#[cfg(test)]
mod tests;
