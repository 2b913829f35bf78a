//! Files: a customer's that are sent to us, an agent's that are fetched, and giving them out.
//!
//! Invariants: a record stands before anything of a file is kept, and goes after it, so nothing lies
//! in the storage that nobody knows of. A file that no message has is gone after a day. Of a file no more
//! than a few pieces are held in memory, but of some pictures, which are bounded; no more than a few
//! files come in at a time, and one that comes too slowly is let go.

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

use self::keep::{WHOLE, Whose};
pub use self::kind::{FileRules, TYPES};
use self::seal::Seal;
use self::turns::{Turn, Turns};
use crate::bridge::file;
use crate::chat::effect::Fetch;
use crate::chat::ids::{CustomerId, FileId, LinkDomain, TenantKey, Timestamp};
use crate::chat::model::{Customer, FetchError, File};
use crate::ports::files::{ByteStream, Fetcher, FileStorage, FileStorageError};
use crate::ports::store::{Store, StoreError, StoredFile};
use crate::ports::world::World;
use crate::runtime::admission;
use crate::runtime::edge::tokens;

/// A message takes no file that is so near its end, in milliseconds: it would go while the message is
/// under way.
pub(crate) const LATE_MS: i64 = 60 * 60_000;

/// Files that customers send at a time: one of them, those of one address, all. They wait so long for
/// their turn.
const OF_ONE: usize = 2;
const OF_ADDRESS: usize = 4;
const RECEIVING: usize = 32;
const PATIENCE: Duration = Duration::from_secs(10);
/// Agents' files that are fetched at a time.
const FETCHING: usize = 8;
/// Files that are given out at a time: to one address, which an office may share, and to all.
const TO_ADDRESS: usize = 64;
const GIVING: usize = 1_024;
/// A day's files are counted over so long, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60_000;
/// Pictures whose parts are looked at, at a time.
const BARING: usize = 2;
/// A customer's files that may wait for their messages.
const WAITING: u64 = 20;

/// How often files are looked for whose time is over, and how many at once.
const SWEEP: Duration = Duration::from_secs(5 * 60);
const TOGETHER: u32 = 100;
/// Between two tries while the database is away, and how many there are.
const RETRY: Duration = Duration::from_secs(1);
const RETRIES: u32 = 30;

/// Why a file was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The tenant takes none.
    #[error("no files are taken here")]
    Off,
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is too large.
    #[error("the file is too large; at most {0} bytes are taken")]
    TooLarge(u64),
    /// It is of a type that is not taken.
    #[error("files of this type are not taken")]
    WrongType,
    /// It did not come in time.
    #[error("the file came too slowly")]
    Slow,
    /// It broke off.
    #[error("the file broke off")]
    Broken,
    /// Too many come in, or wait for their messages.
    #[error("too many files at once")]
    TooMany,
    /// The customer has sent enough for a day.
    #[error("no more files are taken from you today")]
    Enough,
    /// So has the tenant's customers together.
    #[error("no more files are taken here today")]
    Full,
    /// It cannot be kept now.
    #[error("files cannot be kept now")]
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

/// What files need.
pub struct FileParts {
    /// Their records.
    pub store: Arc<dyn Store>,
    /// Where they lie.
    pub storage: Arc<dyn FileStorage>,
    /// What gets agents' files.
    pub fetcher: Arc<dyn Fetcher>,
    /// Clock and chance.
    pub world: Arc<dyn World>,
    /// What is taken where a tenant says nothing.
    pub rules: FileRules,
    /// How much of it in a day.
    pub quotas: FileQuotas,
    /// What all nodes know and nobody else: the secret of a link.
    pub secret: SecretString,
}

/// How much is taken of customers' files in a day, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileQuotas {
    /// In one customer's conversations.
    pub of_customer: u64,
    /// In all of a tenant's.
    pub of_tenant: u64,
}

/// A customer's turn to send a file.
pub struct Upload {
    _address: Turn<IpAddr>,
    _customer: Turn<CustomerId>,
}

/// An address's turn to get a file.
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
    /// Pictures whose parts are looked at.
    baring: Semaphore,
}

/// See the module.
#[derive(Clone)]
pub struct Files(Arc<Shared>);

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

impl Files {
    /// Files of these parts.
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

    /// What is taken where a tenant says nothing.
    pub fn rules(&self) -> &FileRules {
        &self.0.parts.rules
    }

    /// The gateway's clock.
    pub fn now(&self) -> Timestamp {
        self.0.parts.world.now()
    }

    /// Whose session a token is of; none where it is none, or no good any more.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn customer(
        &self,
        tenant: &TenantKey,
        token: &str,
    ) -> Result<Option<Customer>, StoreError> {
        let parts = &self.0.parts;
        tokens::customer(&*parts.store, &*parts.world, tenant, token).await
    }

    /// Waits for a customer's turn to send a file; it lasts until what is given is dropped.
    ///
    /// # Errors
    /// Where it takes too long.
    pub async fn turn(&self, customer: &Customer, address: IpAddr) -> Result<Upload, UploadError> {
        let turn = async {
            let _address = self.0.addresses.take(admission::key(address), PATIENCE).await?;
            let _customer = self.0.customers.take(customer.id, PATIENCE).await?;
            Some(Upload { _address, _customer })
        };
        turn.await.ok_or(UploadError::TooMany)
    }

    /// The turn of an address to get a file; none where it has too many at a time.
    pub async fn download(&self, address: IpAddr) -> Option<Download> {
        let turn = self.0.downloads.take(admission::key(address), Duration::ZERO).await;
        turn.map(|_address| Download { _address })
    }

    /// Takes in a file that a customer sends, piece by piece, under a name.
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
            tracing::warn!(tenant = %customer.tenant, "the files of a day have come");
            return Err(UploadError::Full);
        }
        let whose = Whose { tenant: &customer.tenant, customer: customer.id };
        self.keep(whose, rules, name, pieces).await
    }

    /// Fetches what an agent sent a link to, and keeps it as the customer's.
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

    /// Whether a link is of the right form and not too old: what costs nothing to say.
    pub fn may_be(&self, until: i64, mark: &str) -> bool {
        file::may_be_good(until, mark, self.now())
    }

    /// Whether a gateway of these links made an id.
    pub fn is_ours(&self, tenant: &TenantKey, id: FileId) -> bool {
        self.0.seal.is_ours(tenant, id)
    }

    /// The file that a link leads to; none where it is no good, or the file is gone.
    ///
    /// # Errors
    /// Where the store does not answer.
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

    /// A part of what a file holds; none where it is gone.
    ///
    /// # Errors
    /// Where the storage does not answer.
    pub async fn read(
        &self,
        tenant: &TenantKey,
        id: FileId,
        part: Range<u64>,
    ) -> Result<Option<ByteStream>, FileStorageError> {
        self.0.parts.storage.get(&place(tenant, id), part).await
    }

    /// Takes files away whose time is over; says how many.
    ///
    /// # Errors
    /// Where the store does not answer. What the storage does not give up is tried again.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let parts = &self.0.parts;
        let mut swept = 0;
        loop {
            let expired = parts.store.expired_files(parts.world.now(), TOGETHER).await?;
            let mut gone = Vec::with_capacity(expired.len());
            for kept in &expired {
                match parts.storage.remove(&place(&kept.tenant, kept.file.id)).await {
                    Ok(()) => gone.push(kept.file.id),
                    Err(error) => tracing::warn!(%error, "a file cannot be taken away"),
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

    /// Sweeps until `stop`; to be spawned once.
    pub async fn keep_tidy(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(SWEEP) => {}
                () = stop.cancelled() => return,
            }
            match self.sweep().await {
                Ok(0) => {}
                Ok(swept) => tracing::info!(swept, "files that no message has are gone"),
                Err(error) => tracing::debug!(%error, "files could not be swept"),
            }
        }
    }
}

/// Where a file lies in the storage.
fn place(tenant: &TenantKey, id: FileId) -> String {
    format!("{tenant}/{id}")
}

/// What the last part of an address calls a file.
fn named(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned()
}

/// Asks the database again for a while: who waits for this waits beside everything else.
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
    tracing::debug!(%error, "a file cannot be recorded");
    UploadError::Unavailable
}

fn unkept(error: FileStorageError) -> UploadError {
    tracing::warn!(%error, "a file cannot be kept");
    UploadError::Unavailable
}
