//! Storage of files, and fetching of agents' files.
//!
//! Invariants: a file that a [`FileWriter`] finished is complete; an unfinished one does not exist.
//! A fetch goes only to places that the link's settings allow, and returns at most the bytes asked
//! for.

use std::io;
use std::ops::Range;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use crate::chat::ids::LinkDomain;
use crate::chat::row::FetchError;

pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The storage cannot be written or read now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the storage of files is unavailable: {0}")]
pub struct FileStorageError(pub String);

/// Stores files under names that the gateway makes (`tenant/id`).
#[async_trait]
pub trait FileStorage: Send + Sync + 'static {
    async fn put(&self, name: &str) -> Result<Box<dyn FileWriter>, FileStorageError>;
    /// A byte range of a file; none if the file does not exist.
    async fn get(
        &self,
        name: &str,
        part: Range<u64>,
    ) -> Result<Option<ByteStream>, FileStorageError>;
    /// Removes a file; succeeds if it does not exist.
    async fn remove(&self, name: &str) -> Result<(), FileStorageError>;
}

/// A file being written. If it is dropped unfinished, no file exists.
#[async_trait]
pub trait FileWriter: Send {
    async fn write(&mut self, piece: Bytes) -> Result<(), FileStorageError>;
    /// Completes the file; it exists from now on.
    async fn finish(self: Box<Self>) -> Result<(), FileStorageError>;
    /// Discards what was written.
    async fn abort(self: Box<Self>);
}

/// Fetches the files that agents link to.
#[async_trait]
pub trait Fetcher: Send + Sync + 'static {
    /// Starts to fetch a file of at most `most` bytes for a link.
    async fn fetch(
        &self,
        link: &LinkDomain,
        url: &str,
        most: u64,
    ) -> Result<ByteStream, FetchError>;
}
