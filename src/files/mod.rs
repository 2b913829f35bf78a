//! Storage of files, through object_store, and fetching of agents' files, through reqwest.
//!
//! Invariants: no name from outside becomes part of a path: the gateway names stored files itself.
//! Files are fetched only from locations that an operator configured or that belong to an agent's
//! own domain; an address of a private network is contacted only if the operator named it.

mod address;
mod fetch;
mod storage;

pub use fetch::{HttpFetcher, Upload, UploadHosts};
pub use storage::{At, S3, StoredFiles, open};
