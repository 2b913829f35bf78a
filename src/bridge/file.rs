//! Signed links to files, and names of files.
//!
//! Invariants: a link is valid for one file and for a limited time; without the file's key nobody
//! can make one. A name is a single path segment, whatever its author wrote.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

use super::clean;
use crate::chat::ids::{FileId, FileKey, TenantKey, Timestamp};
use crate::chat::model::File;
use crate::chat::row::{Row, RowKind};
use crate::wire;

/// How long a link is valid, in milliseconds: agents may look at their history of last week.
const GOOD_MS: i64 = 30 * DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60_000;

/// The longest name, in characters.
const NAME_CHARS: usize = 100;

/// Characters that need no escape in a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// The address of a file on this gateway, path and query. It is the same for a whole day, so that
/// browsers can cache the file.
pub fn path(tenant: &TenantKey, file: &File, now: Timestamp) -> String {
    let until = (now.0.div_euclid(DAY_MS) + 1) * DAY_MS + GOOD_MS;
    let mark = mark(file.key, file.id, until);
    let name = utf8_percent_encode(&file.name, PLAIN);
    format!("/v1/{tenant}/files/{}/{name}?until={until}&mark={}", file.id, hex(mark.as_ref()))
}

/// Whether a link can be valid for any file at all.
pub fn may_be_good(until: i64, mark: &str, now: Timestamp) -> bool {
    (now.0..=now.0 + GOOD_MS + 2 * DAY_MS).contains(&until) && unhex(mark).is_some()
}

/// Whether a link is valid for this file.
pub fn is_good(file: &File, until: i64, mark: &str, now: Timestamp) -> bool {
    let known = signer(file.key);
    let Some(mark) = unhex(mark) else { return false };
    hmac::verify(&known, &signed(file.id, until), &mark).is_ok() && now.0 < until
}

/// The files of a row as its customer sees them.
pub fn files(row: &Row, now: Timestamp) -> Vec<wire::File> {
    let RowKind::Files { files, .. } = &row.kind else { return Vec::new() };
    files.iter().map(|file| shown(&row.tenant, file, now)).collect()
}

/// A file as its customer sees it.
pub fn shown(tenant: &TenantKey, file: &File, now: Timestamp) -> wire::File {
    wire::File {
        id: file.id.to_string(),
        name: file.name.as_ref().to_owned(),
        media_type: file.media_type.as_ref().to_owned(),
        size: file.size,
        url: path(tenant, file, now),
    }
}

/// A safe name for a file: the name its author gave it, without the path, and with one of these
/// endings; with the first of them if it has none.
pub fn name(raw: &str, endings: &[&str]) -> String {
    let last = raw.rsplit(['/', '\\']).next().unwrap_or_default();
    let odd =
        |c: char| matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\u{2044}' | '\u{2215}');
    let plain: String = last.chars().map(|c| if odd(c) { '_' } else { c }).collect();
    let named = clean::line(&plain);
    let named = named.trim_matches(|c: char| c == '.' || c == '~' || c.is_whitespace());
    let stem = if named.is_empty() { "file" } else { named };
    let ending = stem.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let fits = ending.is_some_and(|ending| endings.contains(&ending.as_str()));
    let (stem, ending) = match (fits, endings.first()) {
        (true, _) => stem.rsplit_once('.').unwrap_or((stem, "")),
        (false, Some(first)) => (stem, *first),
        (false, None) => (stem, ""),
    };
    let room = NAME_CHARS.saturating_sub(ending.len() + 1);
    let stem: String = stem.chars().take(room).collect();
    let stem = stem.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    if ending.is_empty() { stem.to_owned() } else { format!("{stem}.{ending}") }
}

fn signer(key: FileKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &key.0)
}

fn signed(id: FileId, until: i64) -> [u8; 24] {
    let mut bytes = [0; 24];
    let (head, tail) = bytes.split_at_mut(16);
    head.copy_from_slice(id.0.as_bytes());
    tail.copy_from_slice(&until.to_be_bytes());
    bytes
}

fn mark(key: FileKey, id: FileId, until: i64) -> hmac::Tag {
    hmac::sign(&signer(key), &signed(id, until))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn file(key: u8) -> File {
        File {
            id: FileId(Uuid::from_u128(0xf1)),
            key: FileKey([key; 16]),
            name: "my photo №1.png".into(),
            media_type: "image/png".into(),
            size: 3,
        }
    }

    fn parts(path: &str) -> (i64, String) {
        let (_, query) = path.split_once("?until=").unwrap();
        let (until, mark) = query.split_once("&mark=").unwrap();
        (until.parse().unwrap(), mark.to_owned())
    }

    #[test]
    fn a_link_is_good_for_its_file_and_for_a_time() {
        let now = Timestamp(1_700_000_000_000);
        let acme = TenantKey::new("acme").unwrap();
        let link = path(&acme, &file(1), now);
        assert!(
            link.starts_with(
                "/v1/acme/files/000000000000000000000000000000f1/my%20photo%20%E2%84%961.png?"
            ),
            "{link}"
        );
        let (until, mark) = parts(&link);
        assert!(is_good(&file(1), until, &mark, now));
        assert!(is_good(&file(1), until, &mark, now.plus(29 * DAY_MS)));
        assert!(!is_good(&file(1), until, &mark, now.plus(32 * DAY_MS)), "too late");
        assert!(!is_good(&file(2), until, &mark, now), "another key");
        assert!(!is_good(&file(1), until + 1, &mark, now), "a longer time");
        let other = File { id: FileId(Uuid::from_u128(0xf2)), ..file(1) };
        assert!(!is_good(&other, until, &mark, now), "another file");
        for broken in ["", "00", &"é".repeat(32), &mark[1..], &"x".repeat(64)] {
            assert!(!is_good(&file(1), until, broken, now), "{broken}");
            assert!(!may_be_good(until, broken, now), "{broken}");
        }
        for days in [0, 29, 32, 100] {
            let later = now.plus(days * DAY_MS);
            let good = is_good(&file(1), until, &mark, later);
            assert_eq!(may_be_good(until, &mark, later), good, "{days} days later");
        }
        assert!(!may_be_good(i64::MAX, &mark, now) && !may_be_good(i64::MIN, &mark, now));
        assert_eq!(path(&acme, &file(1), now.plus(1)), link, "the same for the rest of the day");
    }

    #[test]
    fn a_name_is_one_word_of_a_path() {
        let table: [(&str, &[&str], &str); 14] = [
            ("photo.png", &["png"], "photo.png"),
            ("photo.JPG", &["jpg", "jpeg"], "photo.JPG"),
            ("../../etc/passwd", &["png"], "passwd.png"),
            ("..\\..\\boot.ini", &["txt"], "boot.ini.txt"),
            ("/", &["png"], "file.png"),
            ("...", &["png"], "file.png"),
            ("", &["png"], "file.png"),
            (".htaccess", &["txt"], "htaccess.txt"),
            ("page.html", &["png"], "page.html.png"),
            ("a\r\nSet-Cookie: x.png", &["png"], "a Set-Cookie_ x.png"),
            ("\u{202e}gnp.exe", &["png"], "gnp.exe.png"),
            ("a\0b<c>.png", &["png"], "ab_c_.png"),
            ("  my  photo .png ", &["png"], "my photo.png"),
            ("plain", &[], "plain"),
        ];
        for (raw, endings, fit) in table {
            assert_eq!(name(raw, endings), fit, "{raw:?}");
        }
        let long = name(&"x".repeat(1_000), &["png"]);
        assert_eq!((long.chars().count(), long.ends_with("x.png")), (NAME_CHARS, true));
    }

    proptest::proptest! {
        #[test]
        fn no_name_leaves_its_folder(raw: String) {
            let named = name(&raw, &["png"]);
            proptest::prop_assert!(!named.contains(['/', '\\', '\0', '\r', '\n', '"']));
            proptest::prop_assert!(named.to_ascii_lowercase().ends_with(".png"));
            proptest::prop_assert!(!named.starts_with('.'));
            proptest::prop_assert!(named.chars().count() <= NAME_CHARS);
            proptest::prop_assert_eq!(name(&named, &["png"]), named);
        }
    }
}
