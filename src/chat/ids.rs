//! Identifiers and small value types of the core.
//!
//! Invariants: a value of these types is well-formed; what comes from outside becomes one only
//! through a constructor that checks it. Nothing depends on the order of identifiers.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {rule}")]
pub struct BadName {
    /// The kind of name.
    pub what: &'static str,
    /// The rule it broke.
    pub rule: &'static str,
}

macro_rules! shared_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// So that a map can be searched by the text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

/// Nodes send a name to each other as its text, which is checked again on arrival.
macro_rules! sent_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    };
}

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        shared_text!($(#[$doc])* $name);
        sent_as_text!($name);

        impl $name {
            /// Accepts 1 to 32 characters of `[a-z0-9-]`, not beginning with a hyphen.
            pub fn new(text: &str) -> Result<Self, BadName> {
                let well_formed = (1..=32).contains(&text.len())
                    && !text.starts_with('-')
                    && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
                if well_formed {
                    Ok(Self(text.into()))
                } else {
                    Err(BadName {
                        what: $what,
                        rule: "takes 1 to 32 of a-z, 0-9 and -, and does not begin with -",
                    })
                }
            }
        }
    };
}

slug!(
    /// One business.
    TenantKey,
    "a tenant's key"
);
slug!(
    /// A queue of one tenant.
    QueueKey,
    "a queue's key"
);
slug!(
    /// A canned reply of one tenant.
    ReplyKey,
    "a canned reply's key"
);
slug!(
    /// A macro of one tenant.
    MacroKey,
    "a macro's key"
);

impl QueueKey {
    /// The queue that every tenant has.
    pub fn default_queue() -> Self {
        Self("default".into())
    }
}

shared_text!(
    /// The bare JID of an agent, normalised (RFC 7622) by the code that parsed it.
    AgentJid
);

impl AgentJid {
    /// Wraps a bare JID that is already normalised; `bridge::address` parses and normalises.
    pub fn normalised(jid: &str) -> Self {
        Self(jid.into())
    }
}

shared_text!(
    /// The localpart of a customer's address, unique on its link and meaningless.
    Localpart
);

sent_as_text!(Localpart);

impl Localpart {
    /// Wraps a text drawn at random from `[a-z0-9]`.
    pub fn drawn(text: &str) -> Self {
        Self(text.into())
    }

    /// Accepts 1 to 32 characters of `[a-z0-9-]`.
    pub fn new(text: &str) -> Result<Self, BadName> {
        TenantKey::new(text)
            .map(|checked| Self(checked.0))
            .map_err(|bad| BadName { what: "a localpart", ..bad })
    }
}

shared_text!(
    /// A component domain: one link.
    LinkDomain
);

sent_as_text!(LinkDomain);

impl LinkDomain {
    /// Accepts a lower-case domain of 1 to 253 bytes.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let well_formed = (1..=253).contains(&text.len())
            && text.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            });
        if well_formed {
            Ok(Self(text.into()))
        } else {
            Err(BadName {
                what: "a link's domain",
                rule: "takes lower-case labels of a-z, 0-9 and -",
            })
        }
    }
}

shared_text!(
    /// The id that a customer's client gave a durable command; unique in its session.
    CommandId
);

sent_as_text!(CommandId);

impl CommandId {
    /// Accepts 1 to 64 characters of `[A-Za-z0-9_-]`.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let well_formed = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if well_formed {
            Ok(Self(text.into()))
        } else {
            Err(BadName { what: "an id", rule: "takes 1 to 64 of A-Z, a-z, 0-9, _ and -" })
        }
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.simple().fmt(f)
            }
        }
    };
}

uuid_id!(
    /// One person at a widget.
    CustomerId
);
uuid_id!(
    /// One resumable identity of a customer: a browser.
    SessionId
);
uuid_id!(
    /// One conversation, from start to close.
    ConversationId
);
uuid_id!(
    /// One gateway process, from start to stop.
    NodeId
);
uuid_id!(
    /// One file of a conversation, drawn at random, so that it cannot be guessed.
    FileId
);

/// The key that signs the links to one file; never shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileKey(pub [u8; 16]);

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey")
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
        )]
        pub struct $name(pub u64);

        impl $name {
            /// The next number.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }
    };
}

number!(
    /// The place of a row in its link's log: dense from 1; 0 is before the first.
    Pos
);
number!(
    /// The place of an entry in its conversation: dense from 1; 0 is before the first.
    Seq
);
number!(
    /// The term of a link's owner; each takeover raises it.
    Epoch
);

/// A moment, in milliseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment `millis` later.
    #[must_use]
    pub fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this; 0 if the clock stepped back.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_well_formed_or_refused() {
        let long = "a".repeat(33);
        for good in ["a", "acme-2", "0", &long[..32]] {
            assert!(TenantKey::new(good).is_ok() && Localpart::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "Acme", "a_b", "ä", "a b", &long] {
            assert!(QueueKey::new(bad).is_err() && Localpart::new(bad).is_err(), "{bad}");
        }
        assert_eq!(
            TenantKey::new("").unwrap_err().to_string(),
            "a tenant's key takes 1 to 32 of a-z, 0-9 and -, and does not begin with -"
        );
    }

    #[test]
    fn a_command_id_is_short_and_plain() {
        assert!(CommandId::new("aZ_0-").is_ok() && CommandId::new(&"x".repeat(64)).is_ok());
        for bad in ["", "a.b", "ü", &"x".repeat(65)] {
            assert!(CommandId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_domain_has_lower_case_labels() {
        assert!(LinkDomain::new("chat.example.org").is_ok() && LinkDomain::new("x").is_ok());
        for bad in ["", ".", "a..b", "a.", "Chat.example", &format!("{}.org", "a".repeat(64))] {
            assert!(LinkDomain::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn time_neither_goes_back_nor_overflows() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), 0);
        assert_eq!(Timestamp(i64::MAX).plus(1), Timestamp(i64::MAX));
        assert_eq!(Timestamp(i64::MIN).since(Timestamp(i64::MAX)), 0);
        assert_eq!((Pos(1).next(), Seq::default().next()), (Pos(2), Seq(1)));
    }
}
