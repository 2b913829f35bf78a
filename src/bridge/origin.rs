//! Origins of pages, as browsers and apps write them.
//!
//! Invariant: an opaque URL (`data:`, `file:`) has no origin, since no two such origins are equal.

use url::Url;

/// The origin of a URL, normalised: letter case, default ports and the path do not matter.
pub fn canonical(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let origin = url.origin();
    if origin.is_tuple() {
        let is_page = matches!(url.scheme(), "http" | "https");
        return is_page.then(|| origin.ascii_serialization());
    }
    if matches!(url.scheme(), "file" | "data" | "blob" | "javascript" | "about") {
        return None;
    }
    // A scheme of an app or an extension: its origin is distinct from any other.
    let host = url.host_str().filter(|host| !host.is_empty())?.to_ascii_lowercase();
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    Some(format!("{}://{host}{port}", url.scheme()))
}
