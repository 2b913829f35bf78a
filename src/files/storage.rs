//! [`FileStorage`] in a folder, or in a bucket of any S3-compatible service.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncWriteExt as _;

use crate::ports::files::{ByteStream, FileStorage, FileStorageError, FileWriter};

/// Larger files are uploaded in parts of this size, the smallest that S3 accepts.
const PART: usize = 5 * 1024 * 1024;

#[derive(Debug, Clone)]
pub enum At {
    /// A folder, created if it is missing.
    Folder(PathBuf),
    Bucket(S3),
}

#[derive(Debug, Clone)]
pub struct S3 {
    pub bucket: String,
    /// The prefix of all names in it.
    pub prefix: String,
    /// The URL of the service; none for Amazon.
    pub endpoint: Option<String>,
    pub region: String,
    /// The id and the secret of the access key; without them the machine's own role is used.
    pub key: Option<(String, SecretString)>,
}

pub struct StoredFiles {
    at: At,
    store: tokio::sync::OnceCell<Arc<dyn ObjectStore>>,
}

impl fmt::Debug for StoredFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredFiles").field("at", &self.at).finish_non_exhaustive()
    }
}

/// The file that a check writes. It cannot clash: a tenant's folder is named by its key, which
/// contains no full stop.
const CHECK: &str = ".check";

/// Opens nothing yet: an unreachable folder or bucket is an error of the first call.
pub fn open(at: At) -> StoredFiles {
    StoredFiles { at, store: tokio::sync::OnceCell::new() }
}

impl StoredFiles {
    async fn store(&self) -> Result<&Arc<dyn ObjectStore>, FileStorageError> {
        self.store.get_or_try_init(async || made(&self.at).await).await
    }

    /// Writes a small file and removes it again.
    ///
    /// # Errors
    /// If writing or removing fails.
    pub async fn check(&self) -> Result<(), FileStorageError> {
        let mut writer = self.put(CHECK).await?;
        writer.write(Bytes::from_static(b"couplet")).await?;
        writer.finish().await?;
        self.remove(CHECK).await
    }
}

async fn made(at: &At) -> Result<Arc<dyn ObjectStore>, FileStorageError> {
    match at {
        At::Folder(folder) => {
            let made = tokio::fs::create_dir_all(folder).await;
            made.map_err(|error| FileStorageError(format!("{}: {error}", folder.display())))?;
            let store = LocalFileSystem::new_with_prefix(folder).map_err(failed)?;
            Ok(Arc::new(store.with_automatic_cleanup(false)))
        }
        At::Bucket(S3 { bucket, prefix, endpoint, region, key }) => {
            let mut builder = AmazonS3Builder::new()
                .with_bucket_name(bucket)
                .with_region(region)
                .with_client_options(ClientOptions::new().with_allow_http(true));
            if let Some(endpoint) = endpoint {
                builder = builder.with_endpoint(endpoint);
            }
            if let Some((id, secret)) = key {
                builder =
                    builder.with_access_key_id(id).with_secret_access_key(secret.expose_secret());
            }
            let store = builder.build().map_err(failed)?;
            Ok(match prefix.is_empty() {
                true => Arc::new(store),
                false => Arc::new(PrefixStore::new(store, prefix.as_str())),
            })
        }
    }
}

#[async_trait]
impl FileStorage for StoredFiles {
    async fn put(&self, name: &str) -> Result<Box<dyn FileWriter>, FileStorageError> {
        let store = self.store().await?.clone();
        let writer = BufWriter::with_capacity(store, Path::from(name), PART);
        Ok(Box::new(Writing(writer.with_max_concurrency(1))))
    }

    async fn get(
        &self,
        name: &str,
        part: Range<u64>,
    ) -> Result<Option<ByteStream>, FileStorageError> {
        let options = GetOptions { range: Some(GetRange::Bounded(part)), ..GetOptions::default() };
        match self.store().await?.get_opts(&Path::from(name), options).await {
            Ok(found) => {
                let pieces = found.into_stream().map_err(std::io::Error::other);
                Ok(Some(pieces.boxed()))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn remove(&self, name: &str) -> Result<(), FileStorageError> {
        match self.store().await?.delete(&Path::from(name)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

struct Writing(BufWriter);

#[async_trait]
impl FileWriter for Writing {
    async fn write(&mut self, piece: Bytes) -> Result<(), FileStorageError> {
        self.0.put(piece).await.map_err(failed)
    }

    async fn finish(mut self: Box<Self>) -> Result<(), FileStorageError> {
        self.0.shutdown().await.map_err(|error| FileStorageError(error.to_string()))
    }

    async fn abort(mut self: Box<Self>) {
        // A small file has not been uploaded at all; parts of a larger one are removed by the
        // bucket's own lifecycle rules.
        let _ = self.0.abort().await;
    }
}

fn failed(error: Error) -> FileStorageError {
    FileStorageError(error.to_string())
}
