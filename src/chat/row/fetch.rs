//! Why a file could not be fetched.

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
