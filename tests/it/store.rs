//! Contract of the store: one suite, run against every database.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot continue has failed"
)]

/// Runs each test on each database.
macro_rules! suite {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let db = crate::support::db::Db::new(crate::support::db::Backend::Sqlite).await;
                super::$name(&db).await;
                db.remove().await;
            })*
        }
        mod mysql {
            $(#[tokio::test]
            async fn $name() {
                let db = crate::support::db::Db::new(crate::support::db::Backend::Mysql).await;
                super::$name(&db).await;
                db.remove().await;
            })*
        }
    };
}

mod append;
mod bounds;
mod changes;
mod digests;
mod directory;
mod failover;
mod files;
pub(crate) mod fixture;
mod lease;
mod schema;
mod sessions;
mod snapshot;
mod text;
mod transcripts;
