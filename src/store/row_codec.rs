//! Converts between the log's table and rows.
//!
//! Invariants: what is read back equals what was written; a word that this version does not know is
//! an error, never guessed. The details of a kind are stored as JSON of the structs here: a new
//! field of theirs has a default, and is left out where it has no value.

mod fetch;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::fetch::{fetch_word, parse_fetch};
use super::codec::{
    close_word, int, jids, json, nat, parse, parse_close, parse_jids, parse_requeue, queue_key,
    requeue_word, tenant_key,
};
use super::connection::Value;
use super::entity::log;
use super::error::corrupt;
use super::overrides::{Overrides, StoredOverride};
use crate::chat::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, FileId, FileKey, Pos, Seq, SessionId,
    Timestamp,
};
use crate::chat::model::File;
use crate::chat::row::{Answers, Author, CommandKey, Kind, QuestionKind, Row, RowKind, Target};
use crate::ports::store_error::StoreError;

/// The author of a customer's row.
pub(super) const CUSTOMER: &str = "customer";
/// The author of an agent's row.
pub(super) const AGENT: &str = "agent";
/// The author of the desk's own rows.
const SYSTEM: &str = "system";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    #[serde(default)]
    answers: Answers,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    #[serde(default)]
    reply_to: Option<Seq>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Files {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Seq>,
    #[serde(default)]
    files: Vec<StoredFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<Pos>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Handing {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer: Option<Arc<str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transferred {
    from: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prompted {
    waited_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct StoredFile {
    id: uuid::Uuid,
    key: uuid::Uuid,
    name: Arc<str>,
    #[serde(rename = "type")]
    media_type: Arc<str>,
    size: u64,
}

impl From<&File> for StoredFile {
    fn from(File { id, key, name, media_type, size }: &File) -> Self {
        let (name, media_type) = (name.clone(), media_type.clone());
        Self { id: id.0, key: uuid::Uuid::from_bytes(key.0), name, media_type, size: *size }
    }
}

impl From<StoredFile> for File {
    fn from(StoredFile { id, key, name, media_type, size }: StoredFile) -> Self {
        Self { id: FileId(id), key: FileKey(key.into_bytes()), name, media_type, size }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unfetched {
    reason: String,
    of: Pos,
    /// The limit that the file exceeded, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    most: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Asked {
    Choices(Vec<Arc<str>>),
    Fields(Vec<Arc<str>>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    reply_to: Seq,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteEdit {
    of: Pos,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tagged {
    tags: Vec<Arc<str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ranked {
    priority: i32,
}

/// Of an edit and of a retraction.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    target: (Seq, Pos),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rated {
    score: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Requeued {
    reason: String,
    agent: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Watched {
    on: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    queue: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marked {
    marks: (Seq, Seq),
}

/// The complete details of an edit or retraction of this message. They never vary, so rows can be
/// found by them.
pub(super) fn target_details(Target { seq, pos }: Target) -> Result<String, StoreError> {
    json(&Change { target: (seq, pos) })
}

/// The complete details of a change of this note.
pub(super) fn note_details(of: Pos) -> Result<String, StoreError> {
    json(&NoteEdit { of })
}

/// The answers in the details of a row that opens a conversation.
pub(super) fn answers_from(details: &str) -> Result<Answers, StoreError> {
    Ok(parse::<Opened>(details)?.answers)
}

/// The text and the details of a row.
fn content(kind: &RowKind) -> Result<(Option<&str>, Option<String>), StoreError> {
    Ok(match kind {
        RowKind::Opened { answers } if answers.is_empty() => (None, None),
        RowKind::Opened { answers } => (None, Some(json(&Opened { answers: answers.clone() })?)),
        RowKind::Message { text, reply_to: None } => (Some(text), None),
        RowKind::Message { text, reply_to } => {
            (Some(text), Some(json(&Message { reply_to: *reply_to })?))
        }
        RowKind::Files { files, text, .. } if files.is_empty() => (Some(text), None),
        RowKind::Files { files, text, reply_to, of } => {
            let files = files.iter().map(StoredFile::from).collect();
            (Some(text), Some(json(&Files { reply_to: *reply_to, files, of: *of })?))
        }
        RowKind::Linked { url } => (Some(url), None),
        RowKind::Handing { note, customer } => {
            (Some(note), Some(json(&Handing { customer: customer.clone() })?))
        }
        RowKind::HandedBack { agent, reason, why } => {
            let reason = requeue_word(*reason).to_owned();
            (Some(why), Some(json(&Requeued { reason, agent: agent.to_string() })?))
        }
        RowKind::Transferred { from } => {
            (None, Some(json(&Transferred { from: from.to_string() })?))
        }
        RowKind::Canned { keys } => (Some(keys), None),
        RowKind::NoteEdit { of, text } => (Some(text), Some(note_details(*of)?)),
        RowKind::Tagged { tags } => (None, Some(json(&Tagged { tags: tags.clone() })?)),
        RowKind::Ranked { priority } => (None, Some(json(&Ranked { priority: *priority })?)),
        RowKind::Macro { key } => (Some(key), None),
        RowKind::Note { text } | RowKind::Whisper { text } => (Some(text), None),
        RowKind::Watched { on } => (None, Some(json(&Watched { on: *on })?)),
        RowKind::Moved { queue, agent } => {
            let agent = agent.as_ref().map(ToString::to_string);
            (None, Some(json(&Moved { queue: queue.to_string(), agent })?))
        }
        RowKind::Overrides { agents } => {
            let agents = agents.iter().map(StoredOverride::from).collect();
            (None, Some(json(&Overrides { agents })?))
        }
        RowKind::Unfetched { of, why } => {
            let (reason, most) = fetch_word(*why);
            (None, Some(json(&Unfetched { reason: reason.to_owned(), of: *of, most })?))
        }
        RowKind::Asked { text, offers } => {
            let asked = match offers.clone() {
                QuestionKind::Choices(labels) => Asked::Choices(labels),
                QuestionKind::Fields(labels) => Asked::Fields(labels),
            };
            (Some(text), Some(json(&asked)?))
        }
        RowKind::Choice { of, text } => (Some(text), Some(json(&Choice { reply_to: *of })?)),
        RowKind::Edit { target, text } => (Some(text), Some(target_details(*target)?)),
        RowKind::Retract { target } => (None, Some(target_details(*target)?)),
        RowKind::Reaction { target, emoji } => (Some(emoji), Some(target_details(*target)?)),
        RowKind::Closed { reason } => {
            (None, Some(json(&Closed { reason: close_word(*reason).to_owned() })?))
        }
        RowKind::Rated { score, comment } => {
            (comment.as_deref(), Some(json(&Rated { score: *score })?))
        }
        RowKind::Joined | RowKind::Left | RowKind::Offered | RowKind::Reminded => (None, None),
        RowKind::Prompted { waited_ms } => (None, Some(json(&Prompted { waited_ms: *waited_ms })?)),
        RowKind::Requeued { agent, reason } => {
            let reason = requeue_word(*reason).to_owned();
            (None, Some(json(&Requeued { reason, agent: agent.to_string() })?))
        }
        RowKind::Marked { delivered, read } => {
            (None, Some(json(&Marked { marks: (*delivered, *read) })?))
        }
    })
}

/// A row's kind from its word, its text and its details.
fn kind_from(model: &log::Model) -> Result<RowKind, StoreError> {
    let details = model.details.as_deref().unwrap_or("{}");
    let text = || {
        let text = model.text.as_deref().map(Arc::from);
        text.ok_or_else(|| corrupt("no text", format!("at position {}", model.pos)))
    };
    let target = || {
        let (seq, pos) = parse::<Change>(details)?.target;
        Ok(Target { seq, pos })
    };
    let kind = Kind::from_word(&model.kind);
    Ok(match kind.ok_or_else(|| corrupt("the kind of row", &model.kind))? {
        Kind::Opened => RowKind::Opened { answers: answers_from(details)? },
        Kind::Message => {
            RowKind::Message { text: text()?, reply_to: parse::<Message>(details)?.reply_to }
        }
        Kind::Files => {
            let Files { reply_to, files, of } = parse(details)?;
            let files = files.into_iter().map(File::from).collect();
            let text = model.text.as_deref().unwrap_or_default().into();
            RowKind::Files { files, text, reply_to, of }
        }
        Kind::Linked => RowKind::Linked { url: text()? },
        Kind::Note => RowKind::Note { text: text()? },
        Kind::Handing => {
            RowKind::Handing { note: text()?, customer: parse::<Handing>(details)?.customer }
        }
        Kind::HandedBack => {
            let Requeued { reason, agent } = parse(details)?;
            let (agent, reason) = (AgentJid::normalised(&agent), parse_requeue(&reason)?);
            RowKind::HandedBack { agent, reason, why: text()? }
        }
        Kind::Transferred => {
            let from = AgentJid::normalised(&parse::<Transferred>(details)?.from);
            RowKind::Transferred { from }
        }
        Kind::Canned => RowKind::Canned { keys: text()? },
        Kind::NoteEdit => RowKind::NoteEdit { of: parse::<NoteEdit>(details)?.of, text: text()? },
        Kind::Tagged => RowKind::Tagged { tags: parse::<Tagged>(details)?.tags },
        Kind::Ranked => RowKind::Ranked { priority: parse::<Ranked>(details)?.priority },
        Kind::Macro => RowKind::Macro { key: text()? },
        Kind::Whisper => RowKind::Whisper { text: text()? },
        Kind::Watched => RowKind::Watched { on: parse::<Watched>(details)?.on },
        Kind::Moved => moved(parse(details)?)?,
        Kind::Overrides => overridden(parse(details)?)?,
        Kind::Unfetched => {
            let Unfetched { reason, of, most } = parse(details)?;
            RowKind::Unfetched { of, why: parse_fetch(&reason, most)? }
        }
        Kind::Asked => RowKind::Asked { text: text()?, offers: offers(parse(details)?) },
        Kind::Choice => RowKind::Choice { of: parse::<Choice>(details)?.reply_to, text: text()? },
        Kind::Edit => RowKind::Edit { target: target()?, text: text()? },
        Kind::Retract => RowKind::Retract { target: target()? },
        Kind::Reaction => RowKind::Reaction { target: target()?, emoji: text()? },
        Kind::Joined => RowKind::Joined,
        Kind::Left => RowKind::Left,
        Kind::Reminded => RowKind::Reminded,
        Kind::Prompted => RowKind::Prompted { waited_ms: parse::<Prompted>(details)?.waited_ms },
        Kind::Closed => RowKind::Closed { reason: parse_close(&parse::<Closed>(details)?.reason)? },
        Kind::Rated => RowKind::Rated {
            score: parse::<Rated>(details)?.score,
            comment: model.text.as_deref().map(Into::into),
        },
        Kind::Offered => RowKind::Offered,
        Kind::Requeued => {
            let Requeued { reason, agent } = parse(details)?;
            RowKind::Requeued {
                agent: AgentJid::normalised(&agent),
                reason: parse_requeue(&reason)?,
            }
        }
        Kind::Marked => {
            let (delivered, read) = parse::<Marked>(details)?.marks;
            RowKind::Marked { delivered, read }
        }
    })
}

fn moved(Moved { queue, agent }: Moved) -> Result<RowKind, StoreError> {
    let agent = agent.as_deref().map(AgentJid::normalised);
    Ok(RowKind::Moved { queue: queue_key(&queue)?, agent })
}

fn overridden(Overrides { agents }: Overrides) -> Result<RowKind, StoreError> {
    let agents = agents.into_iter().map(StoredOverride::read).collect::<Result<_, _>>()?;
    Ok(RowKind::Overrides { agents })
}

fn offers(asked: Asked) -> QuestionKind {
    match asked {
        Asked::Choices(labels) => QuestionKind::Choices(labels),
        Asked::Fields(labels) => QuestionKind::Fields(labels),
    }
}

/// Appends the values of a row of the log, in the order of the columns, from `pos` on.
pub(super) fn row_into<'r>(row: &'r Row, to: &mut Vec<Value<'r>>) -> Result<(), StoreError> {
    let (text, details) = content(&row.kind)?;
    let (author, jid, name) = match &row.author {
        Author::Customer => (CUSTOMER, None, None),
        Author::Agent { jid, name } => (AGENT, Some(jid.as_str()), Some(&**name)),
        Author::System => (SYSTEM, None, None),
    };
    let key = row.key.as_ref();
    let columns: [Value<'r>; 16] = [
        int(row.pos.0)?.into(),
        (&row.conversation.0).into(),
        row.tenant.as_str().into(),
        (&row.customer.0).into(),
        row.seq.map(|seq| int(seq.0)).transpose()?.into(),
        row.at.0.into(),
        row.kind.kind().word().into(),
        author.into(),
        jid.into(),
        name.into(),
        key.map(|key| key.session.0.as_bytes().as_slice()).into(),
        key.map(|key| key.id.as_str()).into(),
        row.stanza.as_deref().into(),
        text.into(),
        details.into(),
        jids(&row.recipients)?.into(),
    ];
    to.extend(columns);
    Ok(())
}

/// A row of the log from its model.
pub(super) fn row_from(model: log::Model) -> Result<Row, StoreError> {
    let kind = kind_from(&model)?;
    let author = match (model.author.as_str(), &model.author_jid, &model.author_name) {
        (CUSTOMER, None, None) => Author::Customer,
        (AGENT, Some(jid), Some(name)) => {
            Author::Agent { jid: AgentJid::normalised(jid), name: name.as_str().into() }
        }
        (SYSTEM, None, None) => Author::System,
        (other, ..) => return Err(corrupt("the author", other)),
    };
    let key = match (model.session, model.command.as_deref()) {
        (Some(session), Some(id)) => Some(command_key(session, id)?),
        (None, None) => None,
        _ => return Err(corrupt("half a command", format!("at position {}", model.pos))),
    };
    Ok(Row {
        pos: Pos(nat(model.pos)?),
        tenant: tenant_key(&model.tenant)?,
        conversation: ConversationId(model.conversation),
        customer: CustomerId(model.customer),
        seq: model.seq.map(nat).transpose()?.map(Seq),
        at: Timestamp(model.at),
        author,
        key,
        stanza: model.stanza.map(Into::into),
        kind,
        recipients: parse_jids(model.recipients.as_deref())?,
    })
}

pub(super) fn rows_from(models: Vec<log::Model>) -> Result<Vec<Arc<Row>>, StoreError> {
    models.into_iter().map(|model| row_from(model).map(Arc::new)).collect()
}

pub(super) fn command_key(session: uuid::Uuid, id: &str) -> Result<CommandKey, StoreError> {
    let id = CommandId::new(id).map_err(|_| corrupt("the command's id", id))?;
    Ok(CommandKey { session: SessionId(session), id })
}

#[cfg(test)]
mod tests;
