//! Tables and columns that mean the same on MySQL, MariaDB and SQLite.
//!
//! Invariants: text is always compared by code points (`_bin`), so keys that differ only in case
//! are different; columns for ASCII names take one byte per character in every index.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Defines columns for one kind of database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape(pub(crate) DbBackend);

impl Shape {
    fn mysql(self) -> bool {
        self.0 == DbBackend::MySql
    }

    /// An ASCII column of at most `length` characters, not null.
    pub(crate) fn ascii(self, name: &'static str, length: u32) -> ColumnDef {
        self.ascii_or_null(name, length).not_null().take()
    }

    /// An ASCII column of at most `length` characters.
    pub(crate) fn ascii_or_null(self, name: &'static str, length: u32) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        if self.mysql() {
            column.custom(format!("varchar({length}) CHARACTER SET ascii COLLATE ascii_bin")).take()
        } else {
            column.string_len(length).take()
        }
    }

    /// A Unicode column of at most `length` characters.
    pub(crate) fn words(self, name: &'static str, length: u32) -> ColumnDef {
        ColumnDef::new(name).string_len(length).take()
    }

    /// A Unicode column of practically unlimited length.
    pub(crate) fn text(self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        // `text` holds 64 KiB on MySQL, less than an escaped form may take.
        if self.mysql() { column.custom("mediumtext").take() } else { column.text().take() }
    }

    pub(crate) fn uuid(self, name: &'static str) -> ColumnDef {
        ColumnDef::new(name).binary_len(16).take()
    }

    /// A count, a position, or a time in epoch milliseconds.
    pub(crate) fn number(self, name: &'static str) -> ColumnDef {
        ColumnDef::new(name).big_integer().take()
    }

    /// Creates a table and its indices, as far as they do not exist.
    pub(crate) async fn create(
        self,
        manager: &SchemaManager<'_>,
        mut table: TableCreateStatement,
        indices: Vec<IndexCreateStatement>,
    ) -> Result<(), DbErr> {
        table.if_not_exists();
        if self.mysql() {
            // Within the table's statement, since MySQL has no CREATE INDEX IF NOT EXISTS.
            table.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
            for mut index in indices {
                table.index(&mut index);
            }
            manager.create_table(table).await
        } else {
            let name = table.get_table_name().cloned();
            manager.create_table(table).await?;
            for mut index in indices {
                if let Some(name) = name.clone() {
                    index.table(name);
                }
                manager.create_index(index.if_not_exists().take()).await?;
            }
            Ok(())
        }
    }
}

pub(crate) fn index(name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name);
    for column in columns {
        index.col(*column);
    }
    index
}

pub(crate) fn unique(name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index(name, columns).unique().take()
}

pub(crate) fn primary(columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    for column in columns {
        index.col(*column);
    }
    index.primary().take()
}

/// A foreign key with ON DELETE CASCADE.
pub(crate) fn falls_with(
    name: &'static str,
    from: (&'static str, &[&'static str]),
    to: (&'static str, &[&'static str]),
) -> ForeignKeyCreateStatement {
    let mut key = ForeignKey::create();
    key.name(name).on_delete(ForeignKeyAction::Cascade);
    for column in from.1 {
        key.from(from.0, *column);
    }
    for column in to.1 {
        key.to(to.0, *column);
    }
    key
}
