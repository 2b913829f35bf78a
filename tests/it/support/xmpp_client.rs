//! An agent's stream, for a test that waits for each stanza and fails without it.
#![allow(dead_code, reason = "each test uses a part")]

use std::time::Duration;

use couplet_kit::servers::Xmpp;
use couplet_kit::stanza::{body, presence};
use couplet_kit::stream::Stream;
use tokio::time::timeout;
use xmpp_parsers::minidom::Element;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long it watches for what must not come.
const SILENCE: Duration = Duration::from_millis(700);

pub(crate) struct Client {
    pub(crate) jid: String,
    stream: Stream,
}

impl Client {
    /// Registers an account if it does not exist, logs in and binds `resource`, without sending
    /// presence.
    pub(crate) async fn login(server: &Xmpp, name: &str, resource: &str) -> Self {
        let login = Stream::login(server.c2s, &server.host, name, resource);
        let stream = timeout(PATIENCE, login).await.expect("the login ends in time").unwrap();
        Self { jid: format!("{name}@{}", server.host), stream }
    }

    /// Sends available presence.
    pub(crate) async fn available(&mut self) {
        self.write(&presence("")).await;
    }

    /// Sends XML as it is.
    pub(crate) async fn write(&mut self, xml: &str) {
        self.stream.write(xml).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Element {
        // Longer than any wait that can say what it waits for.
        self.read(2 * PATIENCE).await.expect("a stanza comes in time")
    }

    async fn read(&mut self, patience: Duration) -> Option<Element> {
        Some(timeout(patience, self.stream.next()).await.ok()?.unwrap())
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
        let mut all = Vec::new();
        while let Some(element) = self.read(SILENCE).await {
            all.push(element);
        }
        all
    }
}
