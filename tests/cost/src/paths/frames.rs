//! Customers' frames.

use std::hint::black_box;

use couplet_cost::bridge::custom_to_xmpp::action::{self, Request};
use couplet_cost::bridge::xmpp_to_custom::frame;
use couplet_cost::chat::event::{CustomerAction, CustomerContent};
use couplet_cost::chat::ids::{CommandId, Seq, Timestamp};
use couplet_cost::chat::model::Acked;
use couplet_cost::wire::{ServerFrame, decode, encode};

use super::{Rounds, WORDS, agent, client_id, conversation, each, numbered, row};

/// A customer's message, from the text of the frame to the command.
pub(super) fn message_in() -> anyhow::Result<Rounds> {
    let frame = |number| {
        let id = client_id(number);
        Ok(format!(r#"{{"type":"message","id":"{id}","text":"{WORDS}"}}"#))
    };
    Ok(each(numbered(frame)?, |text| {
        let Some(CustomerContent::Command(command)) = act(&text) else { return false };
        matches!(command.action, CustomerAction::Message { text, .. } if *text == *WORDS)
    }))
}

/// A `read` frame, which is not durable.
pub(super) fn read_in() -> anyhow::Result<Rounds> {
    let frame = |number| Ok(format!(r#"{{"type":"read","seq":{number}}}"#));
    Ok(each(numbered(frame)?, |text| matches!(act(&text), Some(CustomerContent::Read { .. }))))
}

/// Parses a text as a socket does.
fn act(text: &str) -> Option<CustomerContent> {
    let request = decode(text).and_then(|frame| action::request(frame, || conversation(0)));
    match request {
        Ok(Request::Submit(content)) => Some(content),
        _ => None,
    }
}

/// The ack of a command.
pub(super) fn ack_out() -> anyhow::Result<Rounds> {
    let acked = |number| {
        let (seq, at) = (Some(Seq(number)), Timestamp(1_770_000_000_000));
        let acked = Acked { conversation: conversation(number), seq, at };
        Ok((CommandId::new(&client_id(number))?, acked))
    };
    Ok(each(numbered(acked)?, |(id, acked)| sent(ServerFrame::Ack(frame::ack(&id, acked)))))
}

/// An agent's message.
pub(super) fn entry_out() -> anyhow::Result<Rounds> {
    let rows = numbered(|number| row(number, agent()))?;
    Ok(each(rows, |row| {
        let entry = frame::entry(&row);
        entry.is_some_and(|entry| sent(ServerFrame::Entry(Box::new(entry))))
    }))
}

/// A receipt.
pub(super) fn receipt_out() -> anyhow::Result<Rounds> {
    let marks = numbered(|number| Ok((conversation(number), Seq(number))))?;
    Ok(each(marks, |(conversation, delivered)| {
        sent(ServerFrame::Receipt(frame::receipt(conversation, delivered, Seq(0))))
    }))
}

/// Writes a frame as a socket does.
fn sent(frame: ServerFrame) -> bool {
    encode(&frame).is_ok_and(|text| black_box(text).starts_with(r#"{"type":"#))
}
