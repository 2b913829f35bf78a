//! What a file is, by what it holds.
//!
//! Invariants: neither its name nor what its sender says of it counts. What a browser might run is
//! taken from nobody, whatever a tenant's settings say.

use std::sync::Arc;

use crate::ports::store::FileWishes;

/// So much of a file tells what it is.
pub(super) const HEAD: usize = 8 * 1024;

/// What is taken where neither the tenant nor the operator says otherwise.
pub const TYPES: [&str; 11] = [
    "image/*",
    "audio/*",
    "video/*",
    "text/*",
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation",
];

/// What a browser or a shell might run.
const ACTIVE: [&str; 6] = [
    "text/html",
    "text/xml",
    "text/x-shellscript",
    "text/javascript",
    "application/xml",
    "image/svg+xml",
];

/// Text of any kind; the first is given to what has none of these.
const TEXTS: [&str; 12] =
    ["txt", "csv", "tsv", "log", "md", "json", "yaml", "yml", "toml", "ini", "vcf", "ics"];

/// What a tenant takes of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRules {
    /// The largest, in bytes; 0 where none is taken.
    pub bytes: u64,
    /// Their media types, as `image/png` or `image/*`.
    pub types: Arc<[String]>,
}

impl FileRules {
    /// What a tenant wishes, and else as it is for all.
    pub fn of(wishes: &FileWishes, all: &Self) -> Self {
        Self {
            bytes: wishes.bytes.unwrap_or(all.bytes),
            types: wishes
                .types
                .as_ref()
                .map_or_else(|| all.types.clone(), |own| own.clone().into()),
        }
    }

    /// Files of at most so many bytes, of the usual types.
    pub fn usual(bytes: u64) -> Self {
        Self { bytes, types: TYPES.map(str::to_owned).into() }
    }

    pub(super) fn take(&self, media_type: &str) -> bool {
        let fits = |wanted: &String| match wanted.strip_suffix('*') {
            Some("*/") => true,
            Some(family) => family.ends_with('/') && media_type.starts_with(family),
            None => wanted == media_type,
        };
        !ACTIVE.contains(&media_type) && self.types.iter().any(fits)
    }
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) media_type: &'static str,
    /// How names of such files end.
    pub(super) endings: Vec<&'static str>,
}

impl Kind {
    /// Of a file that begins like this.
    pub(super) fn of(head: &[u8]) -> Self {
        let kind =
            |media_type, endings: &[&'static str]| Self { media_type, endings: endings.to_vec() };
        if let Some(text) = as_text(head) {
            return match is_markup(text) {
                true => kind("text/html", &["html"]),
                false if text.starts_with("#!") => kind("text/x-shellscript", &["sh"]),
                false if text.starts_with("%PDF-") => kind("application/pdf", &["pdf"]),
                false => kind("text/plain", &TEXTS),
            };
        }
        match infer::get(head) {
            Some(known) => kind(known.mime_type(), endings(known.mime_type(), known.extension())),
            None => kind("application/octet-stream", &["bin"]),
        }
    }
}

/// The endings that go for a type, besides the one it mostly has.
fn endings(media_type: &str, usual: &'static str) -> &'static [&'static str] {
    match media_type {
        "image/jpeg" => &["jpg", "jpeg", "jpe", "jfif"],
        "image/tiff" => &["tif", "tiff"],
        "video/mp4" => &["mp4", "m4v"],
        "audio/m4a" => &["m4a", "mp4"],
        "audio/ogg" => &["ogg", "oga", "opus"],
        "audio/midi" => &["mid", "midi"],
        "image/heif" => &["heif", "heic"],
        // One of a kind: kept for as long as the program runs, for there are not many.
        _ => single(usual),
    }
}

fn single(ending: &'static str) -> &'static [&'static str] {
    const KNOWN: [&[&str]; 24] = [
        &["png"],
        &["gif"],
        &["webp"],
        &["bmp"],
        &["avif"],
        &["ico"],
        &["pdf"],
        &["docx"],
        &["xlsx"],
        &["pptx"],
        &["odt"],
        &["ods"],
        &["odp"],
        &["zip"],
        &["gz"],
        &["7z"],
        &["mp3"],
        &["wav"],
        &["flac"],
        &["aac"],
        &["webm"],
        &["mkv"],
        &["mov"],
        &["avi"],
    ];
    KNOWN.iter().find(|known| known.contains(&ending)).copied().unwrap_or(&["bin"])
}

/// Text as people write it; none where it is something else.
fn as_text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be cut in two.
        Err(error) if head.len() >= HEAD && error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    (!text.is_empty() && !text.contains(odd)).then_some(text)
}

/// Whatever begins with a tag is taken for a page.
fn is_markup(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').starts_with('<')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01";

    #[test]
    fn what_it_holds_says_what_it_is() {
        let pdf_with_bytes = b"%PDF-1.7\n\xe2\xe3\xcf\xd3";
        let table: [(&[u8], &str); 16] = [
            (PNG, "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
            (b"GIF89a\x01\0", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
            (pdf_with_bytes, "application/pdf"),
            (b"%PDF-1.4\nplain", "application/pdf"),
            (b"PK\x03\x04\x14\0", "application/zip"),
            (b"MZ\x90\0\x03", "application/vnd.microsoft.portable-executable"),
            (b"\x7fELF\x02\x01\x01", "application/octet-stream"),
            (b"Just words, caf\xc3\xa9", "text/plain"),
            (b"\xef\xbb\xbf \n<SVG onload=x>", "text/html"),
            (b"<?xml version='1.0'?><svg/>", "text/html"),
            (b"  <!doctype html>", "text/html"),
            (b"#!/bin/sh\n", "text/x-shellscript"),
            (b"\0\x01\x02\x03", "application/octet-stream"),
            (b"caf\xe9 in Latin", "application/octet-stream"),
        ];
        for (head, media_type) in table {
            assert_eq!(Kind::of(head).media_type, media_type, "{}", head.escape_ascii());
        }
        let cut = format!("{}é", "x".repeat(HEAD - 1));
        assert_eq!(Kind::of(&cut.as_bytes()[..HEAD]).media_type, "text/plain");
    }

    #[test]
    fn what_might_run_is_taken_from_nobody() {
        let all =
            FileRules { bytes: 1, types: Arc::new(["*/*".to_owned(), "text/html".to_owned()]) };
        for head in [&b"<svg>"[..], b"<html>", b"#!/bin/sh"] {
            assert!(!all.take(Kind::of(head).media_type), "{}", head.escape_ascii());
        }
        assert!(all.take("application/octet-stream"));
    }

    #[test]
    fn types_are_wanted_by_name_or_family() {
        let rules = |types: &[&str]| FileRules {
            bytes: 1,
            types: types.iter().map(|one| (*one).to_owned()).collect(),
        };
        assert!(rules(&["image/*"]).take("image/png"));
        assert!(!rules(&["image/*"]).take("video/mp4"));
        assert!(rules(&["application/pdf"]).take("application/pdf"));
        assert!(!rules(&["application/*x", "image*"]).take("image/png"));
        assert!(!rules(&[]).take("image/png"));
        let usual = FileRules::usual(1);
        assert!(
            usual.take("image/png") && usual.take("text/plain") && !usual.take("application/zip")
        );
        assert!(!usual.take("application/vnd.microsoft.portable-executable"));
    }
}
