//! Couplet's database schema, step by step.
//!
//! Invariants: a step, once released, never changes; steps only go forward, and each leaves a
//! database on which the version before it still works (add, fill, and only later take away).
//! A step may be run again after it broke off half-way: MySQL commits each table by itself.

pub use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m20260101_000001_first;
mod m20261123_000002_form;
mod m20261123_000003_files;
mod m20261201_000001_lookups;
mod m20261201_000003_file_quota;
mod m20261201_000006_sessions;
mod m20261201_000013_departing;
mod shape;

/// All steps, in their order.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20260101_000001_first::Step),
            Box::new(m20261123_000002_form::Step),
            Box::new(m20261123_000003_files::Step),
            Box::new(m20261201_000001_lookups::Step),
            Box::new(m20261201_000003_file_quota::Step),
            Box::new(m20261201_000006_sessions::Step),
            Box::new(m20261201_000013_departing::Step),
        ]
    }
}
