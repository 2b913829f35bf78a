//! The client's address.
//!
//! Invariants: only a trusted proxy is believed, and of a chain of proxies the right-most address
//! that is not one of ours counts. A proxy must overwrite or append to `X-Forwarded-For`;
//! `Forwarded` (RFC 7239) is read only if that header is absent, so a proxy that uses it must
//! remove the other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::FORWARDED;
use ipnet::IpNet;

use super::server::Peer;

/// No chain of proxies is longer than this.
const HOPS: usize = 16;

/// The client's address: the other end of this connection, or behind it.
pub(super) fn of(peer: Option<Peer>, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    client(peer, headers, trusted)
}

pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer.to_canonical();
    let is_ours = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    if !is_ours(&nearest) {
        return nearest;
    }
    let hops = match headers.contains_key("x-forwarded-for") {
        true => words(headers, "x-forwarded-for").map(parse).collect::<Vec<_>>(),
        false => words(headers, FORWARDED.as_str()).map(forwarded_for).collect(),
    };
    for hop in hops.into_iter().rev().take(HOPS) {
        // The client behind an unreadable element is unknown: the proxy's address counts.
        let Some(address) = hop else { break };
        nearest = address;
        if !is_ours(&nearest) {
            break;
        }
    }
    nearest
}

/// The comma-separated words of all headers of a name, in order.
fn words<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().flat_map(|value| value.to_str().unwrap_or("?").split(','))
}

/// The `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| parse(value.trim().trim_matches('"')))?
    })
}

/// An address, with or without a port.
fn parse(word: &str) -> Option<IpAddr> {
    let word = word.trim();
    let bare = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(word);
    bare.parse::<IpAddr>()
        .ok()
        .or_else(|| word.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUSTED: [&str; 3] = ["127.0.0.0/8", "10.0.0.0/8", "2001:db8:ffff::/48"];

    fn seen(peer: &str, header: &str, values: &[&str]) -> String {
        let trusted: Vec<IpNet> = TRUSTED.iter().map(|net| net.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for value in values {
            let name: hyper::header::HeaderName = header.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let table: [(&str, &[&str], &str); 15] = [
            ("192.0.2.1", &[], "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["6.6.6.6", "198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["198.51.100.7, 10.1.2.3"], "198.51.100.7"),
            ("127.0.0.1", &["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
            ("127.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("127.0.0.1", &["2001:db8::7"], "2001:db8::7"),
            ("127.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("127.0.0.1", &["198.51.100.7, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.7, unknown, 10.1.2.3"], "10.1.2.3"),
            ("2001:db8:ffff::1", &["2001:db8:1::9, 2001:db8:ffff::2"], "2001:db8:1::9"),
        ];
        for (peer, values, expected) in table {
            assert_eq!(seen(peer, "x-forwarded-for", values), expected, "{peer} {values:?}");
        }
    }

    #[test]
    fn forwarded_is_read_where_it_alone_is_sent() {
        let table: [(&[&str], &str); 6] = [
            (&["for=198.51.100.7"], "198.51.100.7"),
            (&["For=\"198.51.100.7:4711\";proto=https"], "198.51.100.7"),
            (&["for=6.6.6.6, for=\"[2001:db8::7]:4711\";by=10.0.0.1"], "2001:db8::7"),
            (&["proto=https;for=\"[2001:db8::7]\""], "2001:db8::7"),
            (&["for=_hidden"], "127.0.0.1"),
            (&["proto=https"], "127.0.0.1"),
        ];
        for (values, expected) in table {
            assert_eq!(seen("127.0.0.1", "forwarded", values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_long_chain_is_cut_off() {
        let chain = vec!["10.0.0.1"; 10_000].join(",");
        assert_eq!(seen("127.0.0.1", "x-forwarded-for", &[&chain]), "10.0.0.1");
    }
}
