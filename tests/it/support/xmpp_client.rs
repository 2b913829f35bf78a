//! A minimal client for agents: it registers an account, logs in, and returns each stanza as it
//! arrives.
//!
//! The build's XMPP library supports only the component's namespace, so the client uses only its
//! XML parser and does its own writing, which also lets a test send what no client should.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::StreamExt;
use tokio::io::{AsyncWriteExt, BufReader, Join, Sink, join, sink};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use tokio_xmpp::xmlstream::{StreamHeader, Timeouts, XmlStream, initiate_stream};
use xmpp_parsers::minidom::Element;

use super::servers::Xmpp;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long it watches for what must not come.
const SILENCE: Duration = Duration::from_millis(700);

const NS: &str = "jabber:client";

type Reader = Join<BufReader<OwnedReadHalf>, Sink>;

pub(crate) struct Client {
    pub(crate) jid: String,
    reader: XmlStream<Reader, Element>,
    writer: OwnedWriteHalf,
    seen: VecDeque<Element>,
    patience: Duration,
}

impl Client {
    /// Registers an account if it does not exist, logs in and binds `resource`, without sending
    /// presence.
    pub(crate) async fn login(server: &Xmpp, name: &str, resource: &str) -> Self {
        let tcp = TcpStream::connect(("127.0.0.1", server.c2s)).await.expect("the server listens");
        tcp.set_nodelay(true).expect("no delay");
        let (read, mut writer) = tcp.into_split();
        let header = header(&server.host);
        writer.write_all(header.as_bytes()).await.expect("written");
        let io = join(BufReader::new(read), sink());
        let opened = initiate_stream(io, NS, StreamHeader::default(), Timeouts::tight());
        let reader = opened.await.expect("a stream").skip_features::<Element>();
        let jid = format!("{name}@{}", server.host);
        let mut client = Self { jid, reader, writer, seen: VecDeque::new(), patience: PATIENCE };
        client.next().await;
        client
            .write(&format!(
                "<iq type='set' id='register'><query xmlns='jabber:iq:register'>\
                 <username>{name}</username><password>secret</password></query></iq>"
            ))
            .await;
        client.until("an answer to the registration", |el| el.name() == "iq").await;
        let plain = BASE64_STANDARD.encode(format!("\0{name}\0secret"));
        client
            .write(&format!(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
            ))
            .await;
        client.until("success", |el| el.name() == "success").await;
        let Self { jid, reader, mut writer, .. } = client;
        writer.write_all(header.as_bytes()).await.expect("written");
        let again = reader.initiate_reset().send_header(StreamHeader::default());
        let reader = again.await.expect("a stream").skip_features::<Element>();
        let mut client = Self { jid, reader, writer, seen: VecDeque::new(), patience: PATIENCE };
        client.next().await;
        client
            .write(&format!(
                "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                 <resource>{resource}</resource></bind></iq>"
            ))
            .await;
        client.result("bind").await;
        client
            .write("<iq type='set' id='sess'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>")
            .await;
        client.until("a session", |el| el.attr("id") == Some("sess")).await;
        client.write("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>").await;
        client.result("roster").await;
        client
    }

    /// Sends available presence.
    pub(crate) async fn available(&mut self) {
        self.write("<presence/>").await;
    }

    /// Sends XML as it is.
    pub(crate) async fn write(&mut self, xml: &str) {
        self.writer.write_all(xml.as_bytes()).await.expect("the server reads");
    }

    pub(crate) async fn next(&mut self) -> Element {
        match self.seen.pop_front() {
            Some(seen) => seen,
            // Longer than any wait that can say what it waits for.
            None => self.read(2 * PATIENCE).await.expect("a stanza comes in time"),
        }
    }

    async fn read(&mut self, patience: Duration) -> Option<Element> {
        let read = timeout(patience, self.reader.next()).await.ok()?;
        Some(read.expect("the stream stands").expect("the stream can be read"))
    }

    /// The next matching stanza; those before it are dropped.
    pub(crate) async fn until(&mut self, what: &str, wished: impl Fn(&Element) -> bool) -> Element {
        let mut passed = Vec::new();
        let search = async {
            loop {
                let next = self.next().await;
                if wished(&next) {
                    return next;
                }
                passed.push(String::from(&next));
            }
        };
        match timeout(PATIENCE, search).await {
            Ok(found) => found,
            Err(_) => panic!("{what} did not come; what came: {passed:#?}"),
        }
    }

    /// The result of the query with this id.
    pub(crate) async fn result(&mut self, id: &str) -> Element {
        let answer = self.answer(id).await;
        assert_eq!(answer.attr("type"), Some("result"), "{}", String::from(&answer));
        answer
    }

    /// The result or error of the query with this id.
    pub(crate) async fn answer(&mut self, id: &str) -> Element {
        let wished = |el: &Element| el.name() == "iq" && el.attr("id") == Some(id);
        self.until(&format!("an answer to {id}"), wished).await
    }

    /// The next message with a body, and the body.
    pub(crate) async fn message(&mut self) -> (Element, String) {
        let message = self.until("a message", |el| body(el).is_some()).await;
        let body = body(&message).unwrap_or_default();
        (message, body)
    }

    /// Everything that arrives within a short time.
    pub(crate) async fn everything(&mut self) -> Vec<Element> {
        let mut all = self.seen.drain(..).collect::<Vec<_>>();
        while let Some(element) = self.read(SILENCE).await {
            all.push(element);
        }
        all
    }
}

pub(crate) fn body(element: &Element) -> Option<String> {
    (element.name() == "message").then(|| element.get_child("body", NS))?.map(Element::text)
}

fn header(host: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='{host}'>"
    )
}
