//! An agent's client stream: it registers an account, logs in, and returns each stanza as it
//! arrives.
//!
//! The build's XMPP library supports only the component's namespace, so the stream uses only its
//! XML parser and does its own writing, which also lets a test send what no client should.

use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::StreamExt as _;
use tokio::io::{AsyncWriteExt as _, BufReader, Join, Sink, join, sink};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, initiate_stream};
use xmpp_parsers::minidom::Element;

use crate::stanza::CLIENT;

/// How long a server may take to read a stanza.
const WRITING: Duration = Duration::from_secs(15);

/// Longer than any test waits: the callers detect a silent stream themselves.
const TIMEOUTS: Timeouts =
    Timeouts { read_timeout: Duration::from_secs(60), response_timeout: Duration::from_secs(60) };

pub struct Stream {
    reader: XmlStream<Join<BufReader<OwnedReadHalf>, Sink>, Element>,
    writer: OwnedWriteHalf,
}

impl Stream {
    /// Registers an account if it does not exist, logs in and requests the roster, without sending
    /// presence.
    ///
    /// # Errors
    /// If the server refuses, or closes the stream.
    pub async fn login(port: u16, host: &str, name: &str, resource: &str) -> anyhow::Result<Self> {
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='{CLIENT}' \
             xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='{host}'>"
        );
        let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
        tcp.set_nodelay(true)?;
        let (read, mut writer) = tcp.into_split();
        writer.write_all(header.as_bytes()).await?;
        let io = join(BufReader::new(read), sink());
        let opened = initiate_stream(io, CLIENT, StreamHeader::default(), TIMEOUTS).await?;
        let mut stream = Self { reader: opened.skip_features::<Element>(), writer };
        stream.next().await.context("no features")?;
        let account = format!("<username>{name}</username><password>secret</password>");
        let query = format!("<query xmlns='jabber:iq:register'>{account}</query>");
        stream.write(&format!("<iq type='set' id='register'>{query}</iq>")).await?;
        stream.until(|stanza| stanza.name() == "iq").await?;
        let plain = BASE64_STANDARD.encode(format!("\0{name}\0secret"));
        let ns = "urn:ietf:params:xml:ns:xmpp-sasl";
        stream.write(&format!("<auth xmlns='{ns}' mechanism='PLAIN'>{plain}</auth>")).await?;
        let answer = stream.until(|stanza| ["success", "failure"].contains(&stanza.name())).await?;
        if answer.name() != "success" {
            bail!("the login is refused: {}", String::from(&answer));
        }
        let Self { reader, mut writer } = stream;
        writer.write_all(header.as_bytes()).await?;
        let again = reader.initiate_reset().send_header(StreamHeader::default()).await?;
        let mut stream = Self { reader: again.skip_features::<Element>(), writer };
        stream.next().await.context("no features")?;
        let ns = "urn:ietf:params:xml:ns:xmpp-bind";
        let bind = format!("<bind xmlns='{ns}'><resource>{resource}</resource></bind>");
        stream
            .write(&format!(
                "<iq type='set' id='bind'>{bind}</iq>\
                 <iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"
            ))
            .await?;
        let roster = stream.until(|stanza| stanza.attr("id") == Some("roster")).await?;
        if roster.attr("type") != Some("result") {
            bail!("the roster is refused: {}", String::from(&roster));
        }
        Ok(stream)
    }

    /// The next stanza.
    ///
    /// # Errors
    /// At the end of the stream.
    pub async fn next(&mut self) -> anyhow::Result<Element> {
        loop {
            match self.reader.next().await {
                Some(Ok(stanza)) => return Ok(stanza),
                Some(Err(ReadError::SoftTimeout)) => {}
                Some(Err(error)) => bail!("the stream is broken: {error:?}"),
                None => bail!("the stream is over"),
            }
        }
    }

    async fn until(&mut self, wished: impl Fn(&Element) -> bool) -> anyhow::Result<Element> {
        loop {
            let stanza = self.next().await?;
            if wished(&stanza) {
                return Ok(stanza);
            }
        }
    }

    /// Sends XML as it is.
    ///
    /// # Errors
    /// If the stream is closed, or the server reads nothing for 15 s.
    pub async fn write(&mut self, xml: &str) -> anyhow::Result<()> {
        let writing = self.writer.write_all(xml.as_bytes());
        timeout(WRITING, writing).await.context("the server reads nothing")??;
        Ok(())
    }
}
