//! What the databases say differently.

use sea_orm::DbBackend;
use sea_orm::sea_query::{Expr, SimpleExpr};

/// The present moment on the database's clock, in epoch milliseconds, at the moment it is asked
/// for and not when its statement began: the statement may have waited for a lock.
pub(super) fn now(backend: DbBackend) -> SimpleExpr {
    // No query builder has these words.
    match backend {
        DbBackend::Sqlite => Expr::cust("CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
        _ => Expr::cust("CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"),
    }
}

/// In an upsert: the new value of a column, else the one that is there.
pub(super) fn new_or_present(backend: DbBackend, table: &str, column: &str) -> SimpleExpr {
    // The builder knows the new row's name in plain assignments only.
    match backend {
        DbBackend::Sqlite => {
            Expr::cust(format!("COALESCE(excluded.\"{column}\", \"{table}\".\"{column}\")"))
        }
        _ => Expr::cust(format!("COALESCE(VALUES(`{column}`), `{table}`.`{column}`)")),
    }
}

/// The same values, the last repeated until their number is a power of two: for lists in
/// conditions, so that there are few statements to prepare (see [`super::many`]).
pub(super) fn padded<T: Clone>(mut values: Vec<T>) -> Vec<T> {
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}
