//! Settings of a link.

use secrecy::SecretString;

use crate::chat::ids::LinkDomain;

#[derive(Debug, Clone)]
pub struct LinkSettings {
    pub domain: LinkDomain,
    /// Where the server accepts components, as `host:port`.
    pub server: String,
    /// The secret shared with the server.
    pub secret: SecretString,
    /// Hosts whose accounts may be agents; if empty, the parents of the domain.
    pub agent_hosts: Vec<String>,
    /// The base URL under which agents' clients reach this gateway's files, such as
    /// `https://chat.example.com`.
    pub site: String,
}
