//! Files: uploads of customers, downloads of what agents shared, and serving both.
//!
//! Invariants: a file's record is written before anything of the file is stored, and deleted after
//! it, so no stored file is unknown. A file that no message uses is deleted after a day. Of most
//! files only a few pieces are in memory at a time; of some pictures the whole file, whose size is
//! bounded. The number of simultaneous uploads is bounded, and one that is too slow is aborted.

mod keep;
mod kind;
mod look;
mod picture;
mod seal;
mod text;
mod turns;

use std::io;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use self::kind::{FileRules, TYPES};
use self::seal::Seal;
use self::turns::{Turn, Turns};
use crate::bridge::file;
use crate::chat::effect::Fetch;
use crate::chat::ids::{CustomerId, FileId, LinkDomain, TenantKey, Timestamp};
use crate::chat::model::{Customer, File};
use crate::chat::row::FetchError;
use crate::ports::files::{ByteStream, Fetcher, FileStorage, FileStorageError};
use crate::ports::store::{Store, StoredFile};
use crate::ports::store_error::StoreError;
use crate::ports::world::World;
use crate::runtime::admission;
use crate::runtime::edge::tokens;

/// A message does not accept a file that expires this soon, in milliseconds: it could be deleted
/// before the message is stored.
pub(crate) const LATE_MS: i64 = 60 * 60_000;

/// Simultaneous uploads of one customer, from one address and in all, and how long one waits for
/// its turn.
const OF_ONE: usize = 2;
const OF_ADDRESS: usize = 4;
const RECEIVING: usize = 32;
const PATIENCE: Duration = Duration::from_secs(10);
/// Simultaneous downloads of files that agents shared.
const FETCHING: usize = 8;
/// Files that are served at a time: to one address, which an office may share, and in all.
const TO_ADDRESS: usize = 64;
const GIVING: usize = 1_024;
/// The period of the daily quotas, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60_000;
/// Pictures whose metadata is removed at a time.
const BARING: usize = 2;
/// Files of one customer that may wait for their messages.
const WAITING: u64 = 20;

/// Interval of the search for expired files, and how many are deleted per query.
const SWEEP: Duration = Duration::from_secs(5 * 60);
const TOGETHER: u32 = 100;
/// The longest time that an upload or a download takes.
const WHOLE: Duration = Duration::from_secs(5 * 60);

/// Pause between retries while the database is unavailable, and their number.
const RETRY: Duration = Duration::from_secs(1);
const RETRIES: u32 = 30;

/// Why a file was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The tenant accepts no files.
    #[error("files are not accepted here")]
    Off,
    #[error("the file is empty")]
    Empty,
    /// The limit is in bytes.
    #[error("the file is too large; at most {0} bytes are taken")]
    TooLarge(u64),
    /// The type is not accepted.
    #[error("files of this type are not accepted")]
    WrongType,
    /// The upload took too long.
    #[error("the upload was too slow")]
    Slow,
    /// The upload was aborted.
    #[error("the upload was aborted")]
    Broken,
    /// Too many uploads at once, or too many files wait for their messages.
    #[error("too many files at once")]
    TooMany,
    /// The customer's daily quota is used up.
    #[error("no more files are taken from you today")]
    Enough,
    /// The tenant's daily quota is used up.
    #[error("no more files are taken here today")]
    Full,
    /// The file cannot be stored now.
    #[error("files cannot be stored now")]
    Unavailable,
}

impl From<UploadError> for FetchError {
    fn from(why: UploadError) -> Self {
        match why {
            UploadError::Off => Self::Off,
            UploadError::TooLarge(most) => Self::TooLarge(most),
            UploadError::WrongType => Self::WrongType,
            UploadError::Slow => Self::Slow,
            UploadError::Empty | UploadError::Broken => Self::Broken,
            UploadError::TooMany
            | UploadError::Enough
            | UploadError::Full
            | UploadError::Unavailable => Self::NotKept,
        }
    }
}

/// What files are built from.
pub struct FileParts {
    /// The records of files.
    pub store: Arc<dyn Store>,
    /// The content of files.
    pub storage: Arc<dyn FileStorage>,
    /// Downloads what agents shared.
    pub fetcher: Arc<dyn Fetcher>,
    /// Clock and randomness.
    pub world: Arc<dyn World>,
    /// The limits of tenants that set none.
    pub rules: FileRules,
    /// Daily quotas.
    pub quotas: FileQuotas,
    /// Known to all nodes and nobody else: the secret of a link.
    pub secret: SecretString,
}

/// Daily quotas of uploads, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileQuotas {
    /// For one customer's conversations.
    pub of_customer: u64,
    /// For all of a tenant's conversations.
    pub of_tenant: u64,
}

/// A customer's permission to upload a file now.
pub struct Upload {
    _address: Turn<IpAddr>,
    _customer: Turn<CustomerId>,
}

/// An address's permission to download a file now.
pub struct Download {
    _address: Turn<IpAddr>,
}

struct Shared {
    parts: FileParts,
    seal: Seal,
    addresses: Turns<IpAddr>,
    customers: Turns<CustomerId>,
    downloads: Turns<IpAddr>,
    fetching: Semaphore,
    /// Permits for removing metadata from pictures.
    baring: Semaphore,
}

#[derive(Clone)]
pub struct Files(Arc<Shared>);

/// In whose conversations the file may be used.
struct Whose<'w> {
    tenant: &'w TenantKey,
    customer: CustomerId,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

impl Files {
    pub fn new(parts: FileParts) -> Self {
        let seal = Seal::new(parts.secret.expose_secret().as_bytes());
        Self(Arc::new(Shared {
            parts,
            seal,
            addresses: Turns::new(OF_ADDRESS, Semaphore::MAX_PERMITS),
            customers: Turns::new(OF_ONE, RECEIVING),
            downloads: Turns::new(TO_ADDRESS, GIVING),
            fetching: Semaphore::new(FETCHING),
            baring: Semaphore::new(BARING),
        }))
    }

    /// The limits of tenants that set none.
    pub fn rules(&self) -> &FileRules {
        &self.0.parts.rules
    }

    /// The gateway's clock.
    pub fn now(&self) -> Timestamp {
        self.0.parts.world.now()
    }

    /// The customer whose session a token opens; `None` if it is invalid.
    ///
    /// # Errors
    /// If the store does not respond.
    pub async fn customer(
        &self,
        tenant: &TenantKey,
        token: &str,
    ) -> Result<Option<Customer>, StoreError> {
        let parts = &self.0.parts;
        tokens::customer(&*parts.store, &*parts.world, tenant, token).await
    }

    /// Waits for permission to upload a file; valid until it is dropped.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn turn(&self, customer: &Customer, address: IpAddr) -> Result<Upload, UploadError> {
        let turn = async {
            let _address = self.0.addresses.take(admission::key(address), PATIENCE).await?;
            let _customer = self.0.customers.take(customer.id, PATIENCE).await?;
            Some(Upload { _address, _customer })
        };
        turn.await.ok_or(UploadError::TooMany)
    }

    /// Permission for an address to download a file; `None` if it has too many downloads at a time.
    pub async fn download(&self, address: IpAddr) -> Option<Download> {
        let turn = self.0.downloads.take(admission::key(address), Duration::ZERO).await;
        turn.map(|_address| Download { _address })
    }

    /// Receives a file from a customer, piece by piece.
    ///
    /// # Errors
    /// See [`UploadError`].
    pub async fn receive(
        &self,
        customer: &Customer,
        rules: &FileRules,
        name: &str,
        pieces: impl Stream<Item = io::Result<Bytes>> + Unpin + Send,
    ) -> Result<File, UploadError> {
        if rules.bytes == 0 {
            return Err(UploadError::Off);
        }
        let FileParts { store, quotas, .. } = &self.0.parts;
        let waiting = store.waiting_files(customer.id).await.map_err(unavailable)?;
        if waiting >= WAITING {
            return Err(UploadError::TooMany);
        }
        let since = self.now().plus(-DAY_MS);
        let came = store.files_since(&customer.tenant, customer.id, since).await;
        let came = came.map_err(unavailable)?;
        if came.of_customer >= quotas.of_customer {
            return Err(UploadError::Enough);
        }
        if came.of_tenant >= quotas.of_tenant {
            tracing::warn!(
                tenant = %customer.tenant,
                "the tenant's daily quota of files is used up, refusing uploads; see \
                 files.megabytes_per_tenant_per_day"
            );
            return Err(UploadError::Full);
        }
        let whose = Whose { tenant: &customer.tenant, customer: customer.id };
        self.keep(whose, rules, name, pieces).await
    }

    /// Downloads a file that an agent shared and stores it as the customer's.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn fetch(&self, link: &LinkDomain, fetch: &Fetch) -> Result<File, FetchError> {
        let parts = &self.0.parts;
        let _turn = self.0.fetching.acquire().await.map_err(|_| FetchError::NotKept)?;
        let tenant = patiently(|| parts.store.tenant(&fetch.tenant)).await;
        let tenant = tenant.map_err(|_| FetchError::NotKept)?.ok_or(FetchError::Off)?;
        let rules = FileRules::of(&tenant.settings.files, &parts.rules);
        if rules.bytes == 0 {
            return Err(FetchError::Off);
        }
        let whole = async {
            let pieces = parts.fetcher.fetch(link, &fetch.url, rules.bytes).await?;
            let whose = Whose { tenant: &fetch.tenant, customer: fetch.customer };
            Ok(self.keep(whose, &rules, &named(&fetch.url), pieces).await?)
        };
        timeout(WHOLE, whole).await.unwrap_or(Err(FetchError::Slow))
    }

    /// Whether a link has the right form and has not expired; cheap, without a query.
    pub fn may_be(&self, until: i64, mark: &str) -> bool {
        file::may_be_good(until, mark, self.now())
    }

    /// Whether a gateway of these links generated this id.
    pub fn is_ours(&self, tenant: &TenantKey, id: FileId) -> bool {
        self.0.seal.is_ours(tenant, id)
    }

    /// The file that a link leads to; `None` if the link is invalid or the file is gone.
    ///
    /// # Errors
    /// If the store does not respond.
    pub async fn find(
        &self,
        tenant: &TenantKey,
        id: FileId,
        (until, mark): (i64, &str),
    ) -> Result<Option<File>, StoreError> {
        let now = self.now();
        let found = self.0.parts.store.file(tenant, id).await?;
        let stands = |kept: &StoredFile| {
            kept.file.size > 0
                && kept.expires_at.is_none_or(|at| now < at)
                && file::is_good(&kept.file, until, mark, now)
        };
        Ok(found.filter(stands).map(|kept| kept.file))
    }

    /// A range of a file's content; `None` if the file is gone.
    ///
    /// # Errors
    /// If the storage does not respond.
    pub async fn read(
        &self,
        tenant: &TenantKey,
        id: FileId,
        part: Range<u64>,
    ) -> Result<Option<ByteStream>, FileStorageError> {
        self.0.parts.storage.get(&place(tenant, id), part).await
    }

    /// Deletes expired files; returns how many.
    ///
    /// # Errors
    /// If the store does not respond. Files that the storage does not delete are tried again later.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let parts = &self.0.parts;
        let mut swept = 0;
        loop {
            let expired = parts.store.expired_files(parts.world.now(), TOGETHER).await?;
            let mut gone = Vec::with_capacity(expired.len());
            for kept in &expired {
                match parts.storage.remove(&place(&kept.tenant, kept.file.id)).await {
                    Ok(()) => gone.push(kept.file.id),
                    Err(error) => {
                        tracing::warn!(
                            %error,
                            "cannot delete a file, trying again later"
                        );
                    }
                }
            }
            if gone.is_empty() {
                return Ok(swept);
            }
            parts.store.forget_files(&gone).await?;
            swept += gone.len();
            if expired.len() < TOGETHER as usize {
                return Ok(swept);
            }
        }
    }

    /// Sweeps until `stop`; spawned once.
    pub async fn keep_tidy(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(SWEEP) => {}
                () = stop.cancelled() => return,
            }
            match self.sweep().await {
                Ok(0) => {}
                Ok(swept) => tracing::info!(swept, "deleted files that no message uses"),
                Err(error) => tracing::debug!(%error, "cannot sweep files"),
            }
        }
    }
}

/// The path of a file in the storage.
fn place(tenant: &TenantKey, id: FileId) -> String {
    format!("{tenant}/{id}")
}

/// The file name in a URL.
fn named(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned()
}

/// Retries a query for a while; nothing else waits for this.
async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut tries = 0;
    loop {
        match ask().await {
            Err(error) if error.is_passing() && tries < RETRIES => {
                tries += 1;
                tokio::time::sleep(RETRY).await;
            }
            answer => return answer,
        }
    }
}

fn unavailable(error: StoreError) -> UploadError {
    tracing::debug!(%error, "cannot record a file");
    UploadError::Unavailable
}

fn unkept(error: FileStorageError) -> UploadError {
    tracing::warn!(%error, "cannot store a file; run `couplet check`");
    UploadError::Unavailable
}
