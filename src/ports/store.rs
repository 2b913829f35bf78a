//! The database: the truth.
//!
//! Invariants: what a method returned `Ok` for is committed. Every write of a link's owner
//! compares the link's epoch under a lock held to the commit, and fails with
//! [`StoreError::Fenced`] where the owner has changed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::chat::ids::{
    AgentJid, ConversationId, CustomerId, Epoch, FileId, LinkDomain, Localpart, NodeId, Pos,
    QueueKey, Seq, SessionId, TenantKey, Timestamp,
};
use crate::chat::model::{
    Acked, AgentSettings, Append, CommandKey, Conversation, Customer, File, QueueSettings,
    Reference, Row, Snapshot, TenantSettings,
};

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The connection broke, or no answer came in time. The outcome is not known; worth another try.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// It could not be asked, or is full or overloaded. Nothing was done; worth another try.
    #[error("the database is unavailable: {0}")]
    Declined(String),
    /// It only reads: another server has taken its place, or will. Nothing was done; worth another
    /// try over a new connection.
    #[error("the database is unavailable: {0}")]
    ReadOnly(String),
    /// It accepts no statement of this size. Nothing was done; worth another try in smaller parts.
    #[error("the database is unavailable: {0}")]
    TooLarge(String),
    /// Another node owns the link now.
    #[error("the link has another owner")]
    Fenced,
    /// A row of somebody else's stands under our number: we are not the owner.
    #[error("another row stands at position {}", .0.0)]
    Foreign(Pos),
    /// Something with this key is there already.
    #[error("{0} exists already")]
    Exists(String),
    /// Nothing with this key is there.
    #[error("{0} does not exist")]
    Missing(String),
    /// What was asked cannot be done, now or later: too long a value, a tenant with open conversations.
    #[error("{0}")]
    Refused(String),
    /// What is stored cannot be understood: another version wrote it, or it was tampered with.
    #[error("the database holds something this version cannot read: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Whether it says nothing about what was asked: the same may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Declined(_) | Self::ReadOnly(_) | Self::TooLarge(_)
        )
    }

    /// The same error, of a step before anything was asked for: nothing was done.
    pub fn before_anything(self) -> Self {
        match self {
            Self::Unavailable(why) => Self::Declined(why),
            other => other,
        }
    }

    /// The same error, of a commit: what came of it is not known.
    pub fn of_commit(self) -> Self {
        match self {
            Self::Declined(why) | Self::ReadOnly(why) | Self::TooLarge(why) => {
                Self::Unavailable(why)
            }
            other => other,
        }
    }
}

/// What came of asking for a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// It is ours, under this term.
    Granted {
        /// The term.
        epoch: Epoch,
        /// Where the last owner did not give it up: how long ago he was last known to live.
        silent: Option<Duration>,
    },
    /// Another node's, for this long yet.
    Held {
        /// Whose.
        by: NodeId,
        /// The rest of its time.
        remaining: Duration,
    },
}

/// Who owns a link, and how it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkOwner {
    /// The node.
    pub node: NodeId,
    /// Whether its stream stood at the last renewal.
    pub stands: bool,
}

/// A link's ownership, on the database's clock.
#[async_trait]
pub trait Leases: Send + Sync + 'static {
    /// Takes the link where it is free or its lease has run out; raises the epoch. Creates the link's row.
    async fn acquire(
        &self,
        link: &LinkDomain,
        node: NodeId,
        ttl: Duration,
    ) -> Result<Lease, StoreError>;
    /// Holds the lease for another `ttl`, and says whether the stream stands.
    async fn renew(
        &self,
        link: &LinkDomain,
        epoch: Epoch,
        ttl: Duration,
        stands: bool,
    ) -> Result<(), StoreError>;
    /// Gives it up.
    async fn release(&self, link: &LinkDomain, epoch: Epoch) -> Result<(), StoreError>;
    /// Who owns the link now, where anyone does.
    async fn owner(&self, link: &LinkDomain) -> Result<Option<LinkOwner>, StoreError>;
}

/// The log of a link and the views of it.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Writes rows and views in one transaction. The rows are dense and in order of `pos`.
    /// May be repeated with the same rows after any error but `Fenced` and `Foreign`:
    /// what already stands is left as it is.
    async fn append(
        &self,
        link: &LinkDomain,
        epoch: Epoch,
        appends: &[Append],
    ) -> Result<(), StoreError>;
    /// Moves the cursor of what the server has accepted; never backwards.
    async fn move_cursor(
        &self,
        link: &LinkDomain,
        epoch: Epoch,
        cursor: Pos,
    ) -> Result<(), StoreError>;
    /// All that a desk is restored from. `now` bounds how far back agents' repeats are looked for.
    async fn snapshot(&self, link: &LinkDomain, now: Timestamp) -> Result<Snapshot, StoreError>;
    /// Commands that a session has given, in no order, at most `limit`.
    async fn commands(
        &self,
        session: SessionId,
        limit: u32,
    ) -> Result<Vec<(CommandKey, Acked)>, StoreError>;
    /// Where a command stands, if it was given before.
    async fn command(&self, key: &CommandKey) -> Result<Option<Acked>, StoreError>;
    /// The row of a conversation at a place of its link's log; none where another's stands there.
    async fn row(
        &self,
        link: &LinkDomain,
        conversation: ConversationId,
        pos: Pos,
    ) -> Result<Option<Arc<Row>>, StoreError>;
    /// Rows of a conversation with `after < pos <= upto`, in order, at most `limit`.
    async fn rows(
        &self,
        conversation: ConversationId,
        after: Pos,
        upto: Pos,
        limit: u32,
    ) -> Result<Vec<Arc<Row>>, StoreError>;
    /// The words that their author refers to, as they were last said; none where there are no such
    /// words of his in the conversation.
    async fn words(
        &self,
        conversation: ConversationId,
        reference: &Reference,
    ) -> Result<Option<Arc<Row>>, StoreError>;
    /// Open conversations of a link that an operator wants closed, at most 100. What is closed by now
    /// is forgotten.
    async fn closings(&self, link: &LinkDomain) -> Result<Vec<ConversationId>, StoreError>;
    /// Rows of a link with `after < pos <= upto` that tell agents who has a conversation (joined,
    /// left, requeued) or what its customer thinks of it, and have recipients, each with its customer's address; in order, at most `limit`.
    async fn notices(
        &self,
        link: &LinkDomain,
        after: Pos,
        upto: Pos,
        limit: u32,
    ) -> Result<Vec<(Localpart, Arc<Row>)>, StoreError>;
}

/// Entries of one conversation, as many as are sent at once: at most as many as were asked for, and
/// about [`PAGE_BYTES`]; one at least, where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// In order of `seq`.
    pub rows: Vec<Arc<Row>>,
    /// There are more, behind these or before them. Where the last one was just read it may say so
    /// though there are none.
    pub more: bool,
}

/// So many bytes of words are read from the database for one page.
pub const PAGE_BYTES: u64 = 64 * 1024;

/// What customers' sockets read.
#[async_trait]
pub trait Transcripts: Send + Sync + 'static {
    /// Entries (rows with a `seq`) with `after < seq`, in order, at most `limit`.
    async fn entries_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<Arc<Row>>, StoreError>;
    /// The entry with this `seq`.
    async fn entry(
        &self,
        conversation: ConversationId,
        seq: Seq,
    ) -> Result<Option<Arc<Row>>, StoreError> {
        let before = Seq(seq.0.saturating_sub(1));
        let found = self.entries_after(conversation, before, 1).await?;
        Ok(found.into_iter().find(|row| row.seq == Some(seq)))
    }
    /// A page of entries with `after < seq`, the first ones, in order.
    async fn page_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: u32,
    ) -> Result<Page, StoreError>;
    /// A page of entries with `seq < before` (of all where none), the last ones, in order of `seq`.
    async fn page_before(
        &self,
        conversation: ConversationId,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Page, StoreError>;
    /// The customer's open conversation, else the last closed one.
    async fn latest(&self, customer: CustomerId) -> Result<Option<Conversation>, StoreError>;
    /// The customer's open conversation.
    async fn open_conversation(
        &self,
        customer: CustomerId,
    ) -> Result<Option<Conversation>, StoreError>;
    /// One conversation.
    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError>;
    /// Where in its link's log a conversation begins; none while it is not stored. Of two of one
    /// customer the later one begins later, whatever the clock said.
    async fn begins(&self, id: ConversationId) -> Result<Option<Pos>, StoreError>;
    /// A tenant's conversations in the order they were opened, after the given one, at most `limit`.
    async fn conversations(
        &self,
        tenant: &TenantKey,
        after: Option<ConversationId>,
        limit: u32,
    ) -> Result<Vec<(Conversation, Customer)>, StoreError>;
}

/// A session as it is stored. Only hashes of tokens are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub customer: Customer,
    /// SHA-256 of its token.
    pub token: [u8; 32],
    /// SHA-256 of the token before, good until then (for ever where the new one was not used yet).
    pub previous: Option<([u8; 32], Option<Timestamp>)>,
    /// What the token follows from, together with the one before; none where it was drawn.
    pub salt: Option<[u8; 32]>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whom a signed identity named it (the `sub` of the JWT).
    pub subject: Option<Arc<str>>,
    /// Whom its customer turned out to be; see [`Sessions::adopt`].
    pub same_as: Option<CustomerId>,
}

/// What came of binding a session to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The session and its customer are the subject's.
    Made,
    /// They are another subject's already.
    Refused,
    /// The subject is another customer already.
    Known,
}

/// A name for a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The name.
    pub name: Arc<str>,
    /// Whether it replaces a name that they have; else the first one stays.
    pub replaces: bool,
    /// The address that goes with it, where they had no name yet and no agent has seen them.
    pub address: Option<Localpart>,
}

/// Sessions and customers.
#[async_trait]
pub trait Sessions: Send + Sync + 'static {
    /// The session with this token (the present or the one before), whatever its times say.
    async fn session(
        &self,
        tenant: &TenantKey,
        token: &[u8; 32],
    ) -> Result<Option<Session>, StoreError>;
    /// Puts a new session, and its customer where he is new.
    async fn create_session(&self, session: &Session, now: Timestamp) -> Result<(), StoreError>;
    /// Writes a session's tokens and times anew where its token is still `was`; says whether it is.
    async fn update_session(&self, session: &Session, was: &[u8; 32]) -> Result<bool, StoreError>;
    /// Binds a session of nobody's, and its customer, to a subject.
    async fn claim(&self, session: &Session, subject: &str) -> Result<Claim, StoreError>;
    /// The customer a subject is bound to.
    async fn customer_of(
        &self,
        tenant: &TenantKey,
        subject: &str,
    ) -> Result<Option<Customer>, StoreError>;
    /// Binds a session of nobody's to the subject of another customer: its own customer is served
    /// under their own address for a while yet. Says whether it was nobody's.
    async fn adopt(
        &self,
        session: &Session,
        home: CustomerId,
        subject: &str,
    ) -> Result<bool, StoreError>;
    /// Whoever turned out to be this customer and has a conversation open.
    async fn open_kin(&self, home: CustomerId) -> Result<Option<Customer>, StoreError>;
    /// Whether two customers turned out to be one.
    async fn is_same(&self, one: CustomerId, other: CustomerId) -> Result<bool, StoreError>;
    /// From now on a session is another customer's of the same subject.
    async fn move_session(&self, session: &Session, to: CustomerId) -> Result<(), StoreError>;
    /// A customer.
    async fn customer(&self, id: CustomerId) -> Result<Option<Customer>, StoreError>;
    /// Writes a customer's name, and gives the customer as they are then. `Exists` where the address
    /// is taken.
    async fn name_customer(
        &self,
        customer: &Customer,
        naming: &Naming,
    ) -> Result<Customer, StoreError>;
    /// The customer at an address of a link, with the agent who served him last.
    async fn customer_at(
        &self,
        link: &LinkDomain,
        localpart: &Localpart,
    ) -> Result<Option<(Customer, Option<AgentJid>)>, StoreError>;
}

/// A tenant as it is administered.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its key.
    pub key: TenantKey,
    /// Its name, as people read it.
    pub name: Arc<str>,
    /// The link it is served on.
    pub link: LinkDomain,
    /// The origins whose pages may embed it (`https://www.acme.example`); empty: none may.
    pub origins: Vec<String>,
    /// Whether a client without an `Origin` is refused too.
    pub origin_required: bool,
    /// The colour its widget shows (`#rrggbb`).
    pub color: Option<String>,
    /// The language its widget speaks where the page names none (BCP 47).
    pub locale: Option<String>,
    /// The key its identity tokens are signed with (HS256).
    pub identity_secret: Option<SecretString>,
    /// See [`TenantSettings::idle_close_ms`].
    pub idle_close_ms: i64,
    /// What customers are asked before the chat, in this order.
    pub form: Vec<FormField>,
    /// What of files it takes.
    pub files: FileWishes,
}

/// What a tenant takes of files, where it is not as the gateway has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileWishes {
    /// The largest, in bytes; 0 where it takes none.
    pub bytes: Option<u64>,
    /// Their media types, as `image/png` or `image/*`.
    pub types: Option<Vec<String>>,
}

/// One thing that customers are asked before the chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    /// By which the answer is named: `name`, `email`, or anything else.
    pub name: String,
    /// What customers read; without it the widget has words for `name`, `email` and `phone`.
    pub label: Option<String>,
    /// Whether it must be filled in.
    pub required: bool,
}

/// What operators ask of the owner of a link, who may be on another node, or not there yet.
#[async_trait]
pub trait Requests: Send + Sync + 'static {
    /// Asks for the end of a conversation of a tenant: its owner looks every 2 s.
    async fn ask_to_close(
        &self,
        tenant: &TenantKey,
        conversation: ConversationId,
    ) -> Result<(), StoreError>;
}

/// Tenants, their queues and agents. Every change raises the revision of the tenant's link.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// All tenants, by key.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;
    /// One tenant.
    async fn tenant(&self, key: &TenantKey) -> Result<Option<Tenant>, StoreError>;
    /// Adds a tenant and its queue `default`.
    async fn add_tenant(&self, tenant: &Tenant) -> Result<(), StoreError>;
    /// Removes a tenant without open conversations, with everything of it.
    async fn remove_tenant(&self, key: &TenantKey) -> Result<(), StoreError>;
    /// A tenant's queues, by key.
    async fn queues(&self, tenant: &TenantKey) -> Result<Vec<QueueSettings>, StoreError>;
    /// Adds a queue, or writes it anew.
    async fn put_queue(&self, tenant: &TenantKey, queue: &QueueSettings) -> Result<(), StoreError>;
    /// Removes a queue; never `default`.
    async fn remove_queue(&self, tenant: &TenantKey, queue: &QueueKey) -> Result<(), StoreError>;
    /// A tenant's agents, by JID.
    async fn agents(&self, tenant: &TenantKey) -> Result<Vec<AgentSettings>, StoreError>;
    /// Adds an agent, or writes him anew.
    async fn put_agent(&self, tenant: &TenantKey, agent: &AgentSettings) -> Result<(), StoreError>;
    /// Removes an agent.
    async fn remove_agent(&self, tenant: &TenantKey, agent: &AgentJid) -> Result<(), StoreError>;
    /// What the desk of a link acts on.
    async fn settings(&self, link: &LinkDomain) -> Result<Vec<TenantSettings>, StoreError>;
    /// Rises with each change to a tenant of the link; cheap to ask.
    async fn revision(&self, link: &LinkDomain) -> Result<u64, StoreError>;
    /// Whether the database answers and its schema is this version's.
    async fn ready(&self) -> Result<(), StoreError>;
}

/// A file as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// The file; of no size while it is being written.
    pub file: File,
    /// Whose.
    pub tenant: TenantKey,
    /// In whose conversations it may stand.
    pub customer: CustomerId,
    /// When it goes; none once a message has it.
    pub expires_at: Option<Timestamp>,
    /// Whether a message has it, or had it before it was taken back.
    pub is_taken: bool,
}

/// How much came in, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CameIn {
    /// In one customer's conversations.
    pub of_customer: u64,
    /// In all of the tenant's.
    pub of_tenant: u64,
}

/// The records of files. What they hold lies elsewhere ([`Depot`](super::files::Depot)): a record is
/// there before it, and goes after it. The row of a message takes its files when it is appended, but
/// none that another row has; where it is taken back, they expire.
#[async_trait]
pub trait Files: Send + Sync + 'static {
    /// Puts a record.
    async fn add_file(&self, kept: &StoredFile, now: Timestamp) -> Result<(), StoreError>;
    /// It is whole, as this says, and waits so long for its message.
    async fn file_written(&self, file: &File, expires_at: Timestamp) -> Result<(), StoreError>;
    /// A tenant's file.
    async fn file(&self, tenant: &TenantKey, id: FileId) -> Result<Option<StoredFile>, StoreError>;
    /// Those of these files that are a customer's own and whole, in any order.
    async fn files_of(
        &self,
        customer: CustomerId,
        ids: &[FileId],
    ) -> Result<Vec<StoredFile>, StoreError>;
    /// How many files of a customer wait for their messages.
    async fn waiting_files(&self, customer: CustomerId) -> Result<u64, StoreError>;
    /// How much came since then: of one customer, and of a tenant's together.
    async fn files_since(
        &self,
        tenant: &TenantKey,
        customer: CustomerId,
        since: Timestamp,
    ) -> Result<CameIn, StoreError>;
    /// Files whose time is over, at most `limit`.
    async fn expired_files(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredFile>, StoreError>;
    /// Takes records away.
    async fn forget_files(&self, ids: &[FileId]) -> Result<(), StoreError>;
}

/// All of the database.
pub trait Store: Leases + Log + Transcripts + Sessions + Requests + Directory + Files {}

impl<T: Leases + Log + Transcripts + Sessions + Requests + Directory + Files> Store for T {}
