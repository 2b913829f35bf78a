//! A database for each test, on each kind of server.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::expect_used, reason = "a test that cannot start has failed")]

use couplet::store::{Options, SqlStore};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use url::Url;

use couplet_kit::servers::servers;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Mysql,
}

#[derive(Debug)]
pub(crate) struct Db {
    pub(crate) backend: Backend,
    /// The store under test, with its schema.
    pub(crate) store: SqlStore,
    /// The URL for the gateway's configuration.
    pub(crate) url: SecretString,
    name: String,
    _folder: Option<TempDir>,
}

impl Db {
    /// A database with its schema.
    pub(crate) async fn new(backend: Backend) -> Self {
        let db = Self::bare(backend).await;
        db.store.migrate().await.expect("a fresh database takes the schema");
        db
    }

    /// From now on the log refuses rows with this error of MySQL's.
    pub(crate) async fn refuse(&self, errno: u32, text: &str) {
        let name = &self.name;
        administer(&format!(
            "CREATE TRIGGER {name}.refuse BEFORE INSERT ON {name}.log FOR EACH ROW \
             SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {errno}, MESSAGE_TEXT = '{text}'"
        ))
        .await;
    }

    /// Accepts rows again.
    pub(crate) async fn take_again(&self) {
        administer(&format!("DROP TRIGGER {}.refuse", self.name)).await;
    }

    /// A database without a schema.
    #[allow(clippy::disallowed_methods, reason = "tests that run at once need different names")]
    pub(crate) async fn bare(backend: Backend) -> Self {
        let name = format!("couplet_{}", uuid::Uuid::new_v4().simple());
        let (url, folder) = match backend {
            Backend::Sqlite => {
                let folder = TempDir::new().expect("a folder");
                let file = folder.path().join("couplet.db");
                (format!("sqlite://{}?mode=rwc", file.display()), Some(folder))
            }
            Backend::Mysql => {
                administer(&format!("CREATE DATABASE {name}")).await;
                let mut url = server();
                url.set_path(&name);
                (url.to_string(), None)
            }
        };
        let url = SecretString::from(url);
        let store = connect(&url).await;
        Self { backend, store, url, name, _folder: folder }
    }

    /// Another gateway's store on the same database.
    pub(crate) async fn another(&self) -> SqlStore {
        connect(&self.url).await
    }

    /// Executes a statement that no gateway executes.
    pub(crate) async fn tamper(&self, statement: &str) {
        let url = self.url.expose_secret();
        let connection = Database::connect(url).await.expect("the database is there");
        connection.execute_unprepared(statement).await.expect("the statement is right");
        connection.close().await.expect("closed");
    }

    /// The result of a `SELECT COUNT` statement.
    pub(crate) async fn count(&self, statement: &str) -> i64 {
        let connection =
            Database::connect(self.url.expose_secret()).await.expect("the database is there");
        let counted = count(&connection, statement).await.expect("the statement is right");
        connection.close().await.expect("closed");
        counted
    }

    /// How many rows of this database's log the server has read so far: MariaDB counts only when
    /// configured to, MySQL always.
    pub(crate) async fn rows_read(&self) -> i64 {
        let connection = Database::connect(server().as_str()).await.expect("the server is there");
        let name = &self.name;
        let of_mariadb = format!(
            "SELECT CAST(COALESCE(SUM(ROWS_READ), 0) AS SIGNED) FROM \
             information_schema.TABLE_STATISTICS WHERE TABLE_SCHEMA = '{name}' AND TABLE_NAME = 'log'"
        );
        let of_mysql = format!(
            "SELECT CAST(COALESCE(SUM(COUNT_FETCH), 0) AS SIGNED) FROM \
             performance_schema.table_io_waits_summary_by_table \
             WHERE OBJECT_SCHEMA = '{name}' AND OBJECT_NAME = 'log'"
        );
        let counted = match connection.execute_unprepared("SET GLOBAL userstat = 1").await {
            Ok(_) => count(&connection, &of_mariadb).await,
            Err(_) => count(&connection, &of_mysql).await,
        };
        connection.close().await.expect("closed");
        counted.expect("the server counts")
    }

    /// Drops the database.
    pub(crate) async fn remove(self) {
        self.store.close().await;
        if self.backend == Backend::Mysql {
            administer(&format!("DROP DATABASE {}", self.name)).await;
        }
    }
}

/// The URL of the server, without a database.
pub(crate) fn server() -> Url {
    let mut url = Url::parse(&servers().mysql.url).expect("servers.json names an address");
    url.set_path("");
    url
}

async fn connect(url: &SecretString) -> SqlStore {
    SqlStore::connect(url, Options::default()).await.expect("the database can be reached")
}

async fn count(connection: &DatabaseConnection, statement: &str) -> Result<i64, DbErr> {
    let question = Statement::from_string(connection.get_database_backend(), statement);
    let row = connection.query_one_raw(question).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("nothing was counted".to_owned()))?;
    row.try_get_by_index(0)
}

async fn administer(statement: &str) {
    let connection = Database::connect(server().as_str()).await.expect("the server is there");
    connection.execute_unprepared(statement).await.expect("the administrator may do this");
    connection.close().await.expect("closed");
}
