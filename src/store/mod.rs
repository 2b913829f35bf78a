//! The database through sea-orm.
