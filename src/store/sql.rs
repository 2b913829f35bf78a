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
