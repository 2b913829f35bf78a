//! What the gateway sends to a customer's client.

use schemars::JsonSchema;
use serde::Serialize;

/// A frame to a customer's client.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// Answers `hello`.
    Welcome(Box<Welcome>),
    /// The command is stored, and will not be lost.
    Ack(Ack),
    /// A durable line of the conversation.
    Entry(Box<Entry>),
    /// Where the conversation stands.
    State(State),
    /// How far the agent's client has confirmed.
    Receipt(Receipt),
    /// The agent types, or stopped.
    Typing(Typing),
    /// Answers `ping`.
    Pong(Pong),
    /// Several entries.
    Entries(Entries),
    /// Something was refused.
    Error(ErrorFrame),
    /// The socket closes after this.
    Bye(Bye),
}

/// Answers `hello`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Welcome {
    /// The session to come back with.
    pub session: SessionInfo,
    /// The conversation in hand, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationInfo>,
    /// The entries after `last_seq`; at most 100, the rest follows in `entries` frames.
    pub entries: Vec<Entry>,
    /// More follow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// How far the agent's client has confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// What this gateway takes.
    pub limits: Limits,
    /// The gateway's clock.
    pub now: i64,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SessionInfo {
    /// The token to come back with; secret.
    pub token: String,
    /// The customer's id.
    pub customer: String,
    /// When the token ends.
    pub expires: i64,
}

/// The conversation in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConversationInfo {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: Phase,
    /// Its queue.
    pub queue: String,
    /// Who serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// Its last entry.
    pub seq: u64,
}

/// Where a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// In line.
    Waiting,
    /// Served.
    Active,
    /// Ended.
    Closed,
}

/// An agent, as customers see him.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Agent {
    /// His name.
    pub name: String,
    /// His picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

/// What this gateway takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Limits {
    /// The longest frame, in bytes.
    pub frame_bytes: u32,
    /// The longest text, in Unicode scalars.
    pub text_chars: u32,
    /// The largest file, in bytes; 0 where none is taken.
    pub file_bytes: u64,
    /// The most durable commands a second.
    pub messages_per_second: u32,
}

/// The command is stored, and will not be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Ack {
    /// The command.
    pub id: String,
    /// The conversation it went into.
    pub conversation: String,
    /// Its place there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// When it was stored.
    pub at: i64,
}

/// A durable line of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// Its conversation.
    pub conversation: String,
    /// Its place there, from 1 without gaps.
    pub seq: u64,
    /// When.
    pub at: i64,
    /// What.
    pub kind: EntryKind,
    /// Who.
    pub from: From,
    /// The command's id, of the customer's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// The entry it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
    /// What a question may be answered by, with a `choice`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
    /// A form to be filled in and sent as a `choice`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub form: Vec<Field>,
    /// The `seq` of the message that is edited or retracted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<u64>,
}

/// One answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Button {
    /// What a `choice` says.
    pub value: String,
    /// What people read.
    pub label: String,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Field {
    /// By which a `choice` names it.
    pub name: String,
    /// What people read.
    pub label: String,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Words or files. Of a message that was retracted there is no `text`; of one that was edited, what
    /// it says now.
    Message,
    /// The message at `target` says something else now.
    Edit,
    /// The message at `target` was taken back.
    Retract,
    /// The customer's answer to the question at `reply_to`; its `text` is what people read.
    Choice,
    /// An agent came in.
    Joined,
    /// An agent went out.
    Left,
    /// The end.
    Closed,
}

/// Who made an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct From {
    /// Which side.
    pub kind: FromKind,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

/// Which side made an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FromKind {
    /// The customer.
    Customer,
    /// An agent.
    Agent,
    /// A program that answers.
    Bot,
    /// The desk.
    System,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct File {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Its size, in bytes.
    pub size: u64,
    /// Where it is.
    pub url: String,
}

/// Where the conversation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct State {
    /// Which conversation.
    pub conversation: String,
    /// Where it stands.
    pub state: Phase,
    /// The place in line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// The wait, estimated, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_s: Option<u32>,
    /// Who serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// Why it ended: `customer`, `agent`, `idle`, `operator` or `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far the agent's client has confirmed: every message of the customer up to there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Receipt {
    /// Which conversation.
    pub conversation: String,
    /// Received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<u64>,
    /// Shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<u64>,
}

/// The agent types, or stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Typing {
    /// Which.
    pub on: bool,
    /// The agent's name.
    pub name: String,
}

/// Answers `ping`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pong {
    /// What the `ping` had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
}

/// Several entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entries {
    /// Of which conversation.
    pub conversation: String,
    /// In the order of their `seq`.
    pub entries: Vec<Entry>,
    /// There are more.
    pub more: bool,
    /// The `history` it answers; without it, the rest of the welcome.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
}

/// Something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorFrame {
    /// Why, for programs.
    pub code: ErrorCode,
    /// Why, for people.
    pub message: String,
    /// The id it is about.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Worth another try after so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u32>,
    /// Of `unauthorized`: what is no good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<UnauthorizedReason>,
}

/// What is no good of a `hello`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnauthorizedReason {
    /// The token: the welcome that follows holds a fresh session.
    SessionUnknown,
    /// The JWT's time is over. Where a welcome follows, the session goes on without it.
    IdentityExpired,
    /// The JWT is no good; `message` names the claim.
    IdentityRefused,
}

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not a valid frame.
    BadFrame,
    /// No such type of frame.
    UnknownType,
    /// A text or a frame over its limit.
    TooLarge,
    /// Too many, too fast.
    RateLimited,
    /// The token is false or has expired.
    Unauthorized,
    /// Not allowed.
    Forbidden,
    /// No such tenant.
    UnknownTenant,
    /// No such queue.
    UnknownQueue,
    /// No conversation is open.
    NotOpen,
    /// It contradicts what is.
    Conflict,
    /// Not now; `retry_after_ms` says when.
    Unavailable,
}

/// The socket closes after this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bye {
    /// Why.
    pub reason: String,
    /// Come back after so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnect_after_ms: Option<u32>,
}

/// Writes one text frame, `type` first.
///
/// # Errors
/// Never, for what these types can hold; serde has no way to say so.
pub fn encode(frame: &ServerFrame) -> Result<String, serde_json::Error> {
    serde_json::to_string(frame)
}
