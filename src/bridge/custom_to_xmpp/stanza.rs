//! An effect as a stanza.
