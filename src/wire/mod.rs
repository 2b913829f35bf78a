//! The JSON frames of the customer's socket (`couplet.v1`) and their limits.
//!
//! Invariants: these types are the protocol and nothing else; they know nothing of the core.
//! Unknown fields in a client's frame are ignored, never an error. All times are integer epoch
//! milliseconds. The JSON Schema in `docs/` is generated from these types.

mod client;
mod schema;
mod server;

pub use client::{
    Choice, ChoiceValue, ClientFrame, Decoded, Edit, Hello, History, ID_CHARS, Message, Page, Rate,
    React, Refused, Start, Text, decode,
};
pub use schema::{SUBPROTOCOL, schema};
pub use server::{
    Ack, Agent, Button, Bye, ConversationInfo, Entries, Entry, EntryKind, ErrorCode, ErrorFrame,
    Field, File, From, FromKind, Limits, Phase, Pong, Receipt, ServerFrame, SessionInfo, State,
    Typing, UnauthorizedReason, Welcome, encode,
};

/// The longest frame, in bytes.
pub const FRAME_BYTES: usize = 64 * 1024;
/// The longest text, in Unicode scalars.
pub const TEXT_CHARS: usize = 8_000;
/// The maximum number of files in one message.
pub const FILES: usize = 10;
/// The maximum number of entries in one frame.
pub const ENTRIES: usize = 100;
/// The longest subject, in Unicode scalars.
pub const SUBJECT_CHARS: usize = 200;
/// The maximum number of answers in a form.
pub const ANSWERS: usize = 32;
/// The longest name of an answer, in Unicode scalars.
pub const ANSWER_NAME_CHARS: usize = 64;
/// The longest answer in a field of a form that an agent sent, in Unicode scalars.
pub const FIELD_CHARS: usize = 500;
/// The longest comment of a rating, in Unicode scalars.
pub const COMMENT_CHARS: usize = 1_000;
/// The longest answer, in Unicode scalars.
pub const ANSWER_CHARS: usize = 1_000;
/// The number of entries that a `history` without `limit` returns.
pub const HISTORY: u32 = 50;
