//! Logins of agents' clients and raw components, which happen once, before anything is measured. They
//! end with a bare connection for the engine, with no parser in between.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest as _, Sha1};

use crate::wire::stanza::{self, Piece};

/// How long a server may take for each step.
const STEP: Duration = Duration::from_secs(20);

struct Login {
    stream: TcpStream,
    came: Vec<u8>,
}

impl Login {
    fn begin(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(STEP))?;
        Ok(Self { stream, came: Vec::new() })
    }

    fn write(&mut self, xml: &str) -> anyhow::Result<()> {
        Ok(self.stream.write_all(xml.as_bytes())?)
    }

    /// The next header or stanza with this beginning; others are skipped.
    fn until(&mut self, wished: &[&[u8]]) -> anyhow::Result<Vec<u8>> {
        let mut buffer = [0; 8_192];
        loop {
            while let Some((piece, used)) = stanza::piece(&self.came) {
                let found = match piece {
                    Piece::Opened(piece) | Piece::Stanza(piece) => piece.to_vec(),
                    Piece::Ended => bail!("the server ends the stream"),
                };
                self.came.drain(..used);
                if wished.iter().any(|begin| found.starts_with(begin)) {
                    return Ok(found);
                }
            }
            let count = self.stream.read(&mut buffer).context("the server does not respond")?;
            if count == 0 {
                bail!("the server closes: {}", String::from_utf8_lossy(&self.came));
            }
            self.came.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
    }

    fn header(&mut self, namespace: &str, to: &str) -> anyhow::Result<Vec<u8>> {
        self.write(&format!(
            "<?xml version='1.0'?><stream:stream xmlns='{namespace}' \
             xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='{to}'>"
        ))?;
        self.until(&[b"<stream:stream"])
    }
}

/// Registers an account if it does not exist, logs in and sends presence.
pub(crate) fn agent(port: u16, host: &str, name: &str) -> anyhow::Result<TcpStream> {
    let mut login = Login::begin(port)?;
    login.header("jabber:client", host)?;
    login.until(&[b"<stream:features"])?;
    login.write(&format!(
        "<iq type='set' id='register'><query xmlns='jabber:iq:register'>\
         <username>{name}</username><password>secret</password></query></iq>"
    ))?;
    login.until(&[b"<iq"])?;
    let plain = BASE64_STANDARD.encode(format!("\0{name}\0secret"));
    login.write(&format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
    ))?;
    let answer = login.until(&[b"<success", b"<failure"])?;
    if answer.starts_with(b"<failure") {
        bail!("the login is refused: {}", String::from_utf8_lossy(&answer));
    }
    login.header("jabber:client", host)?;
    login.until(&[b"<stream:features"])?;
    login.write(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>bench</resource></bind></iq>",
    )?;
    login.until(&[b"<iq"])?;
    login.write("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")?;
    login.until(&[b"<iq"])?;
    login.write("<presence/>")?;
    Ok(login.stream)
}

/// Opens a component stream (XEP-0114).
pub(crate) fn component(port: u16, domain: &str, secret: &str) -> anyhow::Result<TcpStream> {
    let mut login = Login::begin(port)?;
    let header = login.header("jabber:component:accept", domain)?;
    let id = stanza::attribute(&header, b" id=").context("the stream has no id")?;
    let mut digest = Sha1::new();
    digest.update(id);
    digest.update(secret.as_bytes());
    let proof: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    login.write(&format!("<handshake>{proof}</handshake>"))?;
    login.until(&[b"<handshake"])?;
    Ok(login.stream)
}
