//! Translates the database's errors for operators.
//!
//! Invariant: a text says what is wrong and how to fix it; none contains a URL, a user's name or a
//! password.

use std::io::ErrorKind;
use std::time::Duration;

use sea_orm::sqlx::{self, error::ErrorKind as Clash};
use sea_orm::{DbErr, RuntimeErr, SqlErr};

use crate::ports::store_error::StoreError;

/// Translates the error of a statement.
pub(super) fn unavailable(error: DbErr) -> StoreError {
    match &error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => driver(cause),
        DbErr::ConnectionAcquire(_) => driver(&sqlx::Error::PoolTimedOut),
        DbErr::Type(text) | DbErr::Json(text) => StoreError::Corrupt(text.clone()),
        other => StoreError::Unavailable(other.to_string()),
    }
}

/// Translates the error of the driver.
pub(super) fn driver(error: &sqlx::Error) -> StoreError {
    let text = match error {
        sqlx::Error::Io(cause) => match cause.kind() {
            ErrorKind::ConnectionRefused => {
                return StoreError::Declined(
                    "nothing listens at the address of [database] url: is the server running, are \
                     host and port right?"
                        .to_owned(),
                );
            }
            ErrorKind::NotFound => {
                "the socket or file that [database] url names does not exist".to_owned()
            }
            ErrorKind::PermissionDenied => {
                "this user may not open what [database] url names".to_owned()
            }
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => "the server closed the connection".to_owned(),
            _ => format!("the server of [database] url cannot be reached: {cause}"),
        },
        sqlx::Error::Tls(cause) => format!("TLS with the server failed: {cause}"),
        sqlx::Error::PoolTimedOut => {
            return StoreError::Declined(
                "no connection became free in time: the server is down or overloaded".to_owned(),
            );
        }
        sqlx::Error::PoolClosed => "the connections are closed: the gateway is stopping".to_owned(),
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::Decode(_) => return StoreError::Corrupt(error.to_string()),
        sqlx::Error::Database(cause) => return from_database(cause.as_ref()),
        sqlx::Error::Protocol(text) => format!("the server sent something unexpected: {text}"),
        // The text of a configuration error may quote a part of the URL.
        sqlx::Error::Configuration(_) => "[database] url is not understood".to_owned(),
        other => other.to_string(),
    };
    StoreError::Unavailable(text)
}

/// Translates the server's own error. The statement had no effect.
fn from_database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    match error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        Some(mysql) => from_mysql(mysql),
        None => from_sqlite(error),
    }
}

fn from_mysql(error: &sqlx::mysql::MySqlDatabaseError) -> StoreError {
    let text = match error.number() {
        1040 | 1203 | 1226 => "the server has no connection left: raise its max_connections",
        1044 | 1142 | 1143 | 1227 => {
            "the user of [database] url lacks a privilege: grant it all privileges on the database"
        }
        1045 | 1698 => {
            "the server refuses user and password: fix them in [database] url \
             (characters like @ : / in a password are written %40 %3A %2F)"
        }
        1049 => "the server has no such database: create it, then run `couplet migrate`",
        1054 | 1146 | 1364 => MISSING_SCHEMA,
        1153 => {
            return StoreError::TooLarge(
                "the server accepts no packet of this size: raise its max_allowed_packet"
                    .to_owned(),
            );
        }
        1205 => "another transaction locked the rows for too long",
        1213 => "deadlock with another transaction; this one was rolled back",
        1021 | 1114 => "the server's disk is full",
        // The last one: a node of a Galera cluster that is cut off from the others.
        1290 | 1792 | 1836 | 1047 => {
            return StoreError::ReadOnly(
                "the server is read-only now: is it a replica?".to_owned(),
            );
        }
        // Whether the commit succeeded is unknown.
        1180 | 1181 => return StoreError::Unavailable(error.message().to_owned()),
        number if is_about_the_value(number, error.code()) => {
            return StoreError::Refused(format!("the database refuses a value (error {number})"));
        }
        number => return StoreError::Declined(format!("error {number}: {}", error.message())),
    };
    StoreError::Declined(text.to_owned())
}

/// Whether the server will never accept this value: it does not fit its column, or violates a
/// constraint. The server's messages for such errors quote the value, so they are not kept.
fn is_about_the_value(number: u16, state: Option<&str>) -> bool {
    // SQLSTATE classes 22 and 23 are data exceptions and constraint violations, 45 is what a
    // trigger signals. Some of these errors have no class of their own.
    let class = state.and_then(|state| state.get(..2));
    matches!(class, Some("22" | "23" | "45")) || matches!(number, 1366 | 3819 | 3988)
}

fn from_sqlite(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    let Some(code) = code else { return StoreError::Declined(error.message().to_owned()) };
    // The low byte is the kind of error, the rest its details.
    let text = match code & 0xff {
        5 | 6 => "another process locked the file for too long",
        8 => {
            "the file cannot be written: check its owner, and whether the disk is mounted read-only"
        }
        10 => "the disk failed",
        11 | 26 => "the file is not a SQLite database, or is damaged",
        13 => "the disk is full",
        14 => {
            "the file cannot be opened: does its folder exist, may this user write there, does \
             [database] url end with ?mode=rwc?"
        }
        18..=20 => {
            return StoreError::Refused(format!("the database refuses a value (error {code})"));
        }
        1 if error.message().starts_with("no such ") => MISSING_SCHEMA,
        _ => return StoreError::Declined(format!("error {code}: {}", error.message())),
    };
    StoreError::Declined(text.to_owned())
}

/// The error for missing tables or columns.
pub(super) const MISSING_SCHEMA: &str = "the schema is missing or outdated: run `couplet migrate`";

/// The index that a unique violation names (on SQLite: its columns); none for other errors.
pub(super) fn violated(error: &DbErr) -> Option<String> {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(text)) => Some(
            // MySQL quotes the value first, which may contain anything.
            text.rsplit_once(" for key ").map_or(text.clone(), |(_, key)| key.to_owned()),
        ),
        _ => None,
    }
}

/// Whether a row with this key already exists.
pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

/// Whether a column that must not be null got no value.
pub(super) fn is_null(error: &sqlx::Error) -> bool {
    let clash = error.as_database_error().map(|error| error.kind());
    matches!(clash, Some(Clash::NotNullViolation))
}

/// Stored data that this version cannot decode.
pub(super) fn corrupt(what: &str, value: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what} {value}"))
}

/// An operation that took longer than it may.
pub(super) fn late(patience: Duration) -> StoreError {
    StoreError::Unavailable(format!("no response within {}", seconds(patience)))
}

pub(super) fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f32())
}
