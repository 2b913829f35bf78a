//! What an agent's question offers.

use std::sync::Arc;

/// The answers that a question accepts: at most 10 labels, of at most 100 scalars each. They are
/// named by their number, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuestionKind {
    Choices(Vec<Arc<str>>),
    /// A text for each of these fields.
    Fields(Vec<Arc<str>>),
}
