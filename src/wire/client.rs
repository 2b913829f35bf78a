//! What a customer's client sends.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ErrorCode;

/// A frame from a customer's client.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// The first frame, and only once.
    Hello(Hello),
    /// Opens a conversation, or joins the open one. Durable.
    Start(Start),
    /// Says something. Durable.
    Message(Message),
    /// Ends the conversation. Durable.
    End {
        /// The command's id.
        id: String,
    },
    /// Types, or stopped.
    Typing {
        /// Which.
        on: bool,
    },
    /// Everything up to this entry was shown.
    Read {
        /// The entry.
        seq: u64,
    },
    /// The page the customer is on.
    Page(Page),
    /// Asks for earlier entries.
    History(History),
    /// Asks whether anyone is there.
    Ping {
        /// Comes back in the `pong`.
        n: Option<u64>,
    },
}

/// The first frame.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
pub struct Hello {
    /// The token of a session to go on with.
    pub session: Option<String>,
    /// A JWT that says who the customer is.
    pub identity: Option<String>,
    /// The conversation that `last_seq` is of; both or neither.
    pub conversation: Option<String>,
    /// Everything up to it was seen.
    pub last_seq: Option<u64>,
    /// The customer's language (BCP 47).
    pub locale: Option<String>,
    /// The page the customer is on.
    pub page: Option<Page>,
}

/// A page; of its address only origin and path are kept.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
pub struct Page {
    /// Its address.
    pub url: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Where the customer came from.
    pub referrer: Option<String>,
}

/// Opens a conversation.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct Start {
    /// The command's id.
    pub id: String,
    /// The queue; `default` where none is named.
    pub queue: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// The form filled in before: `name`, `email` and what else the tenant asks.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
}

/// Says something.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct Message {
    /// The command's id.
    pub id: String,
    /// The words.
    pub text: Option<String>,
    /// Files sent before.
    #[serde(default)]
    pub files: Vec<String>,
    /// The entry it answers.
    pub reply_to: Option<u64>,
}

/// Asks for earlier entries.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct History {
    /// Comes back as `for`.
    pub id: String,
    /// Of which conversation; of the open or last one where none is named.
    pub conversation: Option<String>,
    /// Only entries before this one.
    pub before: Option<u64>,
    /// At most so many, and never more than 100.
    pub limit: Option<u32>,
}

/// A frame that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `bad_frame` or `unknown_type`.
    pub code: ErrorCode,
    /// What is wrong with it, without the client's words.
    pub message: String,
    /// Its `id`, where one could be read.
    pub id: Option<String>,
}

/// What became of a text frame.
pub type Decoded = Result<ClientFrame, Refused>;

/// Reads one text frame. Linear in its length; the caller has bounded that to [`FRAME_BYTES`](super::FRAME_BYTES).
///
/// # Errors
/// Where it is not a JSON object, its `type` is unknown, or a field is missing or of a wrong type.
pub fn decode(text: &str) -> Decoded {
    const TYPES: [&str; 9] =
        ["hello", "start", "message", "end", "typing", "read", "page", "history", "ping"];
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "type")]
        kind: Option<serde_json::Value>,
        id: Option<serde_json::Value>,
    }
    let broken = match serde_json::from_str::<ClientFrame>(text) {
        Ok(frame) => return Ok(frame),
        Err(broken) => broken,
    };
    let head = serde_json::from_str::<Head>(text).ok();
    let (kind, id) = head.map_or((None, None), |head| (head.kind, head.id));
    let id = id.and_then(|id| id.as_str().map(str::to_owned));
    match kind.as_ref().and_then(serde_json::Value::as_str) {
        Some(kind) if !TYPES.contains(&kind) => Err(Refused {
            code: ErrorCode::UnknownType,
            message: "this gateway knows no frame of that type".to_owned(),
            id,
        }),
        // serde_json's text may quote the offending value: only its place is passed on.
        _ => Err(Refused {
            code: ErrorCode::BadFrame,
            message: format!(
                "not a valid frame (line {}, column {})",
                broken.line(),
                broken.column()
            ),
            id,
        }),
    }
}
