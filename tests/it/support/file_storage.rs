//! File storage for each test.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use couplet::files::{At, HttpFetcher, open};
use couplet::ports::world::World;
use couplet::runtime::files::{FileParts, FileQuotas, FileRules, Files};
use couplet::store::SqlStore;

/// Files in a folder that is created with the first file; agents' files are not fetched.
pub(crate) fn files(store: &SqlStore, world: Arc<dyn World>) -> Files {
    files_in(store, world, &std::env::temp_dir().join("couplet-no-files"))
}

/// Files in this folder, of at most a megabyte.
pub(crate) fn files_in(store: &SqlStore, world: Arc<dyn World>, folder: &Path) -> Files {
    Files::new(FileParts {
        store: Arc::new(store.clone()),
        storage: Arc::new(open(At::Folder(folder.to_owned()))),
        fetcher: Arc::new(HttpFetcher::new(HashMap::new()).unwrap()),
        world,
        rules: FileRules::usual(1024 * 1024),
        quotas: FileQuotas { of_customer: u64::MAX, of_tenant: u64::MAX },
        secret: "secret".into(),
    })
}
