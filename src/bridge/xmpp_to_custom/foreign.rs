//! What clients send that a customer at a web page can do nothing with: calls, invitations, contacts;
//! and files in a form of their own.
//!
//! Invariant: whatever would ring, or be read out to the customer as if the agent had said it, is
//! recognised here, so that the agent is told.

use xmpp_parsers::minidom::Element;

use super::input::is_kept;
use crate::chat::refusal::{AgentRefusal, Call};

/// XEP-0353.
pub const CALL: &str = "urn:xmpp:jingle-message:0";
/// XEP-0482.
pub const CALL_INVITE: &str = "urn:xmpp:call-invites:0";
/// XEP-0249, XEP-0045, XEP-0407.
const INVITATIONS: [&str; 3] =
    ["jabber:x:conference", "http://jabber.org/protocol/muc#user", "urn:xmpp:mix:misc:0"];
/// XEP-0144.
const CONTACTS: &str = "http://jabber.org/protocol/rosterx";
/// XEP-0447, XEP-0103.
const SHARED: &str = "urn:xmpp:sfs:0";
const URL_DATA: &str = "http://jabber.org/protocol/url-data";

/// A call.
pub(super) fn call(message: &Element) -> Option<Call> {
    let proposed = message.get_child("propose", CALL).and_then(|propose| propose.attr("id"));
    let invited = message.get_child("invite", CALL_INVITE).and_then(|_| message.attr("id"));
    let id = proposed.or(invited).filter(|id| is_kept(id))?;
    Some(Call { id: id.into(), invited: proposed.is_none() })
}

/// An invitation to a room, or contacts: the text beside it is its client's.
pub(super) fn offer(message: &Element) -> Option<AgentRefusal> {
    let [direct, mediated, mix] = INVITATIONS;
    let invites = message.has_child("x", direct)
        || message.get_child("x", mediated).is_some_and(|x| x.has_child("invite", mediated))
        || message.has_child("invitation", mix);
    if invites {
        return Some(AgentRefusal::Invitation);
    }
    message.has_child("x", CONTACTS).then_some(AgentRefusal::Contacts)
}

/// Where a file lies that is shared without a link of the older form.
pub(super) fn source(message: &Element) -> Option<String> {
    let sources = message.get_child("file-sharing", SHARED)?.get_child("sources", SHARED)?;
    Some(sources.get_child("url-data", URL_DATA)?.attr("target")?.to_owned())
}
