//! How a file is received and stored.
//!
//! Invariants: an upload is refused as soon as the reason is known. Pictures lose their metadata
//! before anything of them is stored. Nothing remains of an upload that is refused or aborted.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use tokio::time::{Instant, timeout};

use super::kind::{FileRules, Kind};
use super::look::{HEAD, Look};
use super::picture::{self, Picture};
use super::{Files, UploadError, patiently, place, unavailable, unkept};
use crate::bridge::file;
use crate::chat::ids::{CustomerId, FileId, FileKey, TenantKey};
use crate::chat::model::File;
use crate::ports::files::FileWriter;
use crate::ports::store::StoredFile;

/// How long a file may wait for its message, in milliseconds.
const WAITS_MS: i64 = 24 * 60 * 60_000;
/// The longest time that an upload takes, in milliseconds, with a margin.
const COMING_MS: i64 = 60 * 60_000;

/// The longest pause between two pieces of an upload,
const PIECE: Duration = Duration::from_secs(10);
/// the longest upload, and its lowest rate in bytes per second once [`STARTING`] has passed.
pub(super) const WHOLE: Duration = Duration::from_secs(5 * 60);
const STARTING: Duration = Duration::from_secs(15);
const BYTES_A_SECOND: u64 = 8 * 1024;

/// In whose conversations the file may be used.
pub(super) struct Whose<'w> {
    pub(super) tenant: &'w TenantKey,
    pub(super) customer: CustomerId,
}

impl Files {
    /// Stores a file, with a name whose ending fits the content.
    pub(super) async fn keep(
        &self,
        whose: Whose<'_>,
        rules: &FileRules,
        name: &str,
        pieces: impl Stream<Item = io::Result<Bytes>> + Unpin + Send,
    ) -> Result<File, UploadError> {
        let parts = &self.0.parts;
        let mut coming = Coming { pieces, begun: Instant::now(), came: 0, most: rules.bytes };
        let mut first = coming.upto(BytesMut::new(), HEAD).await?;
        let mut look = Look::new(&first);
        let kind = Kind::of(&look);
        if !look.is_container() && !rules.allows(&kind.media_type) {
            return Err(UploadError::WrongType);
        }
        if let Some(picture) = Picture::of(&kind.media_type) {
            first = self.bare(picture, &mut coming, first).await?;
        }
        let mut file = File {
            id: self.0.seal.id(whose.tenant, self.drawn()),
            key: FileKey(self.drawn()),
            name: "".into(),
            media_type: (&*kind.media_type).into(),
            size: 0,
        };
        let now = parts.world.now();
        let kept = StoredFile {
            file: file.clone(),
            tenant: whose.tenant.clone(),
            customer: whose.customer,
            expires_at: Some(now.plus(COMING_MS)),
            is_taken: false,
        };
        patiently(|| parts.store.add_file(&kept, now)).await.map_err(unavailable)?;
        let mut writer = parts.storage.put(&place(whose.tenant, file.id)).await.map_err(unkept)?;
        file.size = first.len() as u64;
        let written = write(&mut *writer, first.freeze(), &mut coming, &mut look, &mut file.size);
        let kind = match written.await {
            Ok(()) => Kind::of(&look),
            Err(why) => return Err(self.let_go(writer, file.id, why).await),
        };
        if !rules.allows(&kind.media_type) {
            return Err(self.let_go(writer, file.id, UploadError::WrongType).await);
        }
        writer.finish().await.map_err(unkept)?;
        let endings: Vec<&str> = kind.endings.iter().map(String::as_str).collect();
        file.name = file::name(name, &endings).into();
        file.media_type = kind.media_type.into();
        let expires = parts.world.now().plus(WAITS_MS);
        patiently(|| parts.store.file_written(&file, expires)).await.map_err(unavailable)?;
        Ok(file)
    }

    /// Aborts the storage of a file; if that succeeds its record is deleted, else both are swept
    /// later.
    async fn let_go(
        &self,
        writer: Box<dyn FileWriter>,
        id: FileId,
        why: UploadError,
    ) -> UploadError {
        writer.abort().await;
        let _ = self.0.parts.store.forget_files(&[id]).await;
        why
    }

    /// A whole picture, without metadata.
    async fn bare<S: Stream<Item = io::Result<Bytes>> + Unpin + Send>(
        &self,
        picture: Picture,
        coming: &mut Coming<S>,
        first: BytesMut,
    ) -> Result<BytesMut, UploadError> {
        coming.most = coming.most.min(picture::MOST);
        let whole = coming.upto(first, usize::MAX).await?.freeze();
        let _turn = self.0.baring.acquire().await.map_err(|_| UploadError::Unavailable)?;
        let bare = tokio::task::spawn_blocking(move || picture.bare(whole)).await;
        let bare = bare.map_err(|error| {
            tracing::error!(%error, "removing the metadata of a picture failed");
            UploadError::Broken
        })?;
        bare.map(BytesMut::from).ok_or(UploadError::Broken)
    }

    fn drawn<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.parts.world.secret(&mut bytes);
        bytes
    }
}

/// Writes what has been read so far and the rest of the upload.
async fn write<S: Stream<Item = io::Result<Bytes>> + Unpin + Send>(
    writer: &mut dyn FileWriter,
    first: Bytes,
    coming: &mut Coming<S>,
    look: &mut Look,
    size: &mut u64,
) -> Result<(), UploadError> {
    writer.write(first).await.map_err(unkept)?;
    while let Some(piece) = coming.next().await? {
        look.see(&piece);
        *size += piece.len() as u64;
        writer.write(piece).await.map_err(unkept)?;
    }
    Ok(())
}

/// A file that is being received.
struct Coming<S> {
    pieces: S,
    begun: Instant,
    came: u64,
    most: u64,
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin + Send> Coming<S> {
    /// Reads on until `enough` bytes or the whole file are there; an error if it is empty.
    async fn upto(&mut self, first: BytesMut, enough: usize) -> Result<BytesMut, UploadError> {
        let mut all = first;
        while all.len() < enough
            && let Some(piece) = self.next().await?
        {
            all.extend_from_slice(&piece);
        }
        if all.is_empty() { Err(UploadError::Empty) } else { Ok(all) }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, UploadError> {
        let piece = timeout(PIECE, self.pieces.next()).await.map_err(|_| UploadError::Slow)?;
        let Some(piece) = piece else { return Ok(None) };
        let piece = piece.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => UploadError::Slow,
            io::ErrorKind::FileTooLarge => UploadError::TooLarge(self.most),
            _ => UploadError::Broken,
        })?;
        self.came += piece.len() as u64;
        if self.came > self.most {
            return Err(UploadError::TooLarge(self.most));
        }
        let allowed = STARTING + Duration::from_secs(self.came / BYTES_A_SECOND);
        if self.begun.elapsed() > allowed.min(WHOLE) {
            return Err(UploadError::Slow);
        }
        Ok(Some(piece))
    }
}
