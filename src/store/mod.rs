//! The database, through sea-orm: MySQL, MariaDB, SQLite.
//!
//! Invariants: `Ok` means committed. Every write of a link's owner first locks the link's row and
//! compares its epoch, in the same statement if possible. No query scans a table; each has an
//! index, and each index has a query. No error text contains a part of the database's URL.
//!
//! Two columns are stored less often than they change, and completed on reading: a conversation's
//! `head` and `active_at` are written with its view and brought up to date from the log
//! ([`conversation_lookup`]), so that a message costs one row and nothing else.
//!
//! The log and the conversations have no foreign keys, on purpose: an append must never fail
//! because a tenant was just removed.

mod append;
mod batcher;
mod canned;
mod closings;
mod codec;
mod connect;
mod connection;
mod conversation_lookup;
mod conversations;
mod digests;
mod directory;
mod edits;
mod entity;
mod error;
mod files;
mod hours;
mod identities;
mod lease;
mod links;
mod log;
mod lookup;
mod macros;
mod message_files;
mod overrides;
mod pool;
mod ranges;
mod restore;
mod routing;
mod row_codec;
mod schema;
mod server;
mod session_insert;
mod session_lookup;
mod sessions;
mod silence;
mod snapshot;
mod sql;
mod sql_store;
mod statements;
mod tenants;
mod transcripts;
mod undelivered;
mod url;

pub use sql_store::{Options, SqlStore};
