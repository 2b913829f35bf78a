use std::ffi::OsString;
use std::io::Write as _;

use secrecy::ExposeSecret as _;

use super::{Config, Format, Problems};

const NO_VARIABLES: [(&str, &str); 0] = [];

fn read<const N: usize>(toml: &str, variables: [(&str, &str); N]) -> Result<Config, Problems> {
    let mut file = tempfile::NamedTempFile::with_prefix("couplet-config-").unwrap();
    file.write_all(toml.as_bytes()).unwrap();
    let environment = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Config::read(Some(file.path()), environment)
}

/// The error text, with FILE in place of the name of the file.
fn complaint<const N: usize>(toml: &str, variables: [(&str, &str); N]) -> String {
    let said = read(toml, variables).expect_err("is refused").to_string();
    let lines = said.lines().map(|line| match line.split_once(" (from /") {
        Some((said, path)) if path.contains("couplet-config-") => format!("{said} (from FILE)"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn localhost_listens_on_ipv4_and_ipv6() {
    let config = read("http.listen = \"localhost:81\"", NO_VARIABLES).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:81");
    assert_eq!(config.http.listen_also.unwrap().to_string(), "[::1]:81");
}

#[test]
fn nothing_at_all_gives_the_defaults() {
    let config = read("", NO_VARIABLES).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.database.url.expose_secret(), "sqlite://couplet.db?mode=rwc");
    assert_eq!(config.cache.url.expose_secret(), "memory://");
    assert!(config.links.is_empty());
    assert_eq!(config.limits.messages_per_second, 5);
    assert_eq!((config.log.level.as_str(), config.log.format), ("info", Format::Text));
}

#[test]
fn the_example_is_sound_and_shows_every_default() {
    let example = include_str!("../../deploy/couplet.example.toml");
    let config = read(example, NO_VARIABLES).unwrap();
    assert_eq!(config.links.len(), 1);
    let uncommented: String = example
        .lines()
        .map(|line| line.strip_prefix("#:").map_or(line, str::trim_start).to_owned() + "\n")
        .collect();
    let shown = read(&uncommented, NO_VARIABLES).unwrap();
    assert_eq!(shown.limits, read("", NO_VARIABLES).unwrap().limits);
    assert_eq!(shown.http.public_url.unwrap().as_str(), "https://chat.example.com/");
    assert_eq!(shown.links[0].agent_hosts, ["example.org"]);
}

#[test]
fn the_environment_wins_key_by_key() {
    let toml = r#"
        http.listen = "127.0.0.1:1"
        [[links]]
        domain = "chat.example.org"
        server = "a:5347"
        secret = "one"
        [[links]]
        domain = "help.example.net"
        server = "b:5347"
        secret = "two"
    "#;
    let config = read(
        toml,
        [
            ("COUPLET__HTTP__LISTEN", "0.0.0.0:80"),
            ("COUPLET__HTTP__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1"),
            ("COUPLET__LINKS__1__SECRET", "three"),
            ("COUPLET__LINKS__2__DOMAIN", "chat.example.com"),
            ("COUPLET__LINKS__2__SERVER", "[::1]:5347"),
            ("COUPLET__LINKS__2__SECRET", "12345"),
            ("COUPLET__LINKS__2__AGENT_HOSTS", "Example.COM,example.net"),
            ("COUPLET__LIMITS__QUEUE_LENGTH", "7"),
            ("COUPLET__ADMIN__TOKEN", ""),
            ("COUPLET_TEST_SERVERS", "belongs to another program"),
        ],
    )
    .unwrap();
    assert_eq!(config.http.listen.to_string(), "0.0.0.0:80");
    assert_eq!(config.http.listen_also, None);
    let proxies: Vec<_> = config.http.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.1/32"]);
    let links: Vec<_> = config
        .links
        .iter()
        .map(|l| (l.domain.as_str(), l.secret.expose_secret(), l.agent_hosts.join(" ")))
        .collect();
    assert_eq!(
        links,
        [
            ("chat.example.org", "one", "example.org".to_owned()),
            ("help.example.net", "three", "example.net".to_owned()),
            ("chat.example.com", "12345", "example.com example.net".to_owned()),
        ]
    );
    assert_eq!(config.limits.queue_length, 7);
    assert!(config.admin.token.is_none());
}

#[test]
fn files_lie_in_a_folder_or_a_bucket() {
    let storage = |toml: &str| format!("{:?}", read(toml, NO_VARIABLES).unwrap().files.storage);
    assert_eq!(storage(""), r#"Folder("couplet-files")"#);
    assert_eq!(
        storage("files.url = 'file:///var/lib/couplet/files'"),
        r#"Folder("/var/lib/couplet/files")"#
    );
    let bucket = storage(
        "[files]\nurl = 's3://chat/a/b/'\nendpoint = 'https://s3.example.org'\naccess_key = 'id'\nsecret_key = 'hunter2'",
    );
    assert!(bucket.contains(r#"bucket: "chat", prefix: "a/b""#), "{bucket}");
    assert!(!bucket.contains("hunter2"), "{bucket}");
    for (toml, said) in [
        (
            "files.url = 'ftp://x'",
            r#"files.url: "ftp://x" is not a storage location; write file:FOLDER or s3://BUCKET/PREFIX (from FILE)"#,
        ),
        (
            "files.url = 's3:///x'",
            r#"files.url: "s3:///x" names no bucket; write file:FOLDER or s3://BUCKET/PREFIX (from FILE)"#,
        ),
        (
            "files.access_key = 'id'",
            "files.access_key: set both access_key and secret_key, or neither",
        ),
    ] {
        assert_eq!(complaint(toml, NO_VARIABLES), said);
    }
}

#[test]
fn upload_hosts_are_complete_urls() {
    let link = |hosts: &str| {
        format!(
            "[[links]]\ndomain = 'chat.example.org'\nserver = 'x:1'\nsecret = 's'\nupload_hosts = [{hosts}]"
        )
    };
    let config =
        read(&link("'https://up.example.org', 'http://10.0.0.7:5280/a/b/'"), NO_VARIABLES).unwrap();
    let hosts = config.links[0].upload_hosts.iter();
    let places: Vec<_> = hosts.map(|p| (&*p.scheme, &*p.host, p.port, &*p.path)).collect();
    assert_eq!(places, [("https", "up.example.org", 443, ""), ("http", "10.0.0.7", 5280, "/a/b")]);
    for bad in ["up.example.org", "ftp://x", "https://x#y", "https://u@x", "https://x?y", ""] {
        let said = complaint(&link(&format!("'{bad}'")), NO_VARIABLES);
        assert!(said.contains("is not a location of files"), "{bad}: {said}");
    }
}

#[test]
fn each_fault_names_key_value_fix_and_origin() {
    let cases = [
        (
            r#"http.listen = "foo""#,
            r#"http.listen: "foo" is not an address; write IP:port, e.g. 127.0.0.1:8080 (from FILE)"#,
        ),
        ("http.listen = 80", "http.listen: is not text; write it in quotes (from FILE)"),
        (
            "http.listn = 1",
            "http.listn: is not a known key; the known ones are listen, public_url, trusted_proxies, site (from FILE)",
        ),
        ("http = 5", "http: is not a section; write [http] (from FILE)"),
        (
            "[htp]",
            "htp: is not a known section; the known ones are http, admin, database, cache, files, links, limits, log",
        ),
        (
            r#"http.public_url = "chat.example.com""#,
            r#"http.public_url: "chat.example.com" is not a web address; write e.g. https://chat.example.com (from FILE)"#,
        ),
        (
            r#"http.trusted_proxies = ["10.0.0.0/8", "ten"]"#,
            r#"http.trusted_proxies[1]: "ten" is not a network; write an address or ADDRESS/BITS, e.g. 10.0.0.0/8 (from FILE)"#,
        ),
        (
            r#"http.site = """#,
            r#"http.site: "" is empty; name a folder or remove the key (from FILE)"#,
        ),
        (
            r#"admin.token = "short""#,
            "admin.token: is too short; write 16 characters or more (from FILE)",
        ),
        (
            r#"admin.listen = "0.0.0.0:8081""#,
            r#"admin.token: is missing, while admin.listen = "0.0.0.0:8081" can be reached from other machines; write one of 16 characters or more"#,
        ),
        (
            r#"database.url = "postgres://u:hunter2@h/d""#,
            r#"database.url: has the unknown scheme "postgres"; write sqlite://FILE?mode=rwc or mysql://USER:PASSWORD@HOST/DATABASE (from FILE)"#,
        ),
        (
            r#"database.url = "mysql://u:hunter2@h""#,
            "database.url: names no host or no database; write sqlite://FILE?mode=rwc or mysql://USER:PASSWORD@HOST/DATABASE (from FILE)",
        ),
        (
            r#"cache.url = "hunter2""#,
            "cache.url: has no scheme; write memory:// or redis://HOST/DB (from FILE)",
        ),
        (
            "limits.queue_length = 0",
            "limits.queue_length: 0 is not a whole number from 1 to 1000000 (from FILE)",
        ),
        (
            "limits.queue_length = 1.5",
            "limits.queue_length: 1.5 is not a whole number from 1 to 1000000 (from FILE)",
        ),
        (
            r#"log.level = "inof""#,
            r#"log.level: "inof" is not a level; write one of off, error, warn, info, debug, trace (from FILE)"#,
        ),
        (
            r#"log.format = "xml""#,
            r#"log.format: "xml" is not a format; write text or json (from FILE)"#,
        ),
        (
            r#"links = "chat.example.org""#,
            "links: is not a list of tables; write [[links]] (from FILE)",
        ),
    ];
    for (toml, said) in cases {
        assert_eq!(complaint(toml, NO_VARIABLES), said, "{toml}");
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let toml = r#"
        [http]
        listen = "foo"
        [[links]]
        domain = "Chat.example.org"
        server = "nowhere"
        [[links]]
        domain = "localhost"
        server = "localhost:5347"
        secret = "x"
        [log]
        format = "xml"
    "#;
    let said = complaint(toml, [("COUPLET__LOG__LEVEL", "loud")]);
    let expected = [
        r#"http.listen: "foo" is not an address; write IP:port, e.g. 127.0.0.1:8080 (from FILE)"#,
        r#"links[0].domain: "Chat.example.org" is not a domain; write lower-case labels of a-z, 0-9 and -, e.g. chat.example.org (from FILE)"#,
        "links[0].secret: is missing; write secret = \"…\" or secret_file = \"/path\"",
        r#"links[0].server: "nowhere" is not a server; write HOST:PORT, e.g. 127.0.0.1:5347 (from FILE)"#,
        r#"links[1].agent_hosts: is missing, and "localhost" has no parent domain; set it"#,
        r#"log.format: "xml" is not a format; write text or json (from FILE)"#,
        r#"log.level: "loud" is not a level; write one of off, error, warn, info, debug, trace (from the environment, COUPLET__LOG__LEVEL)"#,
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_duplicate_domain_is_refused() {
    let link = "[[links]]\ndomain = \"chat.localhost\"\nserver = \"h:1\"\nsecret = \"s\"\n";
    assert_eq!(
        complaint(&link.repeat(2), NO_VARIABLES),
        r#"links[1].domain: "chat.localhost" appears twice; keep one of them"#
    );
}

#[test]
fn a_secret_may_be_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "sixteen-and-more\n").unwrap();
    let path = path.to_str().unwrap();

    let config = read("", [("COUPLET__ADMIN__TOKEN_FILE", path)]).unwrap();
    assert_eq!(config.admin.token.unwrap().expose_secret(), "sixteen-and-more");

    assert_eq!(
        complaint(r#"admin.token = "hunter2""#, [("COUPLET__ADMIN__TOKEN_FILE", path)]),
        "admin.token_file: admin.token is given too; keep one of the two (from the environment, COUPLET__ADMIN__TOKEN_FILE)"
    );
    assert_eq!(
        complaint(r#"cache.url_file = "/no/such""#, NO_VARIABLES),
        r#"cache.url_file: "/no/such" cannot be read: No such file or directory (os error 2) (from FILE)"#
    );
    std::fs::write(path, "\n").unwrap();
    assert_eq!(
        complaint("", [("COUPLET__ADMIN__TOKEN_FILE", path)]),
        "admin.token_file: is empty; set it or remove the key (from the environment, COUPLET__ADMIN__TOKEN_FILE)"
    );
}

#[test]
fn a_named_file_must_exist_and_be_toml() {
    let missing = Config::read(Some("no/such.toml".as_ref()), []).unwrap_err().to_string();
    assert_eq!(
        missing,
        "no/such.toml: does not exist; create it, or name another with --config FILE"
    );
    let said = read("[admin]\ntoken = \"hunter2", NO_VARIABLES).unwrap_err().to_string();
    assert!(said.contains("is not TOML: TOML parse error at line 2, column "), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn no_secret_is_printed() {
    let toml = r#"
        admin.token = "hunter2-hunter2-hunter2"
        database.url = "mysql://u:hunter2@h/d"
        cache.url = "redis://:hunter2@h/0"
        [[links]]
        domain = "chat.localhost"
        server = "h:1"
        secret = "hunter2"
    "#;
    let config = read(toml, NO_VARIABLES).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    for toml in [
        r#"admin.tokne = "hunter2""#,
        r#"admin.token = ["hunter2"]"#,
        r#"database.url = "hunter2:x""#,
        r#"cache.url = "redis://:hunter2@""#,
    ] {
        let said = complaint(toml, NO_VARIABLES);
        assert!(!said.contains("hunter2"), "{said}");
    }
}
