//! The list of the commands that its reader may give.

use crate::bridge::custom_to_xmpp::piece::marked;
use crate::chat::commands::{COMMANDS, Spec};

pub(super) fn help(in_chat: bool, supervisor: bool) -> String {
    let (sign, head) = if in_chat {
        ("!", "Everything you write goes to the customer, except:")
    } else {
        ("", "Commands:")
    };
    let there = |spec: &&Spec| if in_chat { spec.in_chat } else { spec.with_desk };
    let known = COMMANDS.iter().filter(there).filter(|spec| supervisor || !spec.for_supervisors);
    let lines = known.map(|spec| {
        let example = spec.example.map(|example| format!(": {example}")).unwrap_or_default();
        marked(&format!("{sign}{} – {}{example}", spec.word, spec.help))
    });
    let tail = if in_chat {
        "!!word – send !word to the customer"
    } else {
        "In a customer's chat, put ! in front; !help there shows more"
    };
    let head = [marked(head)].into_iter();
    head.chain(lines).chain([marked(tail)]).collect::<Vec<_>>().join("\n")
}
