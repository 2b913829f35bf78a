//! Whatever a customer's client sends is parsed or refused; a refusal does not repeat its text.

#![no_main]

use couplet::bridge::clean;
use couplet::bridge::custom_to_xmpp::action::{Request, greeting, request};
use couplet::chat::event::{CustomerAction, CustomerContent};
use couplet::chat::ids::ConversationId;
use couplet::wire::{ClientFrame, TEXT_CHARS, decode};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

fuzz_target!(|text: &str| {
    let frame = match decode(text) {
        Ok(frame) => frame,
        Err(refused) => {
            assert!(refused.message.len() < 200);
            assert!(refused.id.is_none_or(|id| id.len() <= 64));
            return;
        }
    };
    if let ClientFrame::Hello(hello) = frame {
        let _ = greeting(hello);
        return;
    }
    if let Ok(Request::Submit(CustomerContent::Command(command))) =
        request(frame, || ConversationId(Uuid::nil()))
        && let CustomerAction::Message { text, .. } = command.action
    {
        assert!(!text.trim().is_empty());
        assert!(clean::scalars_at_most(&text, TEXT_CHARS));
        assert!(text.chars().all(|c| c != '\r' && clean::is_xml(c)));
    }
});
