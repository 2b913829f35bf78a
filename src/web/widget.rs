//! The widget: the script that a page embeds, and what it loads.
//!
//! Invariant: only files that were built into this program are served, by name; in a release no
//! path of a request reaches a file system.

use std::borrow::Cow;

use bytes::Bytes;
use headers::{HeaderMapExt as _, IfNoneMatch};
use hyper::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE,
    ETAG, HeaderName, HeaderValue, VARY,
};
use hyper::{HeaderMap, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};
use warp::reply::Response;

use super::problem::Problem;
use super::request::Request;

/// How long a page may use a script without asking for a newer one.
const CACHING: HeaderValue =
    HeaderValue::from_static("public, max-age=300, stale-while-revalidate=86400");

#[derive(RustEmbed)]
#[folder = "widget/dist/"]
#[allow_missing = true]
struct Built;

/// Whether a name is one of the widget's scripts.
pub(super) fn is_script(name: &str) -> bool {
    let stem = name.strip_prefix("couplet").and_then(|rest| rest.strip_suffix(".js"));
    stem.is_some_and(|stem| {
        stem.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    })
}

/// One of the widget's scripts, compressed if the browser accepts that.
pub(super) fn script<D>(name: String, request: Request<D>) -> Result<Response, Problem> {
    let asked = &request.headers;
    let found = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(encoding, _)| accepts(asked, encoding))
        .find_map(|(encoding, suffix)| {
            Built::get(&format!("{name}{suffix}")).map(|file| (file, Some(encoding)))
        })
        .or_else(|| Built::get(&name).map(|file| (file, None)));
    match found {
        Some((file, encoding)) => Ok(serve(file, encoding, asked)),
        None if Built::get("couplet.js").is_none() => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "this gateway was built without its widget; \
             build the widget: npm --prefix widget run build",
        )),
        None => Err(Problem::new(StatusCode::NOT_FOUND, "the widget has no such script")),
    }
}

fn serve(file: EmbeddedFile, encoding: Option<&'static str>, asked: &HeaderMap) -> Response {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let hash = URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash());
    let tag = format!("\"{}\"", hash.get(..22).unwrap_or(&hash));
    let known = is_known(asked, &tag);
    let mut response = match known {
        true => Response::new(String::new().into()),
        false => Response::new(match file.data {
            Cow::Borrowed(built_in) => Bytes::from_static(built_in).into(),
            Cow::Owned(read) => Bytes::from(read).into(),
        }),
    };
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    headers.insert(CACHE_CONTROL, CACHING);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    // Pages of other origins embed the script, and load its parts as modules.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// Whether `If-None-Match` names this version.
pub(super) fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let known = asked.typed_get::<IfNoneMatch>();
    tag.parse().is_ok_and(|tag| known.is_some_and(|known| !known.precondition_passes(&tag)))
}

/// Whether an encoding is accepted; one with `q=0` is not.
fn accepts(asked: &HeaderMap, encoding: &str) -> bool {
    asked
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|one| {
            let (name, weight) = one.split_once(';').unwrap_or((one, ""));
            name.trim().eq_ignore_ascii_case(encoding).then(|| weight.trim())
        })
        .any(|weight| !matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
}

#[cfg(test)]
mod tests {
    use hyper::header::IF_NONE_MATCH;

    use super::*;

    #[test]
    fn scripts_are_told_by_their_names() {
        for name in ["couplet.js", "couplet-panel.js", "couplet.3fA_1.js", "couplet-a1.min.js"] {
            assert!(is_script(name), "{name}");
        }
        for name in
            ["couplet", "couplet.css", "xcouplet.js", "couplet/../x.js", "couplet%2e.js", ""]
        {
            assert!(!is_script(name), "{name}");
        }
    }

    #[test]
    fn encodings_are_taken_as_offered() {
        let accepting = |value: &'static str| {
            HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))])
        };
        assert!(accepts(&accepting("gzip, deflate, br"), "br"));
        assert!(accepts(&accepting("GZIP;q=0.5"), "gzip"));
        assert!(!accepts(&accepting("br;q=0, gzip"), "br"));
        assert!(!accepts(&accepting("brotli"), "br"));
        assert!(!accepts(&HeaderMap::new(), "gzip"));
    }

    #[test]
    fn a_file_is_tagged_by_what_it_holds() {
        let file = || EmbeddedFile {
            data: b"let a;".as_slice().into(),
            metadata: rust_embed::Metadata::__rust_embed_new([7; 32], None, None),
        };
        let first = serve(file(), Some("br"), &HeaderMap::new());
        assert_eq!(first.status(), 200);
        assert_eq!(first.headers()["content-type"], "text/javascript; charset=utf-8");
        assert_eq!(first.headers()["content-encoding"], "br");
        let tag = first.headers()["etag"].clone();
        for known in
            [tag.to_str().unwrap().to_owned(), format!("\"x\", W/{}", tag.to_str().unwrap())]
        {
            let asked = HeaderMap::from_iter([(IF_NONE_MATCH, known.parse().unwrap())]);
            assert_eq!(serve(file(), None, &asked).status(), 304, "{known}");
        }
        let other = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("\"x\""))]);
        assert_eq!(serve(file(), None, &other).status(), 200);
    }
}
