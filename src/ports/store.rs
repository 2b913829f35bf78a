//! The database: the source of truth.
//!
//! Invariants: what a method returned `Ok` for is committed. Every write of a link's owner compares
//! the link's epoch under a lock held until the commit, and fails with [`StoreError::Fenced`] if
//! another node owns the link by now.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::directory::{Directory, Requests};
use super::store_error::StoreError;
use crate::chat::digest::{Digest, Past};
use crate::chat::ids::{
    AgentJid, ConversationId, CustomerId, Epoch, FileId, LinkDomain, Localpart, NodeId, Pos, Seq,
    SessionId, TenantKey, Timestamp,
};
use crate::chat::model::{Acked, Conversation, Customer, File};
use crate::chat::row::{Append, CommandKey, Reference, Row};
use crate::chat::snapshot::Snapshot;

/// The result of [`Leases::acquire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// We own the link, under this term.
    Granted {
        epoch: Epoch,
        /// How long ago the last owner was known to be alive; none if it released the link.
        silent: Option<Duration>,
    },
    /// Another node owns the link.
    Held {
        by: NodeId,
        /// The time until its lease expires.
        remaining: Duration,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkOwner {
    pub node: NodeId,
    /// Whether its stream was connected at the last renewal.
    pub stands: bool,
}

/// Ownership of links, by the database's clock.
#[async_trait]
pub trait Leases: Send + Sync + 'static {
    /// Acquires the link if it is free or its lease has expired; raises the epoch. Creates the
    /// link's row if it is missing.
    async fn acquire(
        &self,
        link: &LinkDomain,
        node: NodeId,
        ttl: Duration,
    ) -> Result<Lease, StoreError>;
    /// Extends the lease to `ttl` from now, and records whether the stream is connected.
    async fn renew(
        &self,
        link: &LinkDomain,
        epoch: Epoch,
        ttl: Duration,
        stands: bool,
    ) -> Result<(), StoreError>;
    /// Releases the lease.
    async fn release(&self, link: &LinkDomain, epoch: Epoch) -> Result<(), StoreError>;
    /// The current owner of the link, if any.
    async fn owner(&self, link: &LinkDomain) -> Result<Option<LinkOwner>, StoreError>;
}

/// The log of a link and the views of its conversations.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Writes rows and views in one transaction. The rows are dense and ordered by `pos`. May be
    /// repeated with the same rows after any error except `Fenced` and `Foreign`: what is already
    /// stored is left as it is.
    async fn append(
        &self,
        link: &LinkDomain,
        epoch: Epoch,
        appends: &[Append],
    ) -> Result<(), StoreError>;
    /// Moves the cursor of what the XMPP server has accepted; never backwards.
    async fn move_cursor(
        &self,
        link: &LinkDomain,
        epoch: Epoch,
        cursor: Pos,
    ) -> Result<(), StoreError>;
    /// Everything that a desk is restored from. `now` bounds how far back agents' resent messages
    /// are looked for.
    async fn snapshot(&self, link: &LinkDomain, now: Timestamp) -> Result<Snapshot, StoreError>;
    /// Commands that a session has sent, in no order, at most `limit`.
    async fn commands(
        &self,
        session: SessionId,
        limit: u32,
    ) -> Result<Vec<(CommandKey, Acked)>, StoreError>;
    /// The ack of a command, if it is stored.
    async fn command(&self, key: &CommandKey) -> Result<Option<Acked>, StoreError>;
    /// The row at a position of the link's log; none if it belongs to another conversation.
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
    /// The row with the current text of the message that its author refers to; none if the
    /// conversation has no such message of theirs.
    async fn words(
        &self,
        conversation: ConversationId,
        reference: &Reference,
    ) -> Result<Option<Arc<Row>>, StoreError>;
    /// The last closed conversations of a customer, the latest first, at most `limit`.
    async fn past(&self, customer: CustomerId, limit: u32) -> Result<Vec<Past>, StoreError>;
    /// What a summary of a customer's conversation needs; of their latest, if none is named. None if
    /// they have none.
    async fn digest(
        &self,
        customer: CustomerId,
        conversation: Option<ConversationId>,
    ) -> Result<Option<Digest>, StoreError>;
    /// Open conversations of a link that an operator wants closed, at most 100. Requests for closed
    /// ones are removed.
    async fn closings(&self, link: &LinkDomain) -> Result<Vec<ConversationId>, StoreError>;
    /// Rows of a link with `after < pos <= upto` and with recipients that tell agents who has a
    /// conversation (joined, left, requeued), how its customer rated it, or that a file could not
    /// be fetched; each with its customer's address, in order, at most `limit`.
    async fn notices(
        &self,
        link: &LinkDomain,
        after: Pos,
        upto: Pos,
        limit: u32,
    ) -> Result<Vec<(Localpart, Arc<Row>)>, StoreError>;
}

/// Entries of one conversation, as sent in one response: at most the requested number and about
/// [`PAGE_BYTES`], but at least one if there is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// In order of `seq`.
    pub rows: Vec<Arc<Row>>,
    /// Whether there are more entries beyond these. May be true although there are none, if the
    /// page ends exactly at the last one.
    pub more: bool,
}

/// Bytes of text read from the database for one page.
pub const PAGE_BYTES: u64 = 64 * 1024;

/// Reads for customers' sockets.
#[async_trait]
pub trait Transcripts: Send + Sync + 'static {
    /// Entries (rows with a `seq`) with `after < seq`, in order, at most `limit`.
    async fn entries_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<Arc<Row>>, StoreError>;
    async fn entry(
        &self,
        conversation: ConversationId,
        seq: Seq,
    ) -> Result<Option<Arc<Row>>, StoreError> {
        let before = Seq(seq.0.saturating_sub(1));
        let found = self.entries_after(conversation, before, 1).await?;
        Ok(found.into_iter().find(|row| row.seq == Some(seq)))
    }
    /// A page of the first entries with `after < seq`, in order.
    async fn page_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: u32,
    ) -> Result<Page, StoreError>;
    /// A page of the last entries with `seq < before` (of all entries if `before` is none), in
    /// order of `seq`.
    async fn page_before(
        &self,
        conversation: ConversationId,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Page, StoreError>;
    /// The customer's open conversation, otherwise the last closed one.
    async fn latest(&self, customer: CustomerId) -> Result<Option<Conversation>, StoreError>;
    async fn open_conversation(
        &self,
        customer: CustomerId,
    ) -> Result<Option<Conversation>, StoreError>;
    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError>;
    /// The position of a conversation's first row in its link's log; none if it is not stored. Of
    /// two conversations of one customer, the later one begins at a higher position, whatever the
    /// clock showed.
    async fn begins(&self, id: ConversationId) -> Result<Option<Pos>, StoreError>;
    /// A tenant's conversations after the given one, in the order in which they were opened, at
    /// most `limit`.
    async fn conversations(
        &self,
        tenant: &TenantKey,
        after: Option<ConversationId>,
        limit: u32,
    ) -> Result<Vec<(Conversation, Customer)>, StoreError>;
}

/// A session as it is stored: with hashes of its tokens only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub customer: Customer,
    /// SHA-256 of the current token.
    pub token: [u8; 32],
    /// SHA-256 of the previous token, valid until this time (without a limit while the current
    /// token is unused).
    pub previous: Option<([u8; 32], Option<Timestamp>)>,
    /// The current token is derived from this and the previous token; none if it was drawn at
    /// random.
    pub salt: Option<[u8; 32]>,
    /// When the session expires.
    pub expires_at: Timestamp,
    /// The subject that a signed identity named (the `sub` of the JWT).
    pub subject: Option<Arc<str>>,
    /// The customer whom this session's customer turned out to be; see [`Sessions::adopt`].
    pub same_as: Option<CustomerId>,
}

/// The result of binding a session to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The session and its customer now belong to the subject.
    Made,
    /// The session or its customer already belongs to another subject.
    Refused,
    /// The subject already belongs to another customer.
    Known,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    pub name: Arc<str>,
    /// Whether it replaces an existing name; otherwise the first name stays.
    pub replaces: bool,
    /// The address that goes with the name; set only if the customer had no name and no agent has
    /// seen them.
    pub address: Option<Localpart>,
}

#[async_trait]
pub trait Sessions: Send + Sync + 'static {
    /// The session with this token (the current or the previous one), even if it has expired.
    async fn session(
        &self,
        tenant: &TenantKey,
        token: &[u8; 32],
    ) -> Result<Option<Session>, StoreError>;
    /// Inserts a new session, and its customer if they are new.
    async fn create_session(&self, session: &Session, now: Timestamp) -> Result<(), StoreError>;
    /// Updates a session's tokens and times if its token is still `was`; returns whether it was.
    async fn update_session(&self, session: &Session, was: &[u8; 32]) -> Result<bool, StoreError>;
    /// Binds a session that belongs to no subject, and its customer, to a subject.
    async fn claim(&self, session: &Session, subject: &str) -> Result<Claim, StoreError>;
    /// The customer bound to a subject.
    async fn customer_of(
        &self,
        tenant: &TenantKey,
        subject: &str,
    ) -> Result<Option<Customer>, StoreError>;
    /// Binds a session that belongs to no subject to the subject of another customer. The session's
    /// own customer is served under their own address for a while. Returns false if the session
    /// already belonged to another subject.
    async fn adopt(
        &self,
        session: &Session,
        home: CustomerId,
        subject: &str,
    ) -> Result<bool, StoreError>;
    /// A customer who turned out to be this one and has an open conversation.
    async fn open_kin(&self, home: CustomerId) -> Result<Option<Customer>, StoreError>;
    /// Whether two customers turned out to be the same.
    async fn is_same(&self, one: CustomerId, other: CustomerId) -> Result<bool, StoreError>;
    /// Moves a session to another customer of the same subject.
    async fn move_session(&self, session: &Session, to: CustomerId) -> Result<(), StoreError>;
    async fn customer(&self, id: CustomerId) -> Result<Option<Customer>, StoreError>;
    /// Sets a customer's name, and returns the customer as stored. `Exists` if the address is
    /// taken.
    async fn name_customer(
        &self,
        customer: &Customer,
        naming: &Naming,
    ) -> Result<Customer, StoreError>;
    /// The customer at an address of a link, and the agent who served them last.
    async fn customer_at(
        &self,
        link: &LinkDomain,
        localpart: &Localpart,
    ) -> Result<Option<(Customer, Option<AgentJid>)>, StoreError>;
}

/// The record of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// The file; its size is 0 while it is being written.
    pub file: File,
    pub tenant: TenantKey,
    /// The customer in whose conversations it may be used.
    pub customer: CustomerId,
    /// When the file is removed; none once a message has it.
    pub expires_at: Option<Timestamp>,
    /// Whether a message has the file, or had it before it was retracted.
    pub is_taken: bool,
}

/// Bytes received since some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CameIn {
    /// In one customer's conversations.
    pub of_customer: u64,
    /// In all conversations of the tenant.
    pub of_tenant: u64,
}

/// The records of files. The contents are elsewhere ([`FileStorage`](super::files::FileStorage)): a
/// record is written before the contents, and removed after them. The row of a message takes its
/// files when it is appended, unless another row already has them; if the message is retracted,
/// they expire.
#[async_trait]
pub trait Files: Send + Sync + 'static {
    async fn add_file(&self, kept: &StoredFile, now: Timestamp) -> Result<(), StoreError>;
    /// Records that a file is complete, with its final data, and how long it waits for its message.
    async fn file_written(&self, file: &File, expires_at: Timestamp) -> Result<(), StoreError>;
    /// A tenant's file.
    async fn file(&self, tenant: &TenantKey, id: FileId) -> Result<Option<StoredFile>, StoreError>;
    /// Those of these files that belong to the customer and are complete, in any order.
    async fn files_of(
        &self,
        customer: CustomerId,
        ids: &[FileId],
    ) -> Result<Vec<StoredFile>, StoreError>;
    /// The number of a customer's files that wait for their messages.
    async fn waiting_files(&self, customer: CustomerId) -> Result<u64, StoreError>;
    /// Bytes received since a time: from one customer, and from all customers of the tenant.
    async fn files_since(
        &self,
        tenant: &TenantKey,
        customer: CustomerId,
        since: Timestamp,
    ) -> Result<CameIn, StoreError>;
    /// Expired files, at most `limit`.
    async fn expired_files(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredFile>, StoreError>;
    async fn forget_files(&self, ids: &[FileId]) -> Result<(), StoreError>;
}

/// All of the database.
pub trait Store: Leases + Log + Transcripts + Sessions + Requests + Directory + Files {}

impl<T: Leases + Log + Transcripts + Sessions + Requests + Directory + Files> Store for T {}
