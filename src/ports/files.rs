//! Where files lie, and where agents' files are fetched from.
//!
//! Invariants: what a [`FileWriter`] finished is whole and there; what was not finished is not there.
//! A fetch goes nowhere but where its link's settings allow, and gives no more bytes than asked for.

use std::io;
use std::ops::Range;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use crate::chat::ids::LinkDomain;
use crate::chat::model::FetchError;

/// The bytes of a file, piece by piece.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Files cannot be written or read now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the storage of files is unavailable: {0}")]
pub struct FileStorageError(pub String);

/// Where files lie, under names of our own making (`tenant/id`).
#[async_trait]
pub trait FileStorage: Send + Sync + 'static {
    /// Begins to write a file.
    async fn put(&self, name: &str) -> Result<Box<dyn FileWriter>, FileStorageError>;
    /// A part of a file; none where there is no such file.
    async fn get(
        &self,
        name: &str,
        part: Range<u64>,
    ) -> Result<Option<ByteStream>, FileStorageError>;
    /// Takes a file away; one that is not there is gone already.
    async fn remove(&self, name: &str) -> Result<(), FileStorageError>;
}

/// A file that is being written. Dropped unfinished, nothing is there.
#[async_trait]
pub trait FileWriter: Send {
    /// The next piece.
    async fn write(&mut self, piece: Bytes) -> Result<(), FileStorageError>;
    /// That was all.
    async fn finish(self: Box<Self>) -> Result<(), FileStorageError>;
    /// It is not to be.
    async fn abort(self: Box<Self>);
}

/// Fetches what agents link to.
#[async_trait]
pub trait Fetcher: Send + Sync + 'static {
    /// Begins to fetch a file of at most `most` bytes for a link.
    async fn fetch(
        &self,
        link: &LinkDomain,
        url: &str,
        most: u64,
    ) -> Result<ByteStream, FetchError>;
}
