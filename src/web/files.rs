//! Serves files over HTTP.
//!
//! Invariants: a file is served to anyone with a valid link to it and to nobody else, as an
//! attachment: no browser runs it, guesses its type, or shows it as a page. The number of downloads
//! per address is limited, and a client that reads too slowly is disconnected. Requests for random
//! ids cost the database next to nothing.

use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use headers::{ContentRange, HeaderMapExt as _};
use hyper::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_RANGE, RANGE,
};
use hyper::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;
use uuid::Uuid;
use warp::Reply as _;
use warp::reply::Response;

use super::problem::{Problem, STORE_RETRY_S};
use super::request::Request;
use super::widget::is_known;
use crate::chat::ids::{FileId, TenantKey};
use crate::chat::model::File;
use crate::ports::files::ByteStream;
use crate::ports::store_error::StoreError;
use crate::runtime::files::Download;

/// How long a file may be read at any speed, and the lowest rate in bytes per second from then on.
const LEISURE: Duration = Duration::from_secs(60);
const BYTES_A_SECOND: u64 = 1024;
/// How long a browser caches a file: the file behind a link never changes.
const CACHING: HeaderValue = HeaderValue::from_static("private, max-age=86400, immutable");

/// Serves a file. The name in its address is for people.
pub(super) async fn give<D>(
    key: String,
    id: String,
    _name: String,
    method: Method,
    query: String,
    request: Request<D>,
) -> Result<Response, Problem> {
    let Request { web, headers, .. } = &request;
    let files = web.files.as_ref().ok_or_else(nothing)?;
    let (key, id) = (TenantKey::new(&key), Uuid::try_parse(&id).map(FileId));
    let (Ok(key), Ok(id)) = (key, id) else { return Err(nothing()) };
    let (mut until, mut mark) = (None, None);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "until" => until = value.parse().ok(),
            "mark" => mark = Some(value),
            _ => {}
        }
    }
    let (Some(until), Some(mark)) = (until, mark) else { return Err(nothing()) };
    if !files.may_be(until, &mark) {
        return Err(nothing());
    }
    let address = request.address();
    web.admission.file_asked(address, files.is_ours(&key, id)).map_err(|early| {
        let seconds = u16::try_from(early.retry_after_ms / 1_000 + 1).unwrap_or(u16::MAX);
        too_many(seconds)
    })?;
    let found = files.find(&key, id, (until, &mark)).await.map_err(unavailable)?;
    let file = found.ok_or_else(nothing)?;
    let tag = format!("\"{}\"", file.id);
    if is_known(headers, &tag) {
        return Ok(described(StatusCode::NOT_MODIFIED.into_response(), &file, &tag));
    }
    let is_newer = headers.get(IF_RANGE).is_some_and(|value| *value != tag.as_str());
    let asked = headers.get(RANGE).filter(|_| !is_newer).and_then(|value| value.to_str().ok());
    let part = match asked.map_or(Part::Whole, |asked| Part::of(asked, file.size)) {
        Part::Nothing => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let problem = Problem::new(status, "the file has no such range");
            return Err(problem.typed(ContentRange::unsatisfied_bytes(file.size)));
        }
        part => part,
    };
    let (from, to) = match part {
        Part::Some(from, to) => (from, to),
        Part::Whole | Part::Nothing => (0, file.size),
    };
    let mut response = match method == Method::HEAD {
        true => StatusCode::OK.into_response(),
        false => {
            let turn = files.download(address).await.ok_or_else(|| too_many(STORE_RETRY_S))?;
            let pieces = files.read(&key, file.id, from..to).await.map_err(|error| {
                tracing::warn!(%error, "cannot read a file from the storage");
                let detail = "files cannot be read now";
                Problem::for_now(StatusCode::SERVICE_UNAVAILABLE, detail, STORE_RETRY_S)
            })?;
            let pieces = pieces.ok_or_else(nothing)?;
            warp::reply::stream(Given::new(pieces, turn)).into_response()
        }
    };
    let told = response.headers_mut();
    told.insert(CONTENT_LENGTH, (to - from).into());
    if let Part::Some(from, to) = part {
        if let Ok(range) = ContentRange::bytes(from..to, file.size) {
            told.typed_insert(range);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(described(response, &file, &tag))
}

/// Sets the headers of a file.
fn described(mut response: Response, file: &File, tag: &str) -> Response {
    // Text is in an encoding that only its reader can tell.
    let media_type = &*file.media_type;
    let plain: String = file.name.chars().map(|c| if is_quotable(c) { c } else { '_' }).collect();
    let whole = utf8_percent_encode(&file.name, NON_ALPHANUMERIC);
    let disposition = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}");
    let told = response.headers_mut();
    for (name, value) in
        [(CONTENT_TYPE, media_type), (CONTENT_DISPOSITION, &disposition), (ETAG, tag)]
    {
        if let Ok(value) = HeaderValue::try_from(value) {
            told.insert(name, value);
        }
    }
    told.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    told.insert(CACHE_CONTROL, CACHING);
    told.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    // Pages of other origins show pictures, even isolated pages.
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    told.insert(policy, HeaderValue::from_static("cross-origin"));
    let nothing = "default-src 'none'; sandbox; frame-ancestors 'none'";
    told.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(nothing));
    response
}

fn is_quotable(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '(' | ')' | '+' | ',' | '=')
}

/// The part of a file that was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// From the first, up to the second exclusively.
    Some(u64, u64),
    Nothing,
}

impl Part {
    /// The part that `Range` asks for; requests for several ranges get the whole file.
    fn of(asked: &str, size: u64) -> Self {
        let Some(range) = asked.strip_prefix("bytes=") else { return Self::Whole };
        let Some((from, to)) = range.split_once('-') else { return Self::Whole };
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let (from, to) = match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => (from, to.saturating_add(1).min(size)),
            (Some(from), None) if to.trim().is_empty() => (from, size),
            (None, Some(last)) if from.trim().is_empty() => (size.saturating_sub(last), size),
            _ => return Self::Whole,
        };
        if from < to { Self::Some(from, to) } else { Self::Nothing }
    }
}

/// A file that is being sent. Only one task reads its pieces, though several hold it.
struct Given {
    pieces: Mutex<ByteStream>,
    begun: Instant,
    gave: u64,
    _turn: Mutex<Download>,
}

impl Given {
    fn new(pieces: ByteStream, turn: Download) -> Self {
        let (pieces, turn) = (Mutex::new(pieces), Mutex::new(turn));
        Self { pieces, begun: Instant::now(), gave: 0, _turn: turn }
    }
}

impl Stream for Given {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Called when there is room: a client that reads too slowly gets an error.
        if self.begun.elapsed() > LEISURE + Duration::from_secs(self.gave / BYTES_A_SECOND) {
            return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
        }
        let pieces = self.pieces.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let next = pieces.poll_next_unpin(context);
        if let Poll::Ready(Some(Ok(piece))) = &next {
            self.gave += piece.len() as u64;
        }
        next
    }
}

fn too_many(seconds: u16) -> Problem {
    let detail = "too many downloads from this address";
    Problem::for_now(StatusCode::TOO_MANY_REQUESTS, detail, seconds)
}

pub(super) fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such file, or its link is too old")
}

pub(super) fn unavailable(error: StoreError) -> Problem {
    tracing::debug!(%error, "cannot read the record of a file");
    let detail = "the gateway cannot answer now";
    Problem::for_now(StatusCode::SERVICE_UNAVAILABLE, detail, STORE_RETRY_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_was_asked_for() {
        let table = [
            ("bytes=0-9", Part::Some(0, 10)),
            ("bytes=90-", Part::Some(90, 100)),
            ("bytes=90-1000", Part::Some(90, 100)),
            ("bytes=-10", Part::Some(90, 100)),
            ("bytes=-1000", Part::Some(0, 100)),
            ("bytes=100-", Part::Nothing),
            ("bytes=-0", Part::Nothing),
            ("bytes=9-0", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=x-y", Part::Whole),
            ("lines=0-9", Part::Whole),
        ];
        for (asked, part) in table {
            assert_eq!(Part::of(asked, 100), part, "{asked}");
        }
    }
}
