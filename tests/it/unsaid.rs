//! Agents' messages that could not be stored: each is refused with an error on the stream it was
//! sent on. For each message the agent gets one response, and the right one.

use std::time::Duration;

use serde_json::Value;

use crate::outages::Operator;
use crate::support::fault::Way;
use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::seat::Bystanders;
use couplet_kit::stanza::condition;

on_both_servers!(a_database_that_is_gone, a_database_that_is_silent, a_stop_without_a_database);

/// A customer and an agent in conversation, over a database whose proxy can be closed.
struct Play {
    operator: Operator,
    way: Way,
    gateway: Gateway,
    two: Bystanders,
}

impl Play {
    async fn begin(server: Server) -> Self {
        let operator = Operator::new();
        let plan = Gateway::plan(server, Ground::Full, &operator.config).await;
        let mut way = plan.way_to_database("memory://", &operator.config);
        way.open();
        let alice = plan.seat("alice").await;
        let gateway = plan.open().await;
        let mut two = Bystanders::meet(gateway.customer().await, alice).await;
        two.go_on().await;
        Self { operator, way, gateway, two }
    }

    /// Waits until this many rows are pending for the database: a message sent from now on is
    /// queued behind them and never reaches the database.
    async fn until_rows_wait(&self, rows: f64) {
        let metric = format!("couplet_rows_waiting{{link=\"{}\"}}", self.gateway.domain);
        let waiting = async {
            while self.operator.reads(&metric).await < rows {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap();
    }

    /// The agent sends twenty messages; returns the ids.
    async fn say_twenty(&mut self) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 0..20 {
            ids.push(self.two.seat.say(&self.two.chat, &format!("Line {number}")).await);
        }
        ids
    }

    async fn all_are_returned(&mut self, ids: &[String]) {
        for id in ids {
            let is_it = |el: &xmpp_parsers::minidom::Element| {
                el.attr("type") == Some("error") && el.attr("id") == Some(id)
            };
            let error = self.two.seat.find(&format!("{id} back"), is_it).await;
            assert_eq!(condition(&error).unwrap().0, "resource-constraint");
            let kind = error.children().find(|child| child.name() == "error").unwrap();
            assert_eq!(kind.attr("type"), Some("wait"), "worth resending");
        }
    }

    /// Resent, each is stored and exists once.
    async fn all_can_be_resent(&mut self, ids: &[String]) {
        for (number, id) in ids.iter().enumerate() {
            self.two.seat.say_as(id, &self.two.chat, &format!("Line {number}")).await;
            self.two.seat.receipt_for(id).await;
        }
        for number in 0..ids.len() {
            let entry = self.two.customer.find(is_a_line).await;
            assert_eq!(entry["text"], format!("Line {number}"));
        }
        self.two.go_on().await;
    }
}

fn is_a_line(frame: &Value) -> bool {
    frame["type"] == "entry" && frame["text"].as_str().is_some_and(|text| text.starts_with("Line"))
}

async fn a_database_that_is_gone(server: Server) {
    let mut play = Play::begin(server).await;
    play.way.close().await;
    play.two.customer.write("kept", "Do you read me?").await;
    play.until_rows_wait(1.0).await;
    let ids = play.say_twenty().await;
    play.all_are_returned(&ids).await;
    play.way.open();
    play.two.customer.insisted("kept", "Do you read me?").await;
    play.gateway.until_ready(true).await;
    play.all_can_be_resent(&ids).await;
    play.gateway.end().await;
}

async fn a_database_that_is_silent(server: Server) {
    let mut play = Play::begin(server).await;
    play.way.freeze(true);
    play.two.customer.write("kept", "Do you read me?").await;
    play.until_rows_wait(1.0).await;
    let ids = play.say_twenty().await;
    play.all_are_returned(&ids).await;
    play.way.freeze(false);
    play.two.customer.insisted("kept", "Do you read me?").await;
    play.gateway.until_ready(true).await;
    play.all_can_be_resent(&ids).await;
    play.gateway.end().await;
}

/// The same on an orderly stop, which waits for the database only a moment.
async fn a_stop_without_a_database(server: Server) {
    let mut play = Play::begin(server).await;
    play.way.close().await;
    play.two.customer.write("kept", "Do you read me?").await;
    play.until_rows_wait(1.0).await;
    let ids = play.say_twenty().await;
    // Messages that are too late for that are refused anyhow: nothing is accepted after 2 s.
    play.until_rows_wait(5.0).await;
    play.gateway.stop_first().await;
    play.all_are_returned(&ids).await;
    play.gateway.end().await;
}
