//! Why something did not go as an agent meant it to.

/// Why an agent's file did not reach the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchError {
    /// The tenant does not accept files.
    Off,
    /// Files from that host are not fetched.
    Forbidden,
    /// It is larger than this limit, in bytes.
    TooLarge(u64),
    /// The tenant does not accept its type.
    WrongType,
    /// The server was too slow.
    Slow,
    /// The download failed.
    Broken,
    /// It could not be stored at the moment.
    NotKept,
    /// The conversation had already ended.
    Ended,
}

/// Why a conversation returned to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequeueReason {
    /// The offer expired.
    Silent,
    /// The agent went offline.
    Gone,
    /// The server bounced a message as undeliverable.
    Bounced,
    /// The agent no longer serves the tenant.
    Removed,
    /// The agent declined it.
    Declined,
    /// The agent who has it asked somebody else, or closed it.
    Withdrawn,
    /// The agent gave it to the queue.
    Given,
    /// A supervisor moved it.
    Moved,
    /// The agent who had it did not answer the customer.
    Unanswered,
}
