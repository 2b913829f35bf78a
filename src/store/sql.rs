//! What the databases say differently.

use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ConnectionTrait, DbBackend};

/// The present moment on the database's clock, in epoch milliseconds, at the moment it is asked
/// for and not when its statement began: the statement may have waited for a lock.
pub(super) fn now(connection: &impl ConnectionTrait) -> SimpleExpr {
    // No query builder has these words.
    match connection.get_database_backend() {
        DbBackend::Sqlite => Expr::cust("CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
        _ => Expr::cust("CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"),
    }
}

/// In an upsert: the new value of a column, else the one that is there.
pub(super) fn new_or_present(
    connection: &impl ConnectionTrait,
    table: &str,
    column: &str,
) -> SimpleExpr {
    // The builder knows the new row's name in plain assignments only.
    match connection.get_database_backend() {
        DbBackend::Sqlite => {
            Expr::cust(format!("COALESCE(excluded.\"{column}\", \"{table}\".\"{column}\")"))
        }
        _ => Expr::cust(format!("COALESCE(VALUES(`{column}`), `{table}`.`{column}`)")),
    }
}

/// How many of so many rows go into one statement: a power of two.
///
/// Each number of rows is a statement of its own to the server, and what was prepared once is
/// used again. Were there more of them than a connection keeps, each would drop another, and to
/// drop one costs 40 ms: the driver writes it without waiting for an answer, and the next thing it
/// writes waits for a delayed acknowledgement.
pub(super) fn together(rows: usize, most: usize) -> usize {
    rows.min(most).checked_ilog2().map_or(0, |bits| 1 << bits)
}

/// The same values, the last repeated until their number is a power of two: for lists in
/// conditions, for the reason of [`together`].
pub(super) fn padded<T: Clone>(mut values: Vec<T>) -> Vec<T> {
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}
