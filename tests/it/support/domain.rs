//! A component domain for each test, while the others run at the same time.
#![allow(dead_code, reason = "each test uses a part")]

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::PathBuf;

use couplet::chat::ids::LinkDomain;

use couplet_kit::servers::Xmpp;

/// The number of domains of each kind.
const DOMAINS: u32 = 200;

/// A domain that nobody else uses until it is dropped.
#[derive(Debug)]
pub(crate) struct Domain {
    pub(crate) name: LinkDomain,
    lock: PathBuf,
}

/// Takes a free domain on a server: `c` for a privileged one (XEP-0356), `u` for one without
/// privilege.
pub(crate) fn domain(server: &Xmpp, kind: &str) -> Domain {
    let locks = std::env::temp_dir().join("couplet-test-domains");
    fs::create_dir_all(&locks).expect("a folder for locks");
    // Each run starts at another number, so that a lock left by a killed test costs only that one
    // domain.
    let first = std::process::id() % DOMAINS;
    for n in (0..DOMAINS).map(|n| (n + first) % DOMAINS) {
        let name = format!("{kind}{n:03}.{}", server.host);
        let lock = locks.join(format!("{}-{name}", server.component));
        match OpenOptions::new().write(true).create_new(true).open(&lock) {
            Ok(_) => return Domain { name: LinkDomain::new(&name).expect("a domain"), lock },
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => panic!("{}: {error}", lock.display()),
        }
    }
    panic!("no domain is free: remove {} if no test is running", locks.display());
}

impl Domain {
    /// The same domain again, for a test of two streams on it.
    pub(crate) fn same(of: &Self) -> Self {
        Self { name: of.name.clone(), lock: PathBuf::new() }
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        // A lock that cannot be removed only makes one domain unusable.
        let _ = fs::remove_file(&self.lock);
    }
}
