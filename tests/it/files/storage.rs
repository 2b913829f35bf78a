//! Where files are stored: a folder or an S3 server; and that files without a message are removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use couplet::chat::ids::{FileId, Timestamp};
use couplet::chat::model::File;
use couplet::files::{At, S3, open};
use couplet::ports::files::FileStorage as _;
use couplet::ports::store::{Files as _, StoredFile};
use couplet::ports::world::World;
use couplet::runtime::files::{FileRules, UploadError};
use couplet::world::SystemWorld;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use uuid::Uuid;

use crate::store::fixture::{acme, customer};
use crate::support::db::{Backend, Db};
use crate::support::file_storage::files_in;
use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::upload::{self, DOT};

/// A clock that the test sets.
struct Clock(AtomicI64);

impl World for Clock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    fn uuid(&self) -> Uuid {
        SystemWorld.uuid()
    }

    fn secret(&self, buffer: &mut [u8]) {
        SystemWorld.secret(buffer);
    }
}

const HOUR: i64 = 60 * 60_000;

fn pieces(
    bytes: &'static [u8],
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Unpin {
    stream::iter(bytes.chunks(7).map(|piece| Ok(Bytes::from_static(piece))))
}

async fn a_file_without_a_message_is_removed_after_a_day(backend: Backend) {
    let db = Db::new(backend).await;
    acme(&db.store).await;
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Clock(AtomicI64::new(1_700_000_000_000)));
    let files = files_in(&db.store, clock.clone(), folder.path());
    let rules = FileRules::usual(1_000);
    let owner = customer(1);
    let kept = async || files.receive(&owner, &rules, "dot.png", pieces(DOT)).await;
    let file = kept().await.unwrap();
    assert_eq!(file.size, DOT.len() as u64);
    let path = folder.path().join(format!("acme/{}", file.id));
    assert_eq!(std::fs::read(&path).unwrap(), DOT);
    // An upload that breaks off leaves nothing.
    let broken =
        stream::iter([Ok(Bytes::from(vec![7; 9_000])), Err(std::io::Error::other("gone"))]);
    let all = FileRules { bytes: 100_000, types: Arc::new(["*/*".to_owned()]) };
    let refused = files.receive(&owner, &all, "x", broken).await;
    assert_eq!(refused, Err(UploadError::Broken));
    assert_eq!(std::fs::read_dir(folder.path().join("acme")).unwrap().count(), 1);
    assert_eq!(db.store.waiting_files(owner.id).await, Ok(1));
    // A file whose gateway died during the upload is recorded, and removed after an hour.
    let dead = StoredFile {
        file: File { id: FileId(Uuid::from_u128(1)), size: 0, ..file.clone() },
        tenant: owner.tenant.clone(),
        customer: owner.id,
        expires_at: Some(clock.now().plus(HOUR)),
        is_taken: false,
    };
    db.store.add_file(&dead, clock.now()).await.unwrap();
    assert_eq!(files.sweep().await, Ok(0));
    clock.0.fetch_add(2 * HOUR, Ordering::Relaxed);
    assert_eq!(files.sweep().await, Ok(1));
    clock.0.fetch_add(21 * HOUR, Ordering::Relaxed);
    assert_eq!(files.sweep().await, Ok(0));
    clock.0.fetch_add(HOUR + 1, Ordering::Relaxed);
    assert_eq!(files.sweep().await, Ok(1));
    assert!(!path.exists());
    assert_eq!(db.store.waiting_files(owner.id).await, Ok(0));
    // The number of files without a message is limited.
    for _ in 0..20 {
        kept().await.unwrap();
    }
    assert_eq!(kept().await, Err(UploadError::TooMany));
    db.remove().await;
}

#[tokio::test]
async fn a_file_without_a_message_is_removed_after_a_day_sqlite() {
    a_file_without_a_message_is_removed_after_a_day(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_file_without_a_message_is_removed_after_a_day_mysql() {
    a_file_without_a_message_is_removed_after_a_day(Backend::Mysql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_message_stays_until_its_tenant_is_removed() {
    use couplet::ports::directory::Directory as _;
    let gateway = Gateway::start(Server::Prosody, Ground::Full, "").await;
    let mut customer = gateway.customer().await;
    let file = upload::picture(gateway.address, &customer, "dot.png").await;
    let loose = upload::picture(gateway.address, &customer, "loose.png").await;
    customer.say(json!({"type": "message", "id": "f1", "files": [file["id"]]})).await;
    customer.find(|frame| frame["type"] == "ack" && frame["id"] == "f1").await;
    let later = SystemWorld.now().plus(48 * HOUR);
    let expired = gateway.db.store.expired_files(later, 10).await.unwrap();
    let names: Vec<&str> = expired.iter().map(|kept| &*kept.file.name).collect();
    assert_eq!(names, ["loose.png"], "{loose}");
    customer.say(json!({"type": "end", "id": "e1"})).await;
    customer.find(|frame| frame["type"] == "ack" && frame["id"] == "e1").await;
    let acme = couplet::chat::ids::TenantKey::new("acme").unwrap();
    gateway.db.store.remove_tenant(&acme).await.unwrap();
    let expired = gateway.db.store.expired_files(SystemWorld.now(), 10).await.unwrap();
    assert_eq!(expired.len(), 2, "both go with the next sweep");
    gateway.end().await;
}

/// An S3 server with a bucket.
async fn bucket() -> (tokio::process::Child, String) {
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin/python");
    let program = "import threading, time\n\
        from moto.server import ThreadedMotoServer\n\
        server = ThreadedMotoServer(ip_address='127.0.0.1', port=0)\n\
        server.start()\n\
        print('http://%s:%d' % server.get_host_and_port(), flush=True)\n\
        threading.Event().wait()\n";
    let mut server = tokio::process::Command::new(python)
        .args(["-c", program])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("target/venv is made by tests/run.sh");
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let at = loop {
        let line = lines.next_line().await.unwrap().expect("it says where it is");
        if line.starts_with("http://") {
            break line;
        }
    };
    let made = upload::client().put(format!("{at}/chat")).send().await.unwrap();
    assert_eq!(made.status(), 200);
    (server, at)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_works_like_a_folder() {
    let (_server, at) = bucket().await;
    let storage = open(At::Bucket(S3 {
        bucket: "chat".to_owned(),
        prefix: "files/of".to_owned(),
        endpoint: Some(at),
        region: "us-east-1".to_owned(),
        key: Some(("id".to_owned(), "secret".into())),
    }));
    storage.check().await.unwrap();
    // A small file, and one in several parts.
    for size in [3_usize, 11 * 1024 * 1024] {
        let whole: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let mut writer = storage.put("acme/x").await.unwrap();
        for piece in whole.chunks(100_000) {
            writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        writer.finish().await.unwrap();
        let end = size as u64;
        let got = storage.get("acme/x", 0..end).await.unwrap().unwrap();
        let got: Vec<Bytes> = got.try_collect().await.unwrap();
        assert_eq!(got.concat(), whole);
        let mut part = storage.get("acme/x", 1..3).await.unwrap().unwrap();
        assert_eq!(part.next().await.unwrap().unwrap(), &whole[1..3]);
    }
    storage.remove("acme/x").await.unwrap();
    storage.remove("acme/x").await.unwrap();
    assert!(storage.get("acme/x", 0..1).await.unwrap().is_none());
    let mut writer = storage.put("acme/y").await.unwrap();
    writer.write(Bytes::from(vec![1; 6 * 1024 * 1024])).await.unwrap();
    writer.abort().await;
    assert!(storage.get("acme/y", 0..1).await.unwrap().is_none(), "nothing of the aborted upload");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_keeps_files_in_a_bucket() {
    let (_server, at) = bucket().await;
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    let config = std::fs::read_to_string(&plan.config).unwrap();
    let (before, _) = config.split_once("[files]").unwrap();
    let ours = format!(
        "{before}[files]\nurl = \"s3://chat\"\nendpoint = \"{at}\"\naccess_key = \"id\"\nsecret_key = \"secret\"\n"
    );
    std::fs::write(&plan.config, ours).unwrap();
    let gateway = plan.open().await;
    let customer = gateway.customer().await;
    let file = upload::picture(gateway.address, &customer, "dot.png").await;
    assert_eq!(upload::get(gateway.address, &file).await.bytes().await.unwrap(), DOT);
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_storage_is_reported_and_the_chat_goes_on() {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    std::fs::write(plan.files(), "no folder").unwrap();
    let gateway = plan.open().await;
    let mut customer = gateway.customer().await;
    let answer = upload::send(gateway.address, "acme", &customer.token(), "dot.png", DOT).await;
    assert_eq!(answer.status(), 503);
    customer.acked("m1", "Hello?").await;
    gateway.end().await;
}
