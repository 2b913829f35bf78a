//! Converts between rows of tables and the core's types.
//!
//! Invariant: what is read back equals what was written; a word that this version does not know is
//! an error, never guessed.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::connection::Value;
use super::entity::{agent, customer, log, queue};
use super::error::corrupt;
use crate::chat::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, FileId, FileKey, Localpart, Pos, QueueKey,
    Seq, SessionId, TenantKey, Timestamp,
};
use crate::chat::model::{CloseReason, Customer};
use crate::chat::row::{
    Answers, Author, CommandKey, FetchError, File, QuestionKind, RequeueReason, Row, RowKind,
    Target,
};
use crate::chat::settings::{AgentSettings, QueueSettings, Role, Strategy};
use crate::ports::store_error::StoreError;

/// A number as the databases store it: signed.
pub(super) fn int(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Refused("a number is too large".to_owned()))
}

/// A stored number that is never negative.
pub(super) fn nat(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| corrupt("the number", number))
}

pub(super) fn tenant_key(text: &str) -> Result<TenantKey, StoreError> {
    TenantKey::new(text).map_err(|_| corrupt("the tenant's key", text))
}

pub(super) fn queue_key(text: &str) -> Result<QueueKey, StoreError> {
    QueueKey::new(text).map_err(|_| corrupt("the queue's key", text))
}

pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|cause| corrupt("JSON:", cause))
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|cause| StoreError::Refused(format!("what cannot be written as JSON: {cause}")))
}

/// Agents as a JSON array for a column; null if there are none.
pub(super) fn jids(list: &[AgentJid]) -> Result<Option<String>, StoreError> {
    if list.is_empty() {
        return Ok(None);
    }
    json(&list.iter().map(AgentJid::as_str).collect::<Vec<_>>()).map(Some)
}

/// Agents from the JSON array of a column.
pub(super) fn parse_jids(text: Option<&str>) -> Result<Vec<AgentJid>, StoreError> {
    let list: Vec<String> = text.map(parse).transpose()?.unwrap_or_default();
    Ok(list.iter().map(|jid| AgentJid::normalised(jid)).collect())
}

macro_rules! words {
    ($to:ident, $from:ident, $type:ident, $what:literal, { $($variant:ident = $word:literal),* $(,)? }) => {
        pub(super) fn $to(value: $type) -> &'static str {
            match value { $($type::$variant => $word),* }
        }

        pub(super) fn $from(word: &str) -> Result<$type, StoreError> {
            match word {
                $($word => Ok($type::$variant),)*
                _ => Err(corrupt($what, word)),
            }
        }
    };
}

words!(close_word, parse_close, CloseReason, "the reason", {
    Customer = "customer", Agent = "agent", Idle = "idle", Full = "full", Operator = "operator",
});
words!(requeue_word, parse_requeue, RequeueReason, "the reason", {
    Silent = "silent", Gone = "gone", Bounced = "bounced", Removed = "removed",
});
words!(strategy_word, parse_strategy, Strategy, "the strategy", {
    LeastLoaded = "least-loaded", RoundRobin = "round-robin", RingAll = "ring-all",
});
words!(role_word, parse_role, Role, "the role", {
    Agent = "agent", Supervisor = "supervisor",
});

/// The data of some kinds of row, stored as JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Details {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answers: Option<Vec<(Arc<str>, Arc<str>)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    marks: Option<[u64; 2]>,
    /// The possible answers of a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<Arc<str>>>,
    /// The fields of a form that customers are asked to fill in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<Arc<str>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    files: Option<Vec<StoredFile>>,
    /// The `pos` of the agent's row whose link led to this row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    /// The limit that a file exceeded, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    most: Option<u64>,
    /// The `seq` and `pos` of the message that is edited or retracted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<[u64; 2]>,
}

#[derive(Debug, Serialize, Deserialize)]
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

fn fetch_word(why: FetchError) -> (&'static str, Option<u64>) {
    match why {
        FetchError::Off => ("off", None),
        FetchError::Forbidden => ("forbidden", None),
        FetchError::TooLarge(most) => ("large", Some(most)),
        FetchError::WrongType => ("type", None),
        FetchError::Slow => ("slow", None),
        FetchError::Broken => ("broken", None),
        FetchError::NotKept => ("unkept", None),
        FetchError::Ended => ("ended", None),
    }
}

fn parse_fetch(word: &str, most: Option<u64>) -> Result<FetchError, StoreError> {
    Ok(match word {
        "off" => FetchError::Off,
        "forbidden" => FetchError::Forbidden,
        "large" => FetchError::TooLarge(most.unwrap_or_default()),
        "type" => FetchError::WrongType,
        "slow" => FetchError::Slow,
        "broken" => FetchError::Broken,
        "unkept" => FetchError::NotKept,
        "ended" => FetchError::Ended,
        _ => return Err(corrupt("the reason", word)),
    })
}

/// The complete details of an edit or retraction of this message. They never vary, so rows can be
/// found by them.
pub(super) fn target_details(target: Target) -> Result<String, StoreError> {
    json(&Details { target: Some([target.seq.0, target.pos.0]), ..Details::default() })
}

/// Appends the values of a row of the log, in the order of the columns, from `pos` on.
pub(super) fn row_into<'r>(row: &'r Row, to: &mut Vec<Value<'r>>) -> Result<(), StoreError> {
    let mut text = None;
    let mut details = None;
    let mut written = None;
    let kind = match &row.kind {
        RowKind::Opened { answers } => {
            if !answers.is_empty() {
                details = Some(Details { answers: Some(answers.clone()), ..Details::default() });
            }
            OPENED
        }
        RowKind::Message { text: words, reply_to } => {
            text = Some(&**words);
            if let Some(seq) = reply_to {
                details = Some(Details { reply_to: Some(seq.0), ..Details::default() });
            }
            MESSAGE
        }
        RowKind::Files { files, text: words, reply_to, of } => {
            text = Some(&**words);
            if !files.is_empty() {
                details = Some(Details {
                    files: Some(files.iter().map(StoredFile::from).collect()),
                    reply_to: reply_to.map(|seq| seq.0),
                    of: of.map(|pos| pos.0),
                    ..Details::default()
                });
            }
            FILES
        }
        RowKind::Linked { url } => {
            text = Some(&**url);
            LINKED
        }
        RowKind::Unfetched { of, why } => {
            let (reason, most) = fetch_word(*why);
            let (of, reason) = (Some(of.0), Some(reason.to_owned()));
            details = Some(Details { of, reason, most, ..Details::default() });
            UNFETCHED
        }
        RowKind::Asked { text: words, offers } => {
            text = Some(&**words);
            details = Some(match offers.clone() {
                QuestionKind::Choices(labels) => {
                    Details { choices: Some(labels), ..Details::default() }
                }
                QuestionKind::Fields(labels) => {
                    Details { fields: Some(labels), ..Details::default() }
                }
            });
            ASKED
        }
        RowKind::Choice { of, text: words } => {
            text = Some(&**words);
            details = Some(Details { reply_to: Some(of.0), ..Details::default() });
            CHOICE
        }
        RowKind::Edit { target, text: words } => {
            text = Some(&**words);
            written = Some(target_details(*target)?);
            EDIT
        }
        RowKind::Retract { target } => {
            written = Some(target_details(*target)?);
            RETRACT
        }
        RowKind::Rated { score, comment } => {
            text = comment.as_deref();
            details = Some(Details { score: Some(*score), ..Details::default() });
            RATED
        }
        RowKind::Joined => JOINED,
        RowKind::Left => LEFT,
        RowKind::Closed { reason } => {
            let reason = Some(close_word(*reason).to_owned());
            details = Some(Details { reason, ..Details::default() });
            CLOSED
        }
        RowKind::Offered => OFFERED,
        RowKind::Requeued { agent, reason } => {
            details = Some(Details {
                agent: Some(agent.to_string()),
                reason: Some(requeue_word(*reason).to_owned()),
                ..Details::default()
            });
            REQUEUED
        }
        RowKind::Marked { delivered, read } => {
            let marks = Some([delivered.0, read.0]);
            details = Some(Details { marks, ..Details::default() });
            "marked"
        }
    };
    let (author, jid, name) = match &row.author {
        Author::Customer => (CUSTOMER, None, None),
        Author::Agent { jid, name } => (AGENT, Some(jid.as_str()), Some(&**name)),
        Author::System => ("system", None, None),
    };
    let key = row.key.as_ref();
    let columns: [Value<'r>; 16] = [
        int(row.pos.0)?.into(),
        (&row.conversation.0).into(),
        row.tenant.as_str().into(),
        (&row.customer.0).into(),
        row.seq.map(|seq| int(seq.0)).transpose()?.into(),
        row.at.0.into(),
        kind.into(),
        author.into(),
        jid.into(),
        name.into(),
        key.map(|key| key.session.0.as_bytes().as_slice()).into(),
        key.map(|key| key.id.as_str()).into(),
        row.stanza.as_deref().into(),
        text.into(),
        written
            .map_or_else(|| details.as_ref().map(json).transpose(), |text| Ok(Some(text)))?
            .into(),
        jids(&row.recipients)?.into(),
    ];
    to.extend(columns);
    Ok(())
}

/// The answers in the details of a row that opens a conversation.
pub(super) fn answers_from(details: &str) -> Result<Answers, StoreError> {
    Ok(parse::<Details>(details)?.answers.unwrap_or_default())
}

/// A message.
pub(super) const MESSAGE: &str = "message";
/// An edit of an earlier message.
pub(super) const EDIT: &str = "edit";
/// A retraction of an earlier message.
pub(super) const RETRACT: &str = "retract";
/// The kinds for which [`RowKind::is_said`] is true.
pub(super) const SAID: [&str; 6] = [MESSAGE, FILES, ASKED, CHOICE, EDIT, RETRACT];
/// A message with files.
pub(super) const FILES: &str = "files";
/// An agent's link to a file.
pub(super) const LINKED: &str = "linked";
/// A link whose file could not be fetched.
pub(super) const UNFETCHED: &str = "unfetched";
/// A question with answers to choose from.
const ASKED: &str = "asked";
/// A customer's answer to a question.
const CHOICE: &str = "choice";
/// A customer's rating.
pub(super) const RATED: &str = "rated";
/// The start of a conversation, or a further `start`.
pub(super) const OPENED: &str = "opened";
pub(super) const JOINED: &str = "joined";
pub(super) const LEFT: &str = "left";
pub(super) const CLOSED: &str = "closed";
/// Agents got an offer.
pub(super) const OFFERED: &str = "offered";
/// A conversation returned to its queue.
pub(super) const REQUEUED: &str = "requeued";
/// The author of a customer's row.
pub(super) const CUSTOMER: &str = "customer";
/// The author of an agent's row.
pub(super) const AGENT: &str = "agent";

/// A row of the log from its model.
pub(super) fn row_from(model: log::Model) -> Result<Row, StoreError> {
    let details: Details = model.details.as_deref().map(parse).transpose()?.unwrap_or_default();
    let at = |what: &str| corrupt(what, format!("at position {}", model.pos));
    let kind = match model.kind.as_str() {
        OPENED => RowKind::Opened { answers: details.answers.unwrap_or_default() },
        MESSAGE => RowKind::Message {
            text: model.text.as_deref().ok_or_else(|| at("a message without text"))?.into(),
            reply_to: details.reply_to.map(Seq),
        },
        FILES => RowKind::Files {
            text: model.text.as_deref().unwrap_or_default().into(),
            files: details.files.unwrap_or_default().into_iter().map(File::from).collect(),
            reply_to: details.reply_to.map(Seq),
            of: details.of.map(Pos),
        },
        LINKED => RowKind::Linked {
            url: model.text.as_deref().ok_or_else(|| at("a link to nothing"))?.into(),
        },
        UNFETCHED => RowKind::Unfetched {
            of: details.of.map(Pos).ok_or_else(|| at("nothing that was not fetched"))?,
            why: parse_fetch(
                &details.reason.ok_or_else(|| at("a failure without reason"))?,
                details.most,
            )?,
        },
        ASKED => RowKind::Asked {
            text: model.text.as_deref().ok_or_else(|| at("a question without text"))?.into(),
            offers: match (details.choices, details.fields) {
                (Some(labels), None) => QuestionKind::Choices(labels),
                (None, Some(labels)) => QuestionKind::Fields(labels),
                _ => return Err(at("a question that offers nothing")),
            },
        },
        CHOICE => RowKind::Choice {
            of: details.reply_to.map(Seq).ok_or_else(|| at("an answer to nothing"))?,
            text: model.text.as_deref().ok_or_else(|| at("an answer without text"))?.into(),
        },
        EDIT => RowKind::Edit {
            target: target_from(&details).ok_or_else(|| at("an edit of nothing"))?,
            text: model.text.as_deref().ok_or_else(|| at("an edit without text"))?.into(),
        },
        RETRACT => RowKind::Retract {
            target: target_from(&details).ok_or_else(|| at("a retraction of nothing"))?,
        },
        RATED => RowKind::Rated {
            score: details.score.ok_or_else(|| at("a rating without score"))?,
            comment: model.text.as_deref().map(Into::into),
        },
        JOINED => RowKind::Joined,
        LEFT => RowKind::Left,
        CLOSED => RowKind::Closed {
            reason: parse_close(&details.reason.ok_or_else(|| at("an end without reason"))?)?,
        },
        OFFERED => RowKind::Offered,
        REQUEUED => RowKind::Requeued {
            agent: AgentJid::normalised(
                &details.agent.ok_or_else(|| at("a return without agent"))?,
            ),
            reason: parse_requeue(&details.reason.ok_or_else(|| at("a return without reason"))?)?,
        },
        "marked" => {
            let [delivered, read] = details.marks.ok_or_else(|| at("no marks"))?;
            RowKind::Marked { delivered: Seq(delivered), read: Seq(read) }
        }
        other => return Err(corrupt("the kind of row", other)),
    };
    let author = match (model.author.as_str(), &model.author_jid, &model.author_name) {
        (CUSTOMER, None, None) => Author::Customer,
        (AGENT, Some(jid), Some(name)) => {
            Author::Agent { jid: AgentJid::normalised(jid), name: name.as_str().into() }
        }
        ("system", None, None) => Author::System,
        (other, ..) => return Err(corrupt("the author", other)),
    };
    let key = match (model.session, model.command.as_deref()) {
        (Some(session), Some(id)) => Some(command_key(session, id)?),
        (None, None) => None,
        _ => return Err(at("half a command")),
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

fn target_from(details: &Details) -> Option<Target> {
    let [seq, pos] = details.target?;
    Some(Target { seq: Seq(seq), pos: Pos(pos) })
}

pub(super) fn rows_from(models: Vec<log::Model>) -> Result<Vec<Arc<Row>>, StoreError> {
    models.into_iter().map(|model| row_from(model).map(Arc::new)).collect()
}

pub(super) fn command_key(session: uuid::Uuid, id: &str) -> Result<CommandKey, StoreError> {
    let id = CommandId::new(id).map_err(|_| corrupt("the command's id", id))?;
    Ok(CommandKey { session: SessionId(session), id })
}

/// A customer from their row.
pub(super) fn customer_from(model: customer::Model) -> Result<Customer, StoreError> {
    Ok(Customer {
        id: CustomerId(model.id),
        tenant: tenant_key(&model.tenant)?,
        localpart: Localpart::new(&model.localpart)
            .map_err(|_| corrupt("the localpart", &model.localpart))?,
        name: model.name.map(Into::into),
        conversations: u32::try_from(model.conversations)
            .map_err(|_| corrupt("the count", model.conversations))?,
    })
}

pub(super) fn queue_from(model: queue::Model) -> Result<QueueSettings, StoreError> {
    Ok(QueueSettings {
        key: queue_key(&model.slug)?,
        name: model.name.into(),
        strategy: parse_strategy(&model.strategy)?,
        offer_ms: model.offer_ms,
    })
}

/// An agent from their row, with their queues.
pub(super) fn agent_from(
    model: agent::Model,
    queues: Vec<QueueKey>,
) -> Result<AgentSettings, StoreError> {
    Ok(AgentSettings {
        jid: AgentJid::normalised(&model.jid),
        name: model.name.into(),
        capacity: u32::try_from(model.capacity)
            .map_err(|_| corrupt("the capacity", model.capacity))?,
        role: parse_role(&model.role)?,
        queues,
    })
}
