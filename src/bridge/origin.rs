//! Origins of pages, as browsers and apps write them.
//!
//! Invariant: what is opaque (`data:`, `file:`) has no origin, for two such are never the same.

use url::Url;

/// The origin a text names, without regard to case, default ports and a path behind it.
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
    // Of a scheme that only an app or an extension knows: it is no other's.
    let host = url.host_str().filter(|host| !host.is_empty())?.to_ascii_lowercase();
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    Some(format!("{}://{host}{port}", url.scheme()))
}
