//! Files over HTTP: a customer's come in, and all of them are given out.
//!
//! Invariants: what comes in goes on piece by piece, and is refused as soon as that is clear; whose
//! it is, his session says. A file is given out to whoever has a good link to it and to nobody else,
//! as something to be put away: no browser runs it, guesses what it is, or shows it as a page.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use hyper::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION,
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, IF_RANGE, RANGE, VARY, WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, Method, StatusCode};
use multer::{Constraints, Multipart, SizeLimit};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;
use warp::Reply as _;
use warp::reply::Response;

use super::problem::Problem;
use super::routes::{STORE_RETRY_S, json, refused, tenant};
use super::{Peer, Web, address};
use crate::bridge::file;
use crate::chat::ids::{FileId, TenantKey};
use crate::chat::model::File;
use crate::ports::files::Pieces;
use crate::ports::store::StoreError;
use crate::runtime::files::{Files, NotTaken};
use crate::websocket::door::Door;
use crate::websocket::origin::{self, Verdict};
use crate::websocket::upgrade;

/// What stands around a file in a form, at the most.
const AROUND_BYTES: u64 = 64 * 1024;
/// The head of the form is there within this.
const HEAD: Duration = Duration::from_secs(10);
/// How long a browser remembers that files may be sent from a page, in seconds.
const ALLOWED_S: &str = "600";
/// How long a browser keeps what it got: what stands under a link never changes.
const CACHING: HeaderValue = HeaderValue::from_static("private, max-age=86400, immutable");

/// May a page send files here? (A browser asks before it sends.)
pub(super) async fn allowed<D: Door>(
    web: &Web<D>,
    key: &str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let view = tenant(&web.door, key).await?;
    let page = page(headers, &view.tenant).map_err(refused)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let told = response.headers_mut();
    told.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    let may = HeaderValue::from_static("authorization, content-type");
    told.insert(ACCESS_CONTROL_ALLOW_HEADERS, may);
    told.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(ALLOWED_S));
    Ok(readable(response, page))
}

/// Takes in a customer's file.
pub(super) async fn take<D: Door>(
    web: &Web<D>,
    key: &str,
    headers: &HeaderMap,
    peer: Option<Peer>,
    body: impl Stream<Item = Result<impl Buf, warp::Error>> + Send + 'static,
) -> Result<Response, Problem> {
    let files = web.files.as_ref().ok_or_else(nothing)?;
    let view = tenant(&web.door, key).await?;
    let page = page(headers, &view.tenant).map_err(refused)?;
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let address = address::client(peer, headers, &web.trusted_proxies);
    web.admission.file(address).map_err(|early| {
        let seconds = u16::try_from(early.retry_after_ms / 1_000 + 1).unwrap_or(u16::MAX);
        let detail = "too many files come from this address";
        Problem::for_now(StatusCode::TOO_MANY_REQUESTS, detail, seconds)
    })?;
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(stranger)?;
    let customer = files.customer(&view.tenant.key, token.trim()).await.map_err(unavailable)?;
    let customer = customer.ok_or_else(stranger)?;
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > view.files.bytes.saturating_add(AROUND_BYTES)) {
        return Err(not_taken(&NotTaken::TooLarge(view.files.bytes)));
    }
    let boundary = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = boundary.and_then(|value| multer::parse_boundary(value).ok());
    let boundary = boundary.ok_or_else(|| unreadable("send it as multipart/form-data"))?;
    let body = body.map_ok(|mut piece| piece.copy_to_bytes(piece.remaining()));
    let most = SizeLimit::new().whole_stream(view.files.bytes.saturating_add(AROUND_BYTES));
    let form = Constraints::new().size_limit(most);
    let mut form = Multipart::with_constraints(body, boundary, form);
    let part = tokio::time::timeout(HEAD, async {
        while let Some(part) = form.next_field().await? {
            if part.name() == Some("file") {
                return Ok(Some(part));
            }
        }
        Ok::<_, multer::Error>(None)
    });
    let part = part.await.map_err(|_| not_taken(&NotTaken::Slow))?;
    let part = part.map_err(|error| not_taken(&broken(&error, view.files.bytes)))?;
    let part = part.ok_or_else(|| unreadable("the form has no field `file`"))?;
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

/// Gives out a file.
pub(super) async fn give(
    files: Option<&Files>,
    key: &str,
    id: &str,
    query: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let files = files.ok_or_else(nothing)?;
    let (key, id) = (TenantKey::new(key), Uuid::try_parse(id).map(FileId));
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
    let found = files.find(&key, id, (until, &mark)).await.map_err(unavailable)?;
    let file = found.ok_or_else(nothing)?;
    let tag = format!("\"{}\"", file.id);
    let has = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if has.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return Ok(described(StatusCode::NOT_MODIFIED.into_response(), &file, &tag));
    }
    let is_newer = headers.get(IF_RANGE).is_some_and(|value| *value != tag.as_str());
    let asked = headers.get(RANGE).filter(|_| !is_newer).and_then(|value| value.to_str().ok());
    let part = match asked.map_or(Part::Whole, |asked| Part::of(asked, file.size)) {
        Part::Nothing => {
            let range = format!("bytes */{}", file.size);
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let problem = Problem::new(status, "the file has no such part");
            return Err(with(problem, CONTENT_RANGE, &range));
        }
        part => part,
    };
    let (from, to) = match part {
        Part::Some(from, to) => (from, to),
        Part::Whole | Part::Nothing => (0, file.size),
    };
    let mut response = match *method == Method::HEAD {
        true => StatusCode::OK.into_response(),
        false => {
            let pieces = files.read(&key, file.id, from..to).await.map_err(|error| {
                tracing::warn!(%error, "a file cannot be read");
                let detail = "files cannot be read now";
                Problem::for_now(StatusCode::SERVICE_UNAVAILABLE, detail, STORE_RETRY_S)
            })?;
            let pieces = pieces.ok_or_else(nothing)?;
            warp::reply::stream(Held(Mutex::new(pieces))).into_response()
        }
    };
    let told = response.headers_mut();
    told.insert(CONTENT_LENGTH, (to - from).into());
    if let Part::Some(from, to) = part {
        let range = format!("bytes {from}-{}/{}", to.saturating_sub(1), file.size);
        if let Ok(range) = HeaderValue::try_from(range) {
            told.insert(CONTENT_RANGE, range);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(described(response, &file, &tag))
}

/// What a browser is told of a file.
fn described(mut response: Response, file: &File, tag: &str) -> Response {
    let media_type = match &*file.media_type {
        "text/plain" => "text/plain; charset=utf-8",
        other => other,
    };
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
    // Pages of other origins show pictures, also those that are isolated.
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    told.insert(policy, HeaderValue::from_static("cross-origin"));
    let nothing = "default-src 'none'; sandbox; frame-ancestors 'none'";
    told.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(nothing));
    response
}

fn is_quotable(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '(' | ')' | '+' | ',' | '=')
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// From here to before there.
    Some(u64, u64),
    Nothing,
}

impl Part {
    /// What a `Range` asks for; of several parts none is known, and the whole is given.
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

/// Pieces that only one asks for, though several hold them.
struct Held(Mutex<Pieces>);

impl Stream for Held {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let pieces = self.0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        pieces.poll_next_unpin(context)
    }
}

/// The origin of the page that asks; none where it is no page.
fn page(
    headers: &HeaderMap,
    tenant: &crate::ports::store::Tenant,
) -> Result<Option<HeaderValue>, upgrade::Refusal> {
    match origin::judge(headers, tenant) {
        Verdict::Page(page) => Ok(HeaderValue::try_from(page).ok()),
        Verdict::Native => Ok(None),
        Verdict::Refused => Err(upgrade::Refusal::Origin),
    }
}

/// Lets the page read the answer.
fn readable(mut response: Response, page: Option<HeaderValue>) -> Response {
    response.headers_mut().insert(VARY, HeaderValue::from_static("origin"));
    if let Some(page) = page {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, page);
    }
    response
}

fn broken(error: &multer::Error, most: u64) -> NotTaken {
    match error {
        multer::Error::StreamSizeExceeded { .. } => NotTaken::TooLarge(most),
        _ => NotTaken::Broken,
    }
}

/// Why a file was not taken; the rest of it is not waited for.
fn not_taken(why: &NotTaken) -> Problem {
    let status = match why {
        NotTaken::Off | NotTaken::WrongType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        NotTaken::Empty | NotTaken::Broken => StatusCode::BAD_REQUEST,
        NotTaken::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        NotTaken::Slow => StatusCode::REQUEST_TIMEOUT,
        NotTaken::TooMany => StatusCode::TOO_MANY_REQUESTS,
        NotTaken::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let problem = match why {
        NotTaken::TooMany | NotTaken::Unavailable => {
            Problem::for_now(status, why.to_string(), STORE_RETRY_S)
        }
        _ => Problem::new(status, why.to_string()),
    };
    problem.with(CONNECTION, HeaderValue::from_static("close"))
}

fn unreadable(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

fn stranger() -> Problem {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "the session is not known any more");
    problem.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such file, or its link is too old")
}

fn unavailable(error: StoreError) -> Problem {
    tracing::debug!(%error, "a file's record cannot be read");
    let detail = "the gateway cannot answer now";
    Problem::for_now(StatusCode::SERVICE_UNAVAILABLE, detail, STORE_RETRY_S)
}

fn with(problem: Problem, name: HeaderName, value: &str) -> Problem {
    match HeaderValue::try_from(value) {
        Ok(value) => problem.with(name, value),
        Err(_) => problem,
    }
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
