//! XML namespaces for which the XMPP library has no name.

/// XEP-0066, by which clients recognize files.
pub const OOB: &str = "jabber:x:oob";

/// XEP-0424.
pub const RETRACT: &str = "urn:xmpp:message-retract:1";

/// XEP-0334.
pub const HINTS: &str = "urn:xmpp:hints";

/// XEP-0050.
pub const COMMANDS: &str = "http://jabber.org/protocol/commands";

/// XEP-0353.
pub const CALL: &str = "urn:xmpp:jingle-message:0";

/// XEP-0482.
pub const CALL_INVITE: &str = "urn:xmpp:call-invites:0";
