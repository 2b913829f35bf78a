//! `[[links]]`: the component domains, one table each.

use secrecy::SecretString;
use url::Url;
use xmpp_parsers::jid::BareJid;

use crate::chat::ids::LinkDomain;

use super::section::{Refusal, Section};

#[derive(Debug, Clone)]
pub struct Link {
    pub domain: LinkDomain,
    /// The address at which the XMPP server accepts components: `host:port`.
    pub server: String,
    pub secret: SecretString,
    /// The hosts whose accounts may be agents; by default the parent of the domain (`example.org`
    /// for `chat.example.org`).
    pub agent_hosts: Vec<String>,
    /// Where agents' files are fetched from, besides those hosts.
    pub upload_hosts: Vec<UploadHost>,
}

/// A location from which agents' files are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadHost {
    /// `https` or `http`.
    pub scheme: String,
    pub host: String,
    pub port: u16,
    /// The prefix of the files' paths, without a trailing `/`; empty if any path is allowed.
    pub path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("links: none is configured; add a [[links]] table with domain, server and secret")]
pub struct NoLinks;

/// Reads all tables and rejects duplicate domains.
pub(super) fn read(sections: Vec<Section<'_>>) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for mut section in sections {
        let read = link(&mut section);
        if let Some(link) = read {
            if links.iter().any(|other| other.domain == link.domain) {
                let what = format!("{:?} appears twice; keep one of them", link.domain.as_str());
                section.refuse("domain", what);
            }
            links.push(link);
        }
        section.close();
    }
    links
}

fn link(section: &mut Section<'_>) -> Option<Link> {
    let domain = section.required("domain", "write e.g. \"chat.example.org\"", domain);
    let server = section.required("server", "write HOST:PORT, e.g. \"127.0.0.1:5347\"", server);
    let secret = section.required_secret("secret");
    let hosts = section.list("agent_hosts", host);
    let upload_hosts = section.list("upload_hosts", upload_host).unwrap_or_default();
    let domain = domain?;
    let agent_hosts = match (hosts, domain.as_str().split_once('.')) {
        (Some(hosts), _) if !hosts.is_empty() => hosts,
        (_, Some((_, parent))) => vec![parent.to_owned()],
        (_, None) => {
            let what =
                format!("is missing, and {:?} has no parent domain; set it", domain.as_str());
            section.refuse("agent_hosts", what);
            return None;
        }
    };
    Some(Link { domain, server: server?, secret: secret?, agent_hosts, upload_hosts })
}

fn domain(text: &str) -> Result<LinkDomain, Refusal> {
    LinkDomain::new(text).map_err(|_| {
        "is not a domain; write lower-case labels of a-z, 0-9 and -, e.g. chat.example.org"
            .to_owned()
    })
}

fn server(text: &str) -> Result<String, Refusal> {
    text.rsplit_once(':')
        .filter(|(host, _)| !host.is_empty() && !host.contains(['/', '@', ' ']))
        .filter(|(host, _)| !host.contains(':') || (host.starts_with('[') && host.ends_with(']')))
        .filter(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
        .map(|_| text.to_owned())
        .ok_or_else(|| "is not a server; write HOST:PORT, e.g. 127.0.0.1:5347".to_owned())
}

fn upload_host(text: &str) -> Result<UploadHost, Refusal> {
    let named = |url: Url| {
        let plain = matches!(url.scheme(), "http" | "https");
        let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        let (host, port) = (url.host_str()?.to_owned(), url.port_or_known_default()?);
        let scheme = url.scheme().to_owned();
        let path = url.path().trim_end_matches('/').to_owned();
        (plain && bare).then_some(UploadHost { scheme, host, port, path })
    };
    Url::parse(text).ok().and_then(named).ok_or_else(|| {
        "is not a location of files; write what their URLs begin with, e.g. \
         https://upload.example.org:5281/file_share"
            .to_owned()
    })
}

fn host(text: &str) -> Result<String, Refusal> {
    BareJid::new(text)
        .ok()
        .filter(|jid| jid.node().is_none())
        .map(|jid| jid.domain().to_string())
        .ok_or_else(|| "is not a host of accounts; write e.g. example.org".to_owned())
}
