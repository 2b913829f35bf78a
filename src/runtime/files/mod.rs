//! Files: a customer's that are sent to us, an agent's that are fetched, and giving them out.
//!
//! Invariants: a record stands before anything of a file is kept, and goes after it, so nothing lies
//! in the depot that nobody knows of. A file that no message has is gone after a day. No more than a
//! few pieces of a file are held in memory, and no more than a few files come in at a time; one that
//! comes too slowly is let go.

mod kind;

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use self::kind::{FileRules, TYPES};
use self::kind::{HEAD, Kind};
use crate::bridge::file;
use crate::chat::effect::Fetch;
use crate::chat::ids::{CustomerId, FileId, FileKey, LinkDomain, TenantKey, Timestamp};
use crate::chat::model::{Customer, FetchError, File};
use crate::ports::files::{Depot, DepotError, Fetcher, Pieces};
use crate::ports::store::{Kept, Store, StoreError};
use crate::ports::world::World;
use crate::runtime::edge::tokens;

/// How long a file waits for its message, in milliseconds.
const WAITS_MS: i64 = 24 * 60 * 60_000;
/// How long a file takes to come in at the most, in milliseconds, with room to spare.
const COMING_MS: i64 = 60 * 60_000;
/// A message takes no file that is so near its end, in milliseconds: it would go while the message is
/// under way.
pub(crate) const LATE_MS: i64 = 60 * 60_000;

/// Files that customers send at a time, and agents' that are fetched.
const RECEIVING: usize = 16;
const FETCHING: usize = 8;
/// A customer's files that may wait for their messages.
const WAITING: u64 = 20;

/// The next piece of a file is there within this,
const PIECE: Duration = Duration::from_secs(10);
/// and all of it within this, and at so many bytes a second, once it had the time to get going.
const WHOLE: Duration = Duration::from_secs(5 * 60);
const STARTING: Duration = Duration::from_secs(15);
const BYTES_A_SECOND: u64 = 8 * 1024;

/// How often files are looked for whose time is over, and how many at once.
const SWEEP: Duration = Duration::from_secs(5 * 60);
const TOGETHER: u32 = 100;
/// Between two tries while the database is away, and how many there are.
const RETRY: Duration = Duration::from_secs(1);
const RETRIES: u32 = 30;

/// Why a file was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
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
    /// It cannot be kept now.
    #[error("files cannot be kept now")]
    Unavailable,
}

impl From<NotTaken> for FetchError {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::Off => Self::Off,
            NotTaken::TooLarge(most) => Self::TooLarge(most),
            NotTaken::WrongType => Self::WrongType,
            NotTaken::Slow => Self::Slow,
            NotTaken::Empty | NotTaken::Broken => Self::Broken,
            NotTaken::TooMany | NotTaken::Unavailable => Self::NotKept,
        }
    }
}

/// What files need.
pub struct FileParts {
    /// Their records.
    pub store: Arc<dyn Store>,
    /// Where they lie.
    pub depot: Arc<dyn Depot>,
    /// What gets agents' files.
    pub fetcher: Arc<dyn Fetcher>,
    /// Clock and chance.
    pub world: Arc<dyn World>,
    /// What is taken where a tenant says nothing.
    pub rules: FileRules,
}

struct Shared {
    parts: FileParts,
    receiving: Semaphore,
    fetching: Semaphore,
}

/// See the module.
#[derive(Clone)]
pub struct Files(Arc<Shared>);

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

/// In whose conversations a file may stand.
struct Whose<'w> {
    tenant: &'w TenantKey,
    customer: CustomerId,
}

impl Files {
    /// Files of these parts.
    pub fn new(parts: FileParts) -> Self {
        let (receiving, fetching) = (Semaphore::new(RECEIVING), Semaphore::new(FETCHING));
        Self(Arc::new(Shared { parts, receiving, fetching }))
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

    /// Takes in a file that a customer sends, piece by piece, under a name.
    ///
    /// # Errors
    /// See [`NotTaken`].
    pub async fn receive(
        &self,
        customer: &Customer,
        rules: &FileRules,
        name: &str,
        pieces: impl Stream<Item = io::Result<Bytes>> + Unpin + Send,
    ) -> Result<File, NotTaken> {
        if rules.bytes == 0 {
            return Err(NotTaken::Off);
        }
        let _turn = self.0.receiving.try_acquire().map_err(|_| NotTaken::TooMany)?;
        let waiting = self.0.parts.store.waiting_files(customer.id).await.map_err(unavailable)?;
        if waiting >= WAITING {
            return Err(NotTaken::TooMany);
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
        let rules = FileRules::of(&tenant.files, &parts.rules);
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

    async fn keep(
        &self,
        whose: Whose<'_>,
        rules: &FileRules,
        name: &str,
        pieces: impl Stream<Item = io::Result<Bytes>> + Unpin + Send,
    ) -> Result<File, NotTaken> {
        let parts = &self.0.parts;
        let mut coming = Coming { pieces, begun: Instant::now(), came: 0, most: rules.bytes };
        let mut head = BytesMut::new();
        let mut is_all = false;
        while head.len() < HEAD && !is_all {
            match coming.next().await? {
                Some(piece) => head.extend_from_slice(&piece),
                None => is_all = true,
            }
        }
        if head.is_empty() {
            return Err(NotTaken::Empty);
        }
        let kind = Kind::of(head.get(..HEAD.min(head.len())).unwrap_or_default());
        if !rules.take(kind.media_type) {
            return Err(NotTaken::WrongType);
        }
        let mut file = File {
            id: FileId(Uuid::from_bytes(self.drawn())),
            key: FileKey(self.drawn()),
            name: file::name(name, &kind.endings).into(),
            media_type: kind.media_type.into(),
            size: 0,
        };
        let now = parts.world.now();
        let kept = Kept {
            file: file.clone(),
            tenant: whose.tenant.clone(),
            customer: whose.customer,
            expires_at: Some(now.plus(COMING_MS)),
        };
        patiently(|| parts.store.add_file(&kept, now)).await.map_err(unavailable)?;
        let mut deposit = parts.depot.put(&place(whose.tenant, file.id)).await.map_err(unkept)?;
        let written = async {
            deposit.write(head.freeze()).await.map_err(unkept)?;
            while let Some(piece) = coming.next().await? {
                deposit.write(piece).await.map_err(unkept)?;
            }
            Ok(())
        };
        if let Err(why) = written.await {
            deposit.abort().await;
            // Nothing is left of it, so its record may go; else both are swept.
            let _ = parts.store.forget_files(&[file.id]).await;
            return Err(why);
        }
        deposit.finish().await.map_err(unkept)?;
        file.size = coming.came;
        let expires = parts.world.now().plus(WAITS_MS);
        patiently(|| parts.store.file_written(file.id, file.size, expires))
            .await
            .map_err(unavailable)?;
        Ok(file)
    }

    fn drawn(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.0.parts.world.secret(&mut bytes);
        bytes
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
        let stands = |kept: &Kept| {
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
    ) -> Result<Option<Pieces>, DepotError> {
        self.0.parts.depot.get(&place(tenant, id), part).await
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
                match parts.depot.remove(&place(&kept.tenant, kept.file.id)).await {
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

/// A file on its way in.
struct Coming<S> {
    pieces: S,
    begun: Instant,
    came: u64,
    most: u64,
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin + Send> Coming<S> {
    async fn next(&mut self) -> Result<Option<Bytes>, NotTaken> {
        let piece = timeout(PIECE, self.pieces.next()).await.map_err(|_| NotTaken::Slow)?;
        let Some(piece) = piece else { return Ok(None) };
        let piece = piece.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => NotTaken::Slow,
            io::ErrorKind::FileTooLarge => NotTaken::TooLarge(self.most),
            _ => NotTaken::Broken,
        })?;
        self.came += piece.len() as u64;
        if self.came > self.most {
            return Err(NotTaken::TooLarge(self.most));
        }
        let allowed = STARTING + Duration::from_secs(self.came / BYTES_A_SECOND);
        if self.begun.elapsed() > allowed.min(WHOLE) {
            return Err(NotTaken::Slow);
        }
        Ok(Some(piece))
    }
}

/// Where a file lies in the depot.
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
            Err(StoreError::Unavailable(_)) if tries < RETRIES => {
                tries += 1;
                tokio::time::sleep(RETRY).await;
            }
            answer => return answer,
        }
    }
}

fn unavailable(error: StoreError) -> NotTaken {
    tracing::debug!(%error, "a file cannot be recorded");
    NotTaken::Unavailable
}

fn unkept(error: DepotError) -> NotTaken {
    tracing::warn!(%error, "a file cannot be kept");
    NotTaken::Unavailable
}
