//! Couplet's database schema, as a list of migrations.
//!
//! Invariants: a released migration never changes. Migrations only go forward, and each leaves a
//! database that the previous version still works on (add, fill, and only later remove). A
//! migration can be run again after an interruption: MySQL commits each statement on a table by
//! itself.

pub use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m20260101_000001_first;
mod m20261123_000002_form;
mod m20261123_000003_files;
mod m20261130_000002_tags;
mod m20261130_000003_canned;
mod m20261130_000005_hours;
mod m20261130_000006_by_hand;
mod m20261130_000008_macros;
mod m20261201_000001_lookups;
mod m20261201_000003_file_quota;
mod m20261201_000006_sessions;
mod m20261201_000013_departing;
mod m20261201_000014_settings;
mod m20261202_000001_transfer;
mod shape;

/// All migrations, in order.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20260101_000001_first::Step),
            Box::new(m20261123_000002_form::Step),
            Box::new(m20261123_000003_files::Step),
            Box::new(m20261130_000005_hours::Step),
            Box::new(m20261130_000006_by_hand::Step),
            Box::new(m20261201_000001_lookups::Step),
            Box::new(m20261201_000003_file_quota::Step),
            Box::new(m20261201_000006_sessions::Step),
            Box::new(m20261201_000013_departing::Step),
            Box::new(m20261201_000014_settings::Step),
            Box::new(m20261202_000001_transfer::Step),
            Box::new(m20261130_000003_canned::Step),
            Box::new(m20261130_000002_tags::Step),
            Box::new(m20261130_000008_macros::Step),
        ]
    }
}
