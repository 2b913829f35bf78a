//! Input as real servers write it.

use super::stanza::{self, Piece};
use super::websocket::{self, Reader, Said};
use super::{json, number, words, write_number};

#[test]
fn words_are_64_bytes_and_known_by_their_number() {
    let mut out = Vec::new();
    words::write(&mut out, 42);
    assert_eq!(out.len(), 64);
    assert_eq!(words::read(&out), Some(42));
    let mut long = Vec::new();
    write_number(&mut long, 12_345_678_901);
    assert_eq!(long, b"12345678901");
    assert_eq!(number(&long), Some(12_345_678_901));
}

#[test]
fn a_stream_is_cut_into_stanzas() {
    let stream = b"<?xml version='1.0'?><stream:stream id='x' xmlns='jabber:client'>\
        <stream:features><bind xmlns='b'/><a><c/>t</a></stream:features>\n \
        <message from='a@b/c' id='p1'><body>1 &lt; 2</body></message><presence/><iq id='";
    let mut rest: &[u8] = stream;
    let mut seen = Vec::new();
    while let Some((piece, used)) = stanza::piece(rest) {
        seen.push(match piece {
            Piece::Opened(_) => "opened".to_owned(),
            Piece::Stanza(stanza) => String::from_utf8_lossy(stanza).into_owned(),
            Piece::Ended => "ended".to_owned(),
        });
        rest = rest.get(used..).unwrap();
    }
    assert_eq!(
        seen,
        [
            "opened",
            "<stream:features><bind xmlns='b'/><a><c/>t</a></stream:features>",
            "<message from='a@b/c' id='p1'><body>1 &lt; 2</body></message>",
            "<presence/>",
        ]
    );
    let message = b"<message from=\"a@b/c\" id='p1'><body>1 &lt; 2</body></message>";
    assert_eq!(stanza::attribute(message, b" from="), Some(&b"a@b/c"[..]));
    assert_eq!(stanza::attribute(message, b" id="), Some(&b"p1"[..]));
    assert_eq!(stanza::body(message), Some(&b"1 &lt; 2"[..]));
    assert_eq!(stanza::piece(b"</stream:stream>"), Some((Piece::Ended, 16)));
}

#[test]
fn frames_are_read_whole_also_in_parts() {
    let mut bytes = vec![0x81, 2, b'h', b'i', 0x89, 1, b'p', 0x01, 1, b'a', 0x80, 1, b'b'];
    bytes.extend_from_slice(&[0x81, 5, b'x']);
    let mut seen = Vec::new();
    let used = Reader::default().read(&bytes, |said| {
        seen.push(match said {
            Said::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Said::Ping(ping) => format!("ping {}", ping.len()),
            Said::Closed(code) => format!("closed {code:?}"),
        });
        Ok(())
    });
    assert_eq!(used.unwrap(), 13);
    assert_eq!(seen, ["hi", "ping 1", "ab"]);
}

#[test]
fn frames_are_written_short_and_long() {
    let mut out = Vec::new();
    websocket::text(&mut out, |out| out.extend_from_slice(b"hi"));
    assert_eq!(out, [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    out.clear();
    websocket::text(&mut out, |out| out.extend_from_slice(&[b'x'; 300]));
    assert_eq!(out.len(), 308);
    assert_eq!(out.get(..4), Some(&[0x81, 0xfe, 1, 44][..]));
}

#[test]
fn entries_are_told_apart() {
    let entry = br##"{"type":"entry","conversation":"01","seq":7,"at":1,"kind":"message","from":{"kind":"agent","name":"A"},"text":"#0000000042 Do"}"##;
    assert_eq!(json::kind(entry), json::Kind::Entry);
    assert_eq!(json::entry(entry), (Some(7), Some(42)));
    let own = br##"{"type":"entry","seq":8,"kind":"message","from":{"kind":"customer"},"text":"#0000000042"}"##;
    assert_eq!(json::entry(own), (Some(8), None));
    let both = br#"{"type":"entries","conversation":"01","entries":[{"conversation":"01","seq":1},{"conversation":"01","seq":2}],"more":false}"#;
    assert_eq!(json::kind(both), json::Kind::Entries);
    let seqs: Vec<_> = json::entries(both).map(|entry| json::entry(entry).0).collect();
    assert_eq!(seqs, [Some(1), Some(2)]);
}
