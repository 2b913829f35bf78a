//! Which pages may connect to a tenant.
//!
//! Invariants: an origin is scheme, host and port, all three equal; there are no patterns. The page
//! of an app (`capacitor://localhost`) is accepted if it is listed, and is only as trustworthy as
//! its scheme: any app can claim it.

use hyper::HeaderMap;
use hyper::header::ORIGIN;

use crate::bridge::origin::canonical;
use crate::ports::directory::Tenant;

/// The meaning of a request's `Origin` for a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// A page of the tenant, with this origin.
    Page(&'a str),
    /// No page at all, and the tenant does not require one.
    Native,
    Refused,
}

/// Judges a request by its headers.
pub fn judge<'a>(headers: &'a HeaderMap, tenant: &Tenant) -> Verdict<'a> {
    let mut given = headers.get_all(ORIGIN).iter();
    let (first, second) = (given.next(), given.next());
    match (first.map(|origin| origin.to_str()), second) {
        (None, _) if tenant.settings.origin_required => Verdict::Refused,
        (None, _) => Verdict::Native,
        (Some(Ok(origin)), None) if is_listed(origin, &tenant.settings.origins) => {
            Verdict::Page(origin)
        }
        _ => Verdict::Refused,
    }
}

fn is_listed(given: &str, listed: &[String]) -> bool {
    if given == "null" {
        return false;
    }
    listed.iter().any(|one| one == given)
        || canonical(given)
            .is_some_and(|given| listed.iter().any(|one| canonical(one).as_ref() == Some(&given)))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;
    use crate::websocket::test_backend::tenant;

    fn judged(origins: &[&str], listed: &[&str], required: bool) -> bool {
        let mut tenant = tenant();
        tenant.settings.origins = listed.iter().map(ToString::to_string).collect();
        tenant.settings.origin_required = required;
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_bytes(origin.as_bytes()).unwrap());
        }
        judge(&headers, &tenant) != Verdict::Refused
    }

    #[test]
    fn only_listed_origins_pass() {
        let listed =
            ["https://www.acme.example", "http://localhost:8080", "https://b.example:8443/"];
        let table = [
            ("https://www.acme.example", true),
            ("https://www.acme.example:443", true),
            ("HTTPS://WWW.ACME.EXAMPLE", true),
            ("http://localhost:8080", true),
            ("https://b.example:8443", true),
            ("http://www.acme.example", false),
            ("https://acme.example", false),
            ("https://evil.www.acme.example", false),
            ("https://www.acme.example.evil.example", false),
            ("https://www.acme.example:8443", false),
            ("http://localhost", false),
            ("https://localhost:8080", false),
            ("https://b.example", false),
            ("null", false),
            ("", false),
            ("*", false),
            ("www.acme.example", false),
            ("https://www.acme.examplé", false),
        ];
        for (origin, passes) in table {
            assert_eq!(judged(&[origin], &listed, false), passes, "{origin:?}");
        }
    }

    #[test]
    fn an_apps_page_passes_where_it_is_listed() {
        let listed = ["capacitor://localhost", "app://my-app", "https://www.acme.example"];
        let table = [
            ("capacitor://localhost", true),
            ("Capacitor://LOCALHOST", true),
            ("app://my-app", true),
            ("ionic://localhost", false),
            ("capacitor://localhost:81", false),
            ("capacitor://other", false),
            ("capacitor://", false),
            ("capacitor:", false),
            ("http://localhost", false),
            ("https://localhost", false),
            ("app://my-app.evil", false),
            ("null", false),
            ("file://", false),
        ];
        for (origin, passes) in table {
            assert_eq!(judged(&[origin], &listed, false), passes, "{origin:?}");
        }
        assert!(!judged(&["capacitor://localhost"], &["https://localhost"], false));
    }

    #[test]
    fn opaque_origins_are_never_the_same() {
        assert!(!judged(&["null"], &["null"], false));
        assert!(!judged(&["file:///a"], &["file:///b"], false));
    }

    #[test]
    fn without_an_origin_it_is_the_tenants_choice() {
        assert!(judged(&[], &[], false));
        assert!(!judged(&[], &["https://www.acme.example"], true));
        assert!(!judged(&["https://a.example"], &[], false), "an empty list lets no page in");
    }

    #[test]
    fn two_origins_are_none() {
        let one = "https://www.acme.example";
        assert!(!judged(&[one, one], &[one], false));
    }
}
