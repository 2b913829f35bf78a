//! How an operation of the database fails, and whether it may be retried.

use crate::chat::ids::Pos;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The connection broke, or no response came in time. The outcome is unknown; may be retried.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database could not be reached, or is full or overloaded. Nothing was done; may be
    /// retried.
    #[error("the database is unavailable: {0}")]
    Declined(String),
    /// The server is read-only: another server has replaced it, or will. Nothing was done; may be
    /// retried over a new connection.
    #[error("the database is unavailable: {0}")]
    ReadOnly(String),
    /// The server accepts no statement of this size. Nothing was done; may be retried in smaller
    /// parts.
    #[error("the database is unavailable: {0}")]
    TooLarge(String),
    /// Another node owns the link now.
    #[error("the link has another owner")]
    Fenced,
    /// A row of another writer exists at this position: we are not the owner.
    #[error("another row exists at position {}", .0.0)]
    Foreign(Pos),
    /// Something with this key already exists.
    #[error("{0} already exists")]
    Exists(String),
    #[error("{0} does not exist")]
    Missing(String),
    /// The request cannot succeed now or later: a value is too long, a tenant has open
    /// conversations.
    #[error("{0}")]
    Refused(String),
    /// Stored data cannot be decoded: another version wrote it, or it was tampered with.
    #[error("the database holds something this version cannot read: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Whether the error is temporary: the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Declined(_) | Self::ReadOnly(_) | Self::TooLarge(_)
        )
    }

    /// The same error from a step before the request itself: nothing was done.
    pub fn before_anything(self) -> Self {
        match self {
            Self::Unavailable(why) => Self::Declined(why),
            other => other,
        }
    }

    /// The same error from a commit: the outcome is unknown.
    pub fn of_commit(self) -> Self {
        match self {
            Self::Declined(why) | Self::ReadOnly(why) | Self::TooLarge(why) => {
                Self::Unavailable(why)
            }
            other => other,
        }
    }
}
