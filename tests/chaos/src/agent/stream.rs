//! An agent's client stream: it registers an account, logs in, and returns each stanza as it
//! arrives.
//!
//! The build's XMPP library supports only the component's namespace, so the client uses only its
//! XML parser and does its own writing.

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

use crate::servers::HOST;

/// How long a server may take for each step of the login.
const STEP: Duration = Duration::from_secs(8);
/// How long a server may take to read a stanza.
const WRITING: Duration = Duration::from_secs(4);

/// Longer than the client's own limits: it detects a silent stream itself.
const TIMEOUTS: Timeouts =
    Timeouts { read_timeout: Duration::from_secs(60), response_timeout: Duration::from_secs(60) };

pub(super) struct Stream {
    reader: XmlStream<Join<BufReader<OwnedReadHalf>, Sink>, Element>,
    writer: OwnedWriteHalf,
}

impl Stream {
    /// Registers an account if it does not exist, and logs in without sending presence.
    pub(super) async fn login(port: u16, name: &str, resource: &str) -> anyhow::Result<Self> {
        let logging_in = async {
            let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
            tcp.set_nodelay(true)?;
            let (read, mut writer) = tcp.into_split();
            writer.write_all(header().as_bytes()).await?;
            let io = join(BufReader::new(read), sink());
            let opened =
                initiate_stream(io, "jabber:client", StreamHeader::default(), TIMEOUTS).await?;
            let reader = opened.skip_features::<Element>();
            let mut stream = Self { reader, writer };
            stream.next().await.context("no features")?;
            stream
                .write(&format!(
                    "<iq type='set' id='register'><query xmlns='jabber:iq:register'>\
                     <username>{name}</username><password>secret</password></query></iq>"
                ))
                .await?;
            stream.until(|stanza| stanza.name() == "iq").await?;
            let plain = BASE64_STANDARD.encode(format!("\0{name}\0secret"));
            stream
                .write(&format!(
                    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
                ))
                .await?;
            let answer =
                stream.until(|stanza| ["success", "failure"].contains(&stanza.name())).await?;
            if answer.name() != "success" {
                bail!("the login is refused");
            }
            let Self { reader, mut writer } = stream;
            writer.write_all(header().as_bytes()).await?;
            let again = reader.initiate_reset().send_header(StreamHeader::default()).await?;
            let mut stream = Self { reader: again.skip_features::<Element>(), writer };
            stream.next().await.context("no features")?;
            stream
                .write(&format!(
                    "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                     <resource>{resource}</resource></bind></iq>\
                     <iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"
                ))
                .await?;
            stream.until(|stanza| stanza.attr("id") == Some("roster")).await?;
            anyhow::Ok(stream)
        };
        timeout(STEP, logging_in).await.context("the login takes too long")?
    }

    /// The next stanza; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<Element> {
        loop {
            match self.reader.next().await {
                Some(Ok(stanza)) => return Some(stanza),
                Some(Err(ReadError::SoftTimeout)) => {}
                _ => return None,
            }
        }
    }

    async fn until(&mut self, wished: impl Fn(&Element) -> bool) -> anyhow::Result<Element> {
        loop {
            let stanza = self.next().await.context("the stream is over")?;
            if wished(&stanza) {
                return Ok(stanza);
            }
        }
    }

    /// Sends XML as it is.
    pub(super) async fn write(&mut self, xml: &str) -> anyhow::Result<()> {
        let writing = self.writer.write_all(xml.as_bytes());
        timeout(WRITING, writing).await.context("the other side reads nothing")??;
        Ok(())
    }
}

fn header() -> String {
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='{HOST}'>"
    )
}
