//! What a customer's client sends.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Error as _, IgnoredAny};

use super::server::ErrorCode;

/// The longest id of a command, in characters.
pub const ID_CHARS: usize = 64;

// Long texts are borrowed from the frame.
/// A frame from a customer's client.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame<'a> {
    /// Must be the first frame, and is sent only once.
    Hello(Hello),
    /// Opens a conversation, or joins the open one. Durable.
    Start(Start),
    /// Sends a message. Durable.
    Message(Message<'a>),
    /// Corrects a message. Durable.
    Edit(Edit),
    /// Retracts a message. Durable.
    Retract {
        /// The command's id.
        id: String,
        /// The id of the customer's own message.
        target: String,
    },
    /// Reacts to an agent's message with an emoji. Durable.
    React(React),
    /// Answers a question that came with buttons or a form. Durable.
    Choice(Choice),
    /// Rates the conversation that has ended. Durable.
    Rate(Rate),
    /// Ends the conversation. Durable.
    End {
        /// The command's id.
        id: String,
    },
    /// The customer is typing, or stopped.
    Typing {
        /// Whether they are typing.
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
    /// Checks that the connection works.
    Ping {
        /// Returned in the `pong`.
        n: Option<u64>,
    },
}

/// The first frame.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
pub struct Hello {
    /// The token of the session to resume.
    pub session: Option<String>,
    /// A JWT that says who the customer is.
    pub identity: Option<String>,
    /// The conversation that `last_seq` belongs to; both or neither.
    pub conversation: Option<String>,
    /// The last entry that the client has.
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
    /// The queue; `default` if absent.
    pub queue: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// The form before the conversation: `name`, `email` and what else the tenant asks for.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
}

/// Sends a message.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct Message<'a> {
    /// The command's id.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// The text.
    #[serde(borrow)]
    #[schemars(with = "Option<String>")]
    pub text: Option<Text<'a>>,
    /// The ids of files uploaded earlier.
    #[serde(default)]
    pub files: Vec<String>,
    /// The `seq` of the entry it replies to.
    pub reply_to: Option<u64>,
}

/// Corrects a message.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct Edit {
    /// The command's id.
    pub id: String,
    /// The id of the customer's own message.
    pub target: String,
    /// The new text.
    pub text: String,
}

/// Reacts to a message.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct React {
    /// The command's id.
    pub id: String,
    /// The `seq` of the agent's message.
    pub target: u64,
    /// The emoji, instead of any other one; none takes the reaction back.
    pub emoji: Option<String>,
}

/// Answers a question.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct Choice {
    /// The command's id.
    pub id: String,
    /// The question's `seq`.
    pub of: u64,
    /// The answer.
    pub value: ChoiceValue,
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ChoiceValue {
    /// The `value` of a button.
    Button(String),
    /// A text for each field of a form, by its `name`.
    Form(BTreeMap<String, String>),
}

/// Rates the conversation that has ended.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct Rate {
    /// The command's id.
    pub id: String,
    /// From 1 to 5.
    pub score: u8,
    /// A comment.
    pub comment: Option<String>,
}

/// A text of a frame: borrowed, unless something in it was escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// Asks for earlier entries.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct History {
    /// Returned as `for`.
    pub id: String,
    /// The conversation; the open or last one if absent.
    pub conversation: Option<String>,
    /// Only entries before this one.
    pub before: Option<u64>,
    /// At most this many, and never more than 100.
    pub limit: Option<u32>,
}

/// A frame that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `bad_frame` or `unknown_type`.
    pub code: ErrorCode,
    /// What is wrong with it, without the client's words.
    pub message: String,
    /// Its `id`, if one could be read.
    pub id: Option<String>,
}

/// The result of reading a text frame.
pub type Decoded<'a> = Result<ClientFrame<'a>, Refused>;

/// The known types of frames, to tell an unknown one from a malformed one.
const TYPES: [&str; 14] = [
    "hello", "start", "message", "edit", "retract", "react", "choice", "rate", "end", "typing",
    "read", "page", "history", "ping",
];

/// Reads one text frame, in linear time; the caller has limited its length to
/// [`FRAME_BYTES`](super::FRAME_BYTES).
///
/// # Errors
/// If it is not a JSON object, its `type` is unknown, or a field is missing or of a wrong type.
pub fn decode(text: &str) -> Decoded<'_> {
    read(text).map_err(|broken| refuse(text, &broken))
}

/// Reads the type first, then the frame: reading both at once would copy every field before its
/// meaning is known.
fn read(text: &str) -> Result<ClientFrame<'_>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    }
    #[derive(Deserialize)]
    struct Retract {
        id: String,
        target: String,
    }
    #[derive(Deserialize)]
    struct End {
        id: String,
    }
    #[derive(Deserialize)]
    struct Typing {
        on: bool,
    }
    #[derive(Deserialize)]
    struct Read {
        seq: u64,
    }
    #[derive(Deserialize)]
    struct Ping {
        n: Option<u64>,
    }
    // serde would also accept an array, by the positions of the fields.
    if !text.trim_start().starts_with('{') {
        serde_json::from_str::<IgnoredAny>(text)?;
        return Err(serde_json::Error::custom("not an object"));
    }
    let Head { kind } = serde_json::from_str(text)?;
    Ok(match kind.as_ref() {
        "hello" => ClientFrame::Hello(serde_json::from_str(text)?),
        "start" => ClientFrame::Start(serde_json::from_str(text)?),
        "message" => ClientFrame::Message(serde_json::from_str(text)?),
        "edit" => ClientFrame::Edit(serde_json::from_str(text)?),
        "retract" => {
            let Retract { id, target } = serde_json::from_str(text)?;
            ClientFrame::Retract { id, target }
        }
        "react" => ClientFrame::React(serde_json::from_str(text)?),
        "choice" => ClientFrame::Choice(serde_json::from_str(text)?),
        "rate" => ClientFrame::Rate(serde_json::from_str(text)?),
        "end" => {
            let End { id } = serde_json::from_str(text)?;
            ClientFrame::End { id }
        }
        "typing" => {
            let Typing { on } = serde_json::from_str(text)?;
            ClientFrame::Typing { on }
        }
        "read" => {
            let Read { seq } = serde_json::from_str(text)?;
            ClientFrame::Read { seq }
        }
        "page" => ClientFrame::Page(serde_json::from_str(text)?),
        "history" => ClientFrame::History(serde_json::from_str(text)?),
        "ping" => {
            let Ping { n } = serde_json::from_str(text)?;
            ClientFrame::Ping { n }
        }
        _ => return Err(serde_json::Error::custom("an unknown type")),
    })
}

/// What is wrong with a frame, without quoting the client's text.
fn refuse(text: &str, broken: &serde_json::Error) -> Refused {
    #[derive(Default, Deserialize)]
    struct Head {
        #[serde(rename = "type")]
        kind: Option<serde_json::Value>,
        id: Option<serde_json::Value>,
    }
    let head = serde_json::from_str::<Head>(text).unwrap_or_default();
    let id = match head.id {
        Some(serde_json::Value::String(id)) if id.len() <= ID_CHARS => Some(id),
        _ => None,
    };
    let (code, message) = match head.kind.as_ref().and_then(serde_json::Value::as_str) {
        Some(kind) if !TYPES.contains(&kind) => {
            (ErrorCode::UnknownType, "unknown type of frame".to_owned())
        }
        _ => (ErrorCode::BadFrame, describe(broken)),
    };
    Refused { code, message, id }
}

/// serde_json's own message may quote the offending value, so only the position, or the name of a
/// missing field, is passed on.
fn describe(broken: &serde_json::Error) -> String {
    if !broken.is_data() {
        return format!("not JSON (line {}, column {})", broken.line(), broken.column());
    }
    let text = broken.to_string();
    match text.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        Some((field, _)) => format!("the field `{field}` is missing"),
        None => "not an object, or a field of it is of a wrong type".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Refused {
        decode(text).unwrap_err()
    }

    #[test]
    fn the_clients_text_is_not_returned() {
        for text in [
            r#"["end","SECRET"]"#,
            r#"["SECRET"]"#,
            r#"{"type":"SECRET","id":"a"}"#,
            r#"{"type":"read","seq":"SECRET"}"#,
            r#"{"type":"typing","on":{"SECRET":1}}"#,
            r#""SECRET"#,
        ] {
            let refused = refused(text);
            assert!(!refused.message.contains("SECRET"), "{text}: {}", refused.message);
        }
    }

    #[test]
    fn a_missing_field_is_named() {
        assert_eq!(refused(r#"{"type":"end"}"#).message, "the field `id` is missing");
        assert_eq!(refused(r#"{"id":"x"}"#).message, "the field `type` is missing");
    }

    #[test]
    fn depth_is_bounded() {
        for depth in [127, 128, 1_000, 30_000] {
            let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            let frame = format!(r#"{{"type":"ping","n":{nested}}}"#);
            assert_eq!(refused(&frame).code, ErrorCode::BadFrame, "{depth}");
            assert_eq!(refused(&nested).code, ErrorCode::BadFrame, "{depth}");
        }
        // Nobody reads this field, so its depth does not matter.
        let ignored =
            format!(r#"{{"type":"ping","x":{}1{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
        assert!(decode(&ignored).is_ok());
    }

    #[test]
    fn an_id_too_long_for_one_is_not_returned() {
        let frame = format!(r#"{{"type":"end","id":"{}","id":1}}"#, "a".repeat(65));
        assert_eq!(refused(&frame).id, None);
        let frame = format!(r#"{{"type":"message","text":1,"id":"{}"}}"#, "a".repeat(64));
        assert_eq!(refused(&frame).id.map(|id| id.len()), Some(64));
    }
}
