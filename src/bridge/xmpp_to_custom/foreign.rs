//! What clients send that a customer in a browser cannot use: calls, invitations, contacts; and
//! files in the form of XEP-0447.
//!
//! Invariant: whatever would ring, or would reach the customer as if the agent had written it, is
//! recognized here, so that the agent is notified.

use xmpp_parsers::minidom::Element;

use super::words::is_kept;
use crate::bridge::xmlns::{CALL, CALL_INVITE};
use crate::chat::refusal::{AgentRefusal, Call};

/// XEP-0249, XEP-0045, XEP-0407.
const INVITATIONS: [&str; 3] =
    ["jabber:x:conference", "http://jabber.org/protocol/muc#user", "urn:xmpp:mix:misc:0"];
/// XEP-0144.
const CONTACTS: &str = "http://jabber.org/protocol/rosterx";
/// XEP-0447, XEP-0103.
const SHARED: &str = "urn:xmpp:sfs:0";
const URL_DATA: &str = "http://jabber.org/protocol/url-data";

pub(super) fn call(message: &Element) -> Option<Call> {
    let proposed = message.get_child("propose", CALL).and_then(|propose| propose.attr("id"));
    let invited = message.get_child("invite", CALL_INVITE).and_then(|_| message.attr("id"));
    let id = proposed.or(invited).filter(|id| is_kept(id))?;
    Some(Call { id: id.into(), invited: proposed.is_none() })
}

/// An invitation to a room, or contacts; the text with it is written by the client.
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

/// The address of a file that is shared without a link in the older form (XEP-0066).
pub(super) fn source(message: &Element) -> Option<String> {
    let sources = message.get_child("file-sharing", SHARED)?.get_child("sources", SHARED)?;
    Some(sources.get_child("url-data", URL_DATA)?.attr("target")?.to_owned())
}
