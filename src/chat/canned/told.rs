//! What agents ask for and are told about canned replies, and how many there may be.

use std::sync::Arc;

use crate::chat::ids::ReplyKey;

/// The most canned replies of a tenant.
pub const REPLIES: usize = 500;
/// The longest text of one, in characters.
pub const TEXT_CHARS: usize = 4_000;
/// How many are joined to one message at most.
pub const JOINED: usize = 10;

/// What an agent asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CannedCommand {
    List,
    /// Says replies to the customer, by their keys with arguments; what words find is only shown.
    Say {
        words: Arc<str>,
    },
    /// Shows replies to the agent alone.
    Show {
        words: Arc<str>,
    },
}

/// What an agent is told about canned replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CannedNotice {
    /// The first replies, by key, with their titles, and how many there are besides.
    List { replies: Vec<(ReplyKey, Arc<str>)>, more: usize },
    /// A reply, shown to the agent alone.
    Shown { keys: Arc<str>, text: Arc<str> },
    /// A reply was said to the customer.
    Said { keys: Arc<str>, text: Arc<str> },
}

/// Why no reply was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CannedRefusal {
    /// No reply has this key, or these words; `any` tells whether the tenant has replies at all.
    Unknown { words: Arc<str>, any: bool },
    /// It is not named by its key, but is the only one with these words.
    Found { key: ReplyKey, text: Arc<str> },
    /// Several have these words: some of them, and how many more.
    Several { words: Arc<str>, replies: Vec<(ReplyKey, Arc<str>)>, more: usize },
    /// A variable is empty, and the text has no fallback for it.
    Empty { key: ReplyKey, variable: Arc<str> },
    /// The text needs this argument.
    Missing { key: ReplyKey, number: usize },
    /// The text does not take these words.
    Unused { key: ReplyKey, words: Arc<str> },
    /// A quotation mark without its counterpart.
    Unclosed,
    /// A `+` without a key before and after it.
    Lonely,
    /// More than [`JOINED`] at once.
    Many,
    /// The message would be too long.
    Long,
    /// Nothing readable is left of the text.
    Blank { key: ReplyKey },
    /// The stored text cannot be read.
    Broken { key: ReplyKey },
}
