//! File types, by content and not by name.

use super::super::look::HEAD;
use super::*;

/// The type of a whole file.
fn kind(bytes: &[u8]) -> Kind {
    Kind::of(&Look::new(bytes))
}

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
        (b"MZ\x90\0\x03", "application/x-dosexec"),
        (b"\x7fELF\x02\x01\x01", "application/x-executable"),
        (b"Just words, caf\xc3\xa9", "text/plain"),
        (b"\xef\xbb\xbf \n<SVG onload=x>", "text/html"),
        (b"<?xml version='1.0'?><svg/>", "text/html"),
        (b"  <!doctype html>", "text/html"),
        (b"#!/bin/sh\n", "text/x-shellscript"),
        (b"\0\x01\x02\x03", "application/octet-stream"),
        (b"caf\xe9 in Latin", "text/plain"),
    ];
    for (head, media_type) in table {
        assert_eq!(kind(head).media_type, media_type, "{}", head.escape_ascii());
    }
    let cut = format!("{}é", "x".repeat(HEAD - 1));
    assert_eq!(kind(&cut.as_bytes()[..HEAD]).media_type, "text/plain");
}

#[test]
fn types_that_might_run_are_never_accepted() {
    let all = FileRules { bytes: 1, types: Arc::new(["*/*".to_owned(), "text/html".to_owned()]) };
    for head in [&b"<svg>"[..], b"<html>", b"#!/bin/sh"] {
        assert!(!all.allows(&kind(head).media_type), "{}", head.escape_ascii());
    }
    assert!(all.allows("application/octet-stream"));
}

#[test]
fn types_are_wanted_by_name_or_family() {
    let rules = |types: &[&str]| FileRules {
        bytes: 1,
        types: types.iter().map(|one| (*one).to_owned()).collect(),
    };
    assert!(rules(&["image/*"]).allows("image/png"));
    assert!(!rules(&["image/*"]).allows("video/mp4"));
    assert!(rules(&["application/pdf"]).allows("application/pdf"));
    assert!(!rules(&["application/*x", "image*"]).allows("image/png"));
    assert!(!rules(&[]).allows("image/png"));
    let usual = FileRules::usual(1);
    assert!(
        usual.allows("image/png") && usual.allows("text/plain") && !usual.allows("application/zip")
    );
    assert!(!usual.allows("application/x-dosexec"));
}

/// A ZIP with these entries (names and contents), uncompressed; with local headers that lack the
/// sizes, as Word writes them.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut all, mut list) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let at = u32::try_from(all.len()).unwrap();
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        all.extend_from_slice(b"PK\x03\x04\x14\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        all.extend_from_slice(&length);
        all.extend_from_slice(b"\0\0");
        all.extend_from_slice(name.as_bytes());
        all.extend_from_slice(content);
        list.extend_from_slice(b"PK\x01\x02\x14\0\x14\0\x08\0\0\0\0\0\0\0\0\0\0\0");
        list.extend_from_slice(&size);
        list.extend_from_slice(&size);
        list.extend_from_slice(&length);
        list.extend_from_slice(&[0; 12]);
        list.extend_from_slice(&at.to_le_bytes());
        list.extend_from_slice(name.as_bytes());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let at = u32::try_from(all.len()).unwrap().to_le_bytes();
    let size = u32::try_from(list.len()).unwrap().to_le_bytes();
    all.extend_from_slice(&list);
    all.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    for part in [&count[..], &count, &size, &at, b"\0\0"] {
        all.extend_from_slice(part);
    }
    all
}

/// The type of a file that comes in pieces.
fn kind_of_pieces(bytes: &[u8]) -> Kind {
    let (head, rest) = bytes.split_at(bytes.len().min(HEAD + 100));
    let mut look = Look::new(head);
    rest.chunks(7_777).for_each(|piece| look.see(piece));
    Kind::of(&look)
}

#[test]
fn office_documents_are_known_by_what_they_contain() {
    const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    const SHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    const SLIDES: &str =
        "application/vnd.openxmlformats-officedocument.presentationml.presentation";
    let photo = vec![7; 2_000_000];
    let word = [
        ("[Content_Types].xml", &b"<Types/>"[..]),
        ("_rels/.rels", b"<x/>"),
        ("word/document.xml", b"<x/>"),
    ];
    let media_first = [
        ("docProps/thumbnail.jpeg", &photo[..]),
        ("xl/workbook.xml", b"<x/>"),
        ("[Content_Types].xml", b""),
    ];
    let odt =
        [("mimetype", &b"application/vnd.oasis.opendocument.text"[..]), ("content.xml", &photo)];
    let plain = [("a.txt", &b"a"[..]), ("b.txt", &photo)];
    let jar = [("META-INF/MANIFEST.MF", &b"x"[..]), ("A.class", b"x")];
    let table: [(&str, Vec<u8>, &str); 8] = [
        ("python-docx", include_bytes!("../../../../tests/files/python-docx.docx").to_vec(), WORD),
        ("openpyxl", include_bytes!("../../../../tests/files/openpyxl.xlsx").to_vec(), SHEET),
        (
            "python-pptx",
            include_bytes!("../../../../tests/files/python-pptx.pptx").to_vec(),
            SLIDES,
        ),
        ("Word", zip(&word), WORD),
        ("a picture first", zip(&media_first), SHEET),
        ("OpenDocument", zip(&odt), "application/vnd.oasis.opendocument.text"),
        ("an archive", zip(&plain), "application/zip"),
        ("a program", zip(&jar), "application/java-archive"),
    ];
    for (name, bytes, media_type) in table {
        assert_eq!(kind_of_pieces(&bytes).media_type, media_type, "{name}");
        assert_eq!(kind(&bytes).media_type, media_type, "{name}, at once");
        let usual = FileRules::usual(1).allows(media_type);
        assert_eq!(usual, media_type.contains("document"), "{name}");
    }
}

#[test]
fn a_list_that_claims_much_costs_nothing() {
    let mut hostile = zip(&[("mimetype", b"x"), ("word/document.xml", b"")]);
    let at = memmem::rfind(&hostile, b"mimetype").unwrap();
    for sizes in [at - 26, at - 22] {
        hostile[sizes..sizes + 4].copy_from_slice(&[0xff; 4]);
    }
    assert_eq!(kind(&hostile).media_type, "application/zip");
    let many = zip(&[("a", &b"abc"[..]); 2_000]);
    assert_eq!(kind_of_pieces(&many).media_type, "application/zip");
}

/// A compound file of 3 sectors whose directory comes last, with this class.
fn compound(class: [u8; 16]) -> Vec<u8> {
    let mut file = vec![0; 40_000];
    file[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    file[26] = 3;
    file[48] = 60;
    let at = 512 * 61 + 80;
    file[at..at + 16].copy_from_slice(&class);
    file
}

#[test]
fn old_office_formats_are_told_apart_if_accepted() {
    let class = |first: u16| {
        let [a, b] = first.to_le_bytes();
        [a, b, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46]
    };
    let table = [
        (class(0x0906), "application/msword"),
        (class(0x0820), "application/vnd.ms-excel"),
        ([0; 16], "application/x-cfb"),
    ];
    for (class, media_type) in table {
        assert_eq!(kind_of_pieces(&compound(class)).media_type, media_type);
        assert!(!FileRules::usual(1).allows(media_type), "{media_type}");
    }
}

/// A file of this brand with a track of each of these kinds, listed at its end.
fn film(brand: &[u8; 4], tracks: &[&[u8; 4]]) -> Vec<u8> {
    let mut all = [b"\0\0\0\x18ftyp", &brand[..], b"\0\0\0\0isomm42\0\0\x07\xa1\x20mdat"].concat();
    all.resize(500_000, 1);
    for track in tracks {
        all.extend_from_slice(b"\0\0\0\x20hdlr\0\0\0\0\0\0\0\0");
        all.extend_from_slice(&track[..]);
        all.extend_from_slice(&[0; 12]);
    }
    all
}

#[test]
fn names_keep_the_endings_that_fit() {
    let opus = b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead\x01\x01";
    let utf16: Vec<u8> = "\u{feff}a;b\r\n1;2".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (soun, vide) = (b"soun", b"vide");
    let table: [(&str, Vec<u8>, &str, &str); 19] = [
        ("voice.m4a", film(b"3gp4", &[soun]), "audio/3gpp", "voice.m4a"),
        ("clip.3gp", film(b"3gp4", &[soun, vide]), "video/3gpp", "clip.3gp"),
        ("voice.m4a", film(b"3gp4", &[]), "video/3gpp", "voice.m4a"),
        ("voice.m4a", film(b"M4A ", &[soun]), "audio/mp4", "voice.m4a"),
        ("voice.m4a", film(b"mp42", &[soun]), "audio/mp4", "voice.m4a"),
        ("clip.mp4", film(b"isom", &[vide, soun]), "video/mp4", "clip.mp4"),
        ("clip.mp4", film(b"iso6", &[vide]), "video/mp4", "clip.mp4"),
        ("clip.MOV", film(b"qt  ", &[vide]), "video/quicktime", "clip.MOV"),
        ("IMG_1.HEIC", film(b"heic", &[]), "image/heic", "IMG_1.HEIC"),
        ("voice.opus", opus.to_vec(), "audio/ogg", "voice.opus"),
        ("song.mp3", b"ID3\x03\0\0\0\0\x0f\x76tag".to_vec(), "audio/mpeg", "song.mp3"),
        ("a.wav", b"RIFF\x24\0\0\0WAVEfmt ".to_vec(), "audio/wav", "a.wav"),
        ("list.csv", b"Name;Stra\xdfe\r\nM\xfcller;\x80 5".to_vec(), "text/plain", "list.csv"),
        ("list.csv", utf16, "text/plain", "list.csv"),
        ("letter.rtf", b"{\\rtf1\\ansi hello}".to_vec(), "application/rtf", "letter.rtf"),
        ("page.html", b"caf\xe9".to_vec(), "text/plain", "page.html.txt"),
        ("run.bat", b"@echo off\r\n".to_vec(), "text/plain", "run.bat.txt"),
        ("x.html", b"<html>caf\xe9".to_vec(), "text/html", "x.html"),
        ("x.exe", b"\0\x01\x02".to_vec(), "application/octet-stream", "x.exe.bin"),
    ];
    for (given, bytes, media_type, kept) in table {
        let kind = kind_of_pieces(&bytes);
        let endings: Vec<&str> = kind.endings.iter().map(String::as_str).collect();
        let name = crate::bridge::file::name(given, &endings);
        assert_eq!((&*kind.media_type, &*name), (media_type, kept), "{given}");
    }
}
