//! Uploads of customers over HTTP.
//!
//! Invariants: an upload is passed on piece by piece, and refused as soon as the reason is known;
//! the session tells whose it is. Cheap checks come first. Of a form only its head is held in
//! memory, which is bounded.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt as _};
use hyper::StatusCode;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE,
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE,
};
use multer::{Constraints, Field, Multipart, SizeLimit};
use warp::Reply as _;
use warp::reply::Response;

use super::files::{nothing, unavailable};
use super::problem::{Problem, STORE_RETRY_S};
use super::request::Request;
use super::response::{json, readable};
use crate::bridge::file;
use crate::runtime::files::UploadError;
use crate::websocket::backend::Backend;

/// The most bytes around a file in a form; and before it.
const AROUND_BYTES: u64 = 64 * 1024;
/// Timeout of the form's head.
const HEAD: Duration = Duration::from_secs(10);
/// Pieces of a form are joined up to this size before they are parsed.
const PIECE_BYTES: usize = 16 * 1024;
/// How long a browser caches that a page may upload files, in seconds.
const ALLOWED_S: &str = "600";
/// When to retry after a daily quota is used up, in seconds.
const QUOTA_RETRY_S: u16 = 60 * 60;

/// Whether a page may upload files here (CORS preflight).
pub(super) async fn allowed<D: Backend>(
    key: String,
    request: Request<D>,
) -> Result<Response, Problem> {
    let view = request.tenant(&key, request.address()).await?;
    let page = request.page(&view.tenant)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let told = response.headers_mut();
    told.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    let may = HeaderValue::from_static("authorization, content-type");
    told.insert(ACCESS_CONTROL_ALLOW_HEADERS, may);
    told.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(ALLOWED_S));
    Ok(readable(response, page))
}

/// Receives a customer's file.
pub(super) async fn receive<D: Backend>(
    key: String,
    request: Request<D>,
    body: impl Stream<Item = Result<impl Buf, warp::Error>> + Send + 'static,
) -> Result<Response, Problem> {
    let Request { web, headers, .. } = &request;
    let files = web.files.as_ref().ok_or_else(nothing)?;
    let address = request.address();
    let view = request.tenant(&key, address).await?;
    let page = request.page(&view.tenant)?;
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(stranger)?;
    let boundary = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = boundary.and_then(|value| multer::parse_boundary(value).ok());
    let boundary = boundary.ok_or_else(|| unreadable("send it as multipart/form-data"))?;
    web.admission.file(address).map_err(|early| {
        let seconds = u16::try_from(early.retry_after_ms / 1_000 + 1).unwrap_or(u16::MAX);
        let detail = "too many uploads from this address";
        Problem::for_now(StatusCode::TOO_MANY_REQUESTS, detail, seconds)
    })?;
    let customer = files.customer(&view.tenant.key, token.trim()).await.map_err(unavailable)?;
    let customer = customer.ok_or_else(stranger)?;
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > view.files.bytes.saturating_add(AROUND_BYTES)) {
        return Err(not_taken(&UploadError::TooLarge(view.files.bytes)));
    }
    let _turn = files.turn(&customer, address).await.map_err(|why| not_taken(&why))?;
    let form = Form::new(body);
    let begun = form.begun.clone();
    let most = SizeLimit::new().whole_stream(view.files.bytes.saturating_add(AROUND_BYTES));
    let limits = Constraints::new().size_limit(most);
    let mut form = Multipart::with_constraints(form, boundary, limits);
    let part = file_of(&mut form, view.files.bytes).await?;
    begun.store(true, Ordering::Relaxed);
    let name = part.file_name().unwrap_or_default().to_owned();
    let pieces = part.map_err(|error| match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => {
            io::Error::from(io::ErrorKind::FileTooLarge)
        }
        error => io::Error::other(error),
    });
    let kept = files.receive(&customer, &view.files, &name, Box::pin(pieces)).await;
    let kept = kept.map_err(|why| not_taken(&why))?;
    let shown = file::shown(&view.tenant.key, &kept, files.now());
    Ok(readable(json(StatusCode::CREATED, &shown), page))
}

/// The field of the form that is the file.
async fn file_of(form: &mut Multipart<'static>, most: u64) -> Result<Field<'static>, Problem> {
    let part = tokio::time::timeout(HEAD, async {
        while let Some(part) = form.next_field().await? {
            if part.name() == Some("file") {
                return Ok(Some(part));
            }
        }
        Ok::<_, multer::Error>(None)
    });
    let part = part.await.map_err(|_| not_taken(&UploadError::Slow))?;
    let part = part.map_err(|error| match error {
        multer::Error::StreamSizeExceeded { .. } => not_taken(&UploadError::TooLarge(most)),
        multer::Error::StreamReadFailed(error) if error.is::<TooLong>() => {
            let detail = "too much data before the file in the form";
            let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
            problem.with(CONNECTION, HeaderValue::from_static("close"))
        }
        _ => not_taken(&UploadError::Broken),
    })?;
    part.ok_or_else(|| unreadable("the form has no field `file`"))
}

/// More data came before the file than allowed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("too much data before the file in the form")]
struct TooLong;

/// A form that is being received. The parser takes everything there is at once, and scans all of it
/// each time: so small pieces are joined, the stream pauses after each, and it ends if the head is
/// too long.
struct Form<S> {
    body: Pin<Box<S>>,
    pauses: bool,
    ended: bool,
    before: u64,
    /// Whether the file has begun.
    begun: Arc<AtomicBool>,
}

impl<S> Form<S> {
    fn new(body: S) -> Self {
        let (pauses, ended, before, begun) = (false, false, 0, Arc::default());
        Self { body: Box::pin(body), pauses, ended, before, begun }
    }
}

impl<S, B, E> Stream for Form<S>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
    E: std::error::Error + Send + Sync + 'static,
{
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.pauses) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let mut together = BytesMut::new();
        while together.len() < PIECE_BYTES {
            match self.body.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(mut piece))) => {
                    let piece = piece.copy_to_bytes(piece.remaining());
                    if together.is_empty() && piece.len() >= PIECE_BYTES {
                        together = BytesMut::from(piece);
                    } else {
                        together.extend_from_slice(&piece);
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(None) => {
                    self.ended = true;
                    break;
                }
                Poll::Pending if together.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if together.is_empty() {
            return Poll::Ready(None);
        }
        if !self.begun.load(Ordering::Relaxed) {
            if self.before > AROUND_BYTES {
                self.ended = true;
                return Poll::Ready(Some(Err(TooLong.into())));
            }
            self.before += together.len() as u64;
        }
        self.pauses = true;
        Poll::Ready(Some(Ok(together.freeze())))
    }
}

/// The problem for a file that was not accepted; the rest of the upload is not read.
fn not_taken(why: &UploadError) -> Problem {
    let (status, retry_after_s) = match why {
        UploadError::Off | UploadError::WrongType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, None),
        UploadError::Empty | UploadError::Broken => (StatusCode::BAD_REQUEST, None),
        UploadError::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, None),
        UploadError::Slow => (StatusCode::REQUEST_TIMEOUT, None),
        UploadError::TooMany => (StatusCode::TOO_MANY_REQUESTS, Some(STORE_RETRY_S)),
        UploadError::Enough => (StatusCode::TOO_MANY_REQUESTS, Some(QUOTA_RETRY_S)),
        UploadError::Full => (StatusCode::INSUFFICIENT_STORAGE, Some(QUOTA_RETRY_S)),
        UploadError::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Some(STORE_RETRY_S)),
    };
    let problem = match retry_after_s {
        Some(seconds) => Problem::for_now(status, why.to_string(), seconds),
        None => Problem::new(status, why.to_string()),
    };
    problem.with(CONNECTION, HeaderValue::from_static("close"))
}

fn unreadable(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

fn stranger() -> Problem {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "the session is unknown or expired");
    problem.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};

    use super::*;

    /// The result of a form that is sent in pieces.
    async fn sent(pieces: Vec<Vec<u8>>) -> Result<Vec<u8>, StatusCode> {
        let body = stream::iter(pieces).map(|piece| Ok::<_, io::Error>(Bytes::from(piece)));
        let form = Form::new(body);
        let begun = form.begun.clone();
        let mut form = Multipart::new(form, "b");
        let part = file_of(&mut form, 1).await;
        let part = part.map_err(|problem| problem.into_response().status())?;
        begun.store(true, Ordering::Relaxed);
        part.bytes().await.map(Vec::from).map_err(|_| StatusCode::IM_A_TEAPOT)
    }

    const FIELD: &[u8] = b"--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n";
    const END: &[u8] = b"\r\n--b--\r\n";

    #[tokio::test]
    async fn a_form_is_read_however_it_comes() {
        let file = vec![7; 200_000];
        let all = [FIELD, &file, END].concat();
        for size in [1, 100, 16_384, 50_000, 300_000] {
            let pieces = all.chunks(size).map(<[u8]>::to_vec).collect();
            assert!(sent(pieces).await.is_ok_and(|got| got == file), "{size}");
        }
    }

    #[tokio::test]
    async fn a_head_without_an_end_is_not_read_on() {
        let before = b"--b\r\ncontent-disposition: form-data; name=\"other\"\r\n\r\n";
        let heads: [Vec<u8>; 3] = [
            // No part at all, a header without an end, and a field before the file.
            vec![b'x'; 1_000_000],
            [&b"--b\r\nx: "[..], &[b'x'; 1_000_000]].concat(),
            [&before[..], &[b'x'; 1_000_000], b"\r\n", FIELD, b"x", END].concat(),
        ];
        for head in heads {
            for size in [1_000, 400_000] {
                let pieces: Vec<Vec<u8>> = head.chunks(size).map(<[u8]>::to_vec).collect();
                assert_eq!(sent(pieces).await, Err(StatusCode::PAYLOAD_TOO_LARGE), "{size}");
            }
        }
        // What a browser sends before a file is shorter.
        let short = [&before[..], &[b'x'; 30_000], b"\r\n", FIELD, b"x", END].concat();
        assert_eq!(sent(vec![short]).await, Ok(b"x".to_vec()));
    }
}
