//! Expressions that differ between the databases.

use sea_orm::DbBackend;
use sea_orm::sea_query::{Expr, SimpleExpr};

/// The present time by the database's clock, in epoch milliseconds. It is the time of evaluation,
/// not of the statement's start: the statement may have waited for a lock.
pub(super) fn now(backend: DbBackend) -> SimpleExpr {
    // Raw SQL, since the query builder does not have these functions.
    match backend {
        DbBackend::Sqlite => Expr::cust("CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
        _ => Expr::cust("CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"),
    }
}

/// In an upsert: the new value of a column, or the stored one if the new value is null.
pub(super) fn new_or_present(backend: DbBackend, table: &str, column: &str) -> SimpleExpr {
    // Raw SQL, since the builder can name the new row in plain assignments only.
    match backend {
        DbBackend::Sqlite => {
            Expr::cust(format!("COALESCE(excluded.\"{column}\", \"{table}\".\"{column}\")"))
        }
        _ => Expr::cust(format!("COALESCE(VALUES(`{column}`), `{table}`.`{column}`)")),
    }
}

/// The same values, with the last one repeated up to a power of two. Lists in conditions are padded
/// so that few different statements have to be prepared (see [`super::statements`]).
pub(super) fn padded<T: Clone>(mut values: Vec<T>) -> Vec<T> {
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}
