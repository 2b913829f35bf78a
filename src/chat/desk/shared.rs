//! Files that already belong to a message.
//!
//! Invariants: a file belongs to one message for good, so that retracting a message deletes no
//! other message's file. Before a command comes here, the database is asked which files are free;
//! files shared since then are recorded here. What both miss, the write to the database rejects.

use std::collections::{HashSet, VecDeque};

use crate::chat::ids::{FileId, Timestamp};
use crate::chat::model::File;

/// How long a command may be on its way after its files were looked up, in milliseconds.
const UNDER_WAY_MS: i64 = 10 * 60_000;
/// How many files are remembered at most.
const MOST: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct SharedFiles {
    known: HashSet<FileId>,
    order: VecDeque<(Timestamp, FileId)>,
}

impl SharedFiles {
    /// Whether one of these already belongs to a message.
    pub(super) fn has_any(&self, files: &[File]) -> bool {
        files.iter().any(|file| self.known.contains(&file.id))
    }

    /// A message with these files was appended.
    pub(super) fn insert(&mut self, now: Timestamp, files: &[File]) {
        let is_over = |(at, _): &mut (Timestamp, FileId)| now.since(*at) > UNDER_WAY_MS;
        while let Some((_, file)) = self.order.pop_front_if(is_over) {
            self.known.remove(&file);
        }
        for file in files {
            if self.known.insert(file.id) {
                self.order.push_back((now, file.id));
            }
        }
        while self.order.len() > MOST
            && let Some((_, file)) = self.order.pop_front()
        {
            self.known.remove(&file);
        }
    }
}
