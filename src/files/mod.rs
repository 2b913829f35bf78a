//! Where files lie, through object_store, and getting agents' files, through reqwest.
//!
//! Invariants: no name from outside is ever part of a path: files lie under names of our own. What
//! is fetched is fetched from where an operator, or an agent's own domain, says; no address of a
//! private network is spoken to but one that the operator named.

mod address;
mod fetch;
mod storage;

pub use fetch::{HttpFetcher, Upload, UploadHosts};
pub use storage::{At, S3, StoredFiles, open};
