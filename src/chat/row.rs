//! The rows of a link's log: what is durable.
//!
//! Invariant: a [`Row`] never changes once it is stored, except that an edit or a retraction
//! replaces its text in the store.

use std::sync::Arc;

use super::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, Pos, QueueKey, Seq, SessionId, TenantKey,
    Timestamp,
};
use super::model::{CloseReason, Conversation, File};
use super::settings::AgentOverride;

pub use super::question::QuestionKind;
pub use super::reasons::{FetchError, RequeueReason};
pub use super::target::Target;

/// One row of a link's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its place in the link's log.
    pub pos: Pos,
    pub tenant: TenantKey,
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    pub customer: CustomerId,
    /// Its place among the entries that the customer sees; none if only agents or the desk see it.
    pub seq: Option<Seq>,
    pub at: Timestamp,
    pub author: Author,
    /// The durable command that made it. Unique in the whole store, so that a repeat is recognized.
    pub key: Option<CommandKey>,
    /// The id of the agent's stanza that made it; receipts refer to it.
    pub stanza: Option<Arc<str>>,
    pub kind: RowKind,
    /// The agents it must be delivered to.
    pub recipients: Vec<AgentJid>,
}

/// Identifies a durable command of a customer, which is carried out only once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommandKey {
    pub session: SessionId,
    /// Unique in the session.
    pub id: CommandId,
}

/// Who made a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    Customer,
    Agent {
        /// For agents and transcripts; never shown to customers.
        jid: AgentJid,
        /// As customers read it, at that time.
        name: Arc<str>,
    },
    System,
}

/// Defines [`Kind`] from a table of kinds and their words.
macro_rules! kinds {
    ($($kind:ident = $word:literal,)*) => {
        /// What kind of row it is, without its content. To add a kind: a line here, a variant of
        /// [`RowKind`], and what the compiler then asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($kind,)* }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its word in the database.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$kind => $word,)* }
            }
        }

        impl RowKind {
            pub fn kind(&self) -> Kind {
                match self { $(Self::$kind { .. } => Kind::$kind,)* }
            }
        }
    };
}

kinds! {
    Opened = "opened",
    Message = "message",
    Files = "files",
    Linked = "linked",
    Unfetched = "unfetched",
    Asked = "asked",
    Choice = "choice",
    Edit = "edit",
    Retract = "retract",
    Reaction = "reaction",
    Joined = "joined",
    Left = "left",
    Closed = "closed",
    Rated = "rated",
    Offered = "offered",
    Requeued = "requeued",
    Marked = "marked",
    Note = "note",
    Handing = "handing",
    HandedBack = "handed-back",
    Transferred = "transferred",
    Reminded = "reminded",
    Prompted = "prompted",
    Canned = "canned",
    NoteEdit = "note-edit",
    Tagged = "tagged",
    Ranked = "ranked",
    Macro = "macro",
    Watched = "watched",
    Whisper = "whisper",
    Moved = "moved",
    Overrides = "overrides",
}

impl Kind {
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }

    /// The words of the kinds for which this is true.
    pub fn words(which: fn(Self) -> bool) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |kind| which(**kind)).map(|kind| kind.word())
    }

    /// Whether it is something that a person said, which both sides read and agents' clients
    /// confirm.
    pub fn is_said(self) -> bool {
        matches!(
            self,
            Self::Message
                | Self::Files
                | Self::Asked
                | Self::Choice
                | Self::Edit
                | Self::Retract
                | Self::Reaction
        )
    }

    /// Whether the customer sees it, as an entry with a `seq`.
    pub fn is_entry(self) -> bool {
        self.is_said()
            || matches!(
                self,
                Self::Joined | Self::Left | Self::Closed | Self::Transferred | Self::Reminded
            )
    }

    /// Whether its text may be edited or retracted: a message, or an edit of one.
    pub fn is_editable(self) -> bool {
        matches!(self, Self::Message | Self::Files | Self::Edit)
    }

    /// Whether it is a note of an agent, or a change of one.
    pub fn is_note(self) -> bool {
        matches!(self, Self::Note | Self::NoteEdit)
    }

    /// Whether an agent may refer to it, to correct or to delete it.
    pub fn is_referred_to(self) -> bool {
        self.is_editable() || self.is_note()
    }

    /// Whether it changes who has the conversation or is asked to take it. A restored desk replays these rows.
    pub fn changes_hands(self) -> bool {
        matches!(
            self,
            Self::Offered
                | Self::Handing
                | Self::HandedBack
                | Self::Joined
                | Self::Requeued
                | Self::Closed
                | Self::Transferred
        )
    }

    /// Whether an agent's client may send its stanza again. A restored desk recognizes these.
    pub fn may_be_resent(self) -> bool {
        self.is_said()
            || self.is_note()
            || matches!(self, Self::Linked | Self::Opened | Self::Closed | Self::Handing)
            || matches!(self, Self::Canned | Self::Macro | Self::Tagged | Self::Ranked)
            || matches!(self, Self::Transferred | Self::Whisper | Self::Moved | Self::Overrides)
    }

    /// Whether it is a notice to its recipients, which is sent again after a lost stream.
    pub fn is_notice(self) -> bool {
        self.is_note()
            || matches!(
                self,
                Self::Joined
                    | Self::Left
                    | Self::Requeued
                    | Self::Rated
                    | Self::Unfetched
                    | Self::Handing
                    | Self::HandedBack
                    | Self::Transferred
                    | Self::Whisper
                    | Self::Prompted
            )
    }
}

/// The content of a row. Which kinds have a `seq` is said by [`Kind::is_entry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowKind {
    /// The conversation began, or was joined by another `start`.
    Opened {
        /// What the customer filled in, in order.
        answers: Answers,
    },
    Message {
        /// Cleaned of what XML 1.0 forbids; at most 8,000 scalars.
        text: Arc<str>,
        /// The entry it replies to.
        reply_to: Option<Seq>,
    },
    /// A message with files, and perhaps a text.
    Files {
        /// Empty once the message is retracted.
        files: Arc<[File]>,
        /// As in a [`Message`](Self::Message); mostly empty.
        text: Arc<str>,
        /// The entry it replies to.
        reply_to: Option<Seq>,
        /// The row with the agent's link that the file was fetched from.
        of: Option<Pos>,
    },
    /// An agent sent a link to a file, which is fetched. The customer gets the file instead.
    Linked { url: Arc<str> },
    /// An agent's file was not fetched; the agent is the recipient.
    Unfetched {
        /// The row with their link.
        of: Pos,
        why: FetchError,
    },
    /// An agent's question, with its answers or fields.
    Asked {
        /// Cleaned.
        text: Arc<str>,
        offers: QuestionKind,
    },
    /// The customer's answer to a question.
    Choice {
        of: Seq,
        /// The answer, as people read it.
        text: Arc<str>,
    },
    /// The author corrected an earlier message; the text of the earlier message is
    /// replaced in the store.
    Edit {
        target: Target,
        /// The new text, cleaned; at most 8,000 scalars.
        text: Arc<str>,
    },
    /// The author retracted an earlier message; the texts of the message and of its
    /// corrections are blanked in the store.
    Retract { target: Target },
    /// A reaction to a message of the other side. Of several by one side the last counts.
    Reaction {
        target: Target,
        /// Empty: none any more.
        emoji: Arc<str>,
    },
    /// An agent (the author) joined. Other agents who were asked are its recipients.
    Joined,
    /// An agent (the author) left, and is its recipient.
    Left,
    /// The conversation ended.
    Closed { reason: CloseReason },
    /// The customer's rating after the end; of several the last counts. The agent who
    /// served them is its recipient.
    Rated {
        /// From 1 to 5.
        score: u8,
        /// Cleaned; at most 1,000 scalars.
        comment: Option<Arc<str>>,
    },
    /// Offered to the recipients, who get the conversation so far.
    Offered,
    /// Returned to the queue from this agent, who is its recipient if they were only asked.
    Requeued { agent: AgentJid, reason: RequeueReason },
    /// The marks changed.
    Marked {
        /// See [`Conversation::delivered`].
        delivered: Seq,
        /// See [`Conversation::read`].
        read: Seq,
    },
    /// A note for agents; customers never see it.
    Note {
        /// Cleaned; at most 8,000 scalars. Empty once the note is deleted.
        text: Arc<str>,
    },
    /// The author changed a note of theirs; the text of the note is replaced in the store.
    NoteEdit {
        /// The row of the note.
        of: Pos,
        /// Empty if the note is deleted.
        text: Arc<str>,
    },
    /// The agent who has it (the author) asks its recipients to take it over.
    Handing {
        /// Why, cleaned; may be empty.
        note: Arc<str>,
        /// The customer's name at that time.
        customer: Option<Arc<str>>,
    },
    /// An agent who was asked to take it over does not take it. Recipients are that agent and, if
    /// nobody else is asked, the agent who still has it.
    HandedBack {
        agent: AgentJid,
        reason: RequeueReason,
        /// What the agent said to it, cleaned; may be empty.
        why: Arc<str>,
    },
    /// The author took it over from this agent, who is its recipient, as are others who were asked.
    Transferred { from: AgentJid },
    /// The customer, who has not answered for some time, was asked whether they are still there.
    Reminded,
    /// The agent who has it is its recipient: the customer has been waiting for an answer.
    Prompted {
        /// In milliseconds.
        waited_ms: i64,
    },
    /// An agent (the author) said canned replies: the message of the same stanza, which follows.
    Canned {
        /// Their keys, with ` + ` in between.
        keys: Arc<str>,
    },
    /// An agent changed the tags.
    Tagged {
        /// All tags that the conversation has from now on; see [`Conversation::tags`].
        tags: Vec<Arc<str>>,
    },
    /// An agent changed the priority.
    Ranked {
        /// See [`Conversation::priority`].
        priority: i32,
    },
    /// An agent (the author) ran a macro: the rows of the same stanza that follow.
    Macro { key: Arc<str> },
    /// A supervisor (the author) watches from now on, or no longer. Nobody else is told.
    Watched { on: bool },
    /// What a supervisor (the author) says to the agent alone, who is the recipient; customers
    /// never see it.
    Whisper {
        /// Cleaned; at most 8,000 scalars.
        text: Arc<str>,
    },
    /// A supervisor (the author) moved the conversation to this queue, or to an agent, who is then
    /// offered it.
    Moved { queue: QueueKey, agent: Option<AgentJid> },
    /// What a supervisor (the author) set for agents of the tenant, all that applies from now on.
    /// Belongs to no conversation and no customer.
    Overrides { agents: Vec<AgentOverride> },
}

impl RowKind {
    /// See [`Kind::is_said`].
    pub fn is_said(&self) -> bool {
        self.kind().is_said()
    }

    /// Its text.
    pub fn words(&self) -> Option<&Arc<str>> {
        match self {
            Self::Message { text, .. }
            | Self::Files { text, .. }
            | Self::Asked { text, .. }
            | Self::Choice { text, .. }
            | Self::Edit { text, .. }
            | Self::Note { text }
            | Self::NoteEdit { text, .. }
            | Self::Whisper { text }
            | Self::Reaction { emoji: text, .. } => Some(text),
            Self::Handing { note: text, .. } | Self::HandedBack { why: text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it is a form that the customer filled in with more than their name.
    pub fn tells_more_than_a_name(&self) -> bool {
        matches!(self, Self::Opened { answers } if answers.iter().any(|(field, _)| &**field != "name"))
    }

    /// The entry it replies or reacts to.
    pub fn answers(&self) -> Option<Seq> {
        match self {
            Self::Message { reply_to, .. } | Self::Files { reply_to, .. } => *reply_to,
            Self::Choice { of, .. } => Some(*of),
            Self::Reaction { target, .. } => Some(target.seq),
            _ => None,
        }
    }

    /// The message it changes, and the new text; empty for a retraction.
    pub fn changes(&self) -> Option<(Target, &str)> {
        match self {
            Self::Edit { target, text } => Some((*target, text)),
            Self::Retract { target } => Some((*target, "")),
            _ => None,
        }
    }

    /// The row whose text it replaces in the store, and the new text: a message's or a note's.
    pub fn rewrites(&self) -> Option<(Pos, &str)> {
        match self {
            Self::NoteEdit { of, text } => Some((*of, text)),
            kind => kind.changes().map(|(target, text)| (target.pos, text)),
        }
    }
}

/// How an author refers to a message of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// The customer, by the id of the command that sent it: this session's command of that id, or
    /// else another of their sessions'.
    Customer(CommandKey),
    /// An agent, by the id of the stanza.
    Agent { jid: AgentJid, stanza: Arc<str> },
}

/// One durable change: a row, and the view of the conversation if more than its head changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    pub row: Arc<Row>,
    /// Written in the same transaction.
    pub view: Option<Arc<Conversation>>,
}

/// What a customer filled in, in order: each question with its answer.
pub type Answers = Vec<(Arc<str>, Arc<str>)>;
