//! A stanza as an event for the desk.
