//! What the gateway sends to a customer's client.

use schemars::JsonSchema;
use serde::Serialize;

/// A frame to a customer's client.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The response to `hello`.
    Welcome(Box<Welcome>),
    /// The command is stored, and will not be lost.
    Ack(Ack),
    /// A durable entry of the conversation.
    Entry(Box<Entry>),
    /// The state of the conversation.
    State(State),
    /// How far the agent's client has confirmed the customer's messages.
    Receipt(Receipt),
    /// The agent is typing, or stopped.
    Typing(Typing),
    /// The response to `ping`.
    Pong(Pong),
    /// Several entries.
    Entries(Entries),
    /// A frame or command was refused.
    Error(ErrorFrame),
    /// The socket closes after this.
    Bye(Bye),
}

/// The response to `hello`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Welcome {
    /// The session to resume after a reconnect.
    pub session: SessionInfo,
    /// The current conversation, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationInfo>,
    /// The entries after `last_seq`; at most 100, the rest follows in `entries` frames.
    pub entries: Vec<Entry>,
    /// Whether more follow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// How far the agent's client has confirmed the customer's messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// The limits of this gateway.
    pub limits: Limits,
    /// The gateway's time.
    pub now: i64,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SessionInfo {
    /// The token to resume the session with; secret.
    pub token: String,
    /// The customer's id.
    pub customer: String,
    /// When the token expires.
    pub expires: i64,
}

/// The current conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConversationInfo {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: Phase,
    /// Its queue.
    pub queue: String,
    /// The agent who has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// Its last entry.
    pub seq: u64,
}

/// The state of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// In the queue.
    Waiting,
    /// An agent has it.
    Active,
    /// Ended.
    Closed,
}

/// An agent, as customers see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Agent {
    /// Their name.
    pub name: String,
    /// Their picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

/// The limits of this gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Limits {
    /// The longest frame, in bytes.
    pub frame_bytes: u32,
    /// The longest text, in Unicode scalars.
    pub text_chars: u32,
    /// The largest file, in bytes; 0 if files are not accepted.
    pub file_bytes: u64,
    /// The most durable commands per second.
    pub messages_per_second: u32,
}

/// The command is stored, and will not be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Ack {
    /// The command.
    pub id: String,
    /// The conversation it belongs to.
    pub conversation: String,
    /// The `seq` of its entry, if it made one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// When it was stored.
    pub at: i64,
}

/// A durable entry of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// Its conversation.
    pub conversation: String,
    /// Its number in the conversation, from 1 without gaps.
    pub seq: u64,
    /// When it was made.
    pub at: i64,
    /// Its kind.
    pub kind: EntryKind,
    /// Its author.
    pub from: From,
    /// The id of the command that made it; only in the customer's own entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// The `seq` of the entry it replies to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
    /// The answers to choose from, with a `choice`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
    /// A form to be filled in and sent as a `choice`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub form: Vec<Field>,
    /// The `seq` of the message that is edited, retracted or reacted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<u64>,
}

/// One answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Button {
    /// The value to send in a `choice`.
    pub value: String,
    /// The label that people read.
    pub label: String,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Field {
    /// Its name in a `choice`.
    pub name: String,
    /// The label that people read.
    pub label: String,
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A message: text or files. After a retraction it has no `text`, after an edit the new one.
    Message,
    /// The message at `target` was corrected.
    Edit,
    /// The message at `target` was retracted.
    Retract,
    /// A reaction to the message at `target`: `text` is an emoji; without it, there is none any more.
    Reaction,
    /// The customer's answer to the question at `reply_to`; its `text` is what people read.
    Choice,
    /// An agent joined.
    Joined,
    /// An agent left.
    Left,
    /// An agent took the conversation over from another, who left.
    Transferred,
    /// The customer has not answered for some time, and is asked whether they are still there.
    Reminder,
    /// The conversation ended.
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
    /// A bot.
    Bot,
    /// The gateway itself.
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
    /// Its address.
    pub url: String,
}

/// The state of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct State {
    /// Which conversation.
    pub conversation: String,
    /// Its state.
    pub state: Phase,
    /// The position in the queue, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// The estimated wait, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_s: Option<u32>,
    /// When somebody will be in, while the queue is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_at: Option<i64>,
    /// The agent who has the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// Why it ended: `customer`, `agent`, `idle`, `operator` or `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far the agent's client has confirmed the customer's messages: all up to there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Receipt {
    /// Which conversation.
    pub conversation: String,
    /// Received up to here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<u64>,
    /// Shown up to here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<u64>,
}

/// The agent is typing, or stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Typing {
    /// Whether they are typing.
    pub on: bool,
    /// The agent's name.
    pub name: String,
}

/// The response to `ping`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pong {
    /// The number of the `ping`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
}

/// Several entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entries {
    /// The conversation.
    pub conversation: String,
    /// In the order of their `seq`.
    pub entries: Vec<Entry>,
    /// Whether there are more.
    pub more: bool,
    /// The `history` that it responds to; if absent, the rest of the welcome.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
}

/// A frame or command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorFrame {
    /// The reason, for programs.
    pub code: ErrorCode,
    /// The reason, for people.
    pub message: String,
    /// The id of the command it refers to.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Try again after this time, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u32>,
    /// With `unauthorized`: what is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<UnauthorizedReason>,
}

/// What is invalid in a `hello`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnauthorizedReason {
    /// The token; the welcome that follows has a new session.
    SessionUnknown,
    /// The JWT has expired. If a welcome follows, the session continues without it.
    IdentityExpired,
    /// The JWT is invalid; `message` names the claim.
    IdentityRefused,
}

/// Why a frame or command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not a valid frame.
    BadFrame,
    /// Unknown type of frame.
    UnknownType,
    /// A text or a frame over its limit.
    TooLarge,
    /// Too many frames in too short a time.
    RateLimited,
    /// The token is invalid or has expired.
    Unauthorized,
    /// Not allowed.
    Forbidden,
    /// No such tenant.
    UnknownTenant,
    /// No such queue.
    UnknownQueue,
    /// No conversation is open.
    NotOpen,
    /// It conflicts with the current state.
    Conflict,
    /// Temporarily unavailable; `retry_after_ms` says when to try again.
    Unavailable,
}

/// The socket closes after this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bye {
    /// The reason.
    pub reason: String,
    /// Reconnect after this time, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnect_after_ms: Option<u32>,
}

/// Writes one text frame, with `type` first.
///
/// # Errors
/// Never, for the values that these types can hold.
pub fn encode(frame: &ServerFrame) -> Result<String, serde_json::Error> {
    serde_json::to_string(frame)
}
