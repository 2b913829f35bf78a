//! What passes, and what is dropped.

use proptest::prelude::*;

use super::*;

/// What passes of XML that is read in pieces of these lengths, and then the rest.
fn cut(xml: &str, lengths: &[usize]) -> (String, Vec<usize>) {
    let (mut filter, mut clean) = (XmlFilter::default(), Clean::default());
    let mut rest = xml.as_bytes();
    for &length in lengths {
        let (head, tail) = rest.split_at(length.min(rest.len()));
        filter.pass(head, &mut clean);
        rest = tail;
    }
    filter.pass(rest, &mut clean);
    (String::from_utf8(clean.bytes).unwrap(), clean.ends)
}

fn filtered(xml: &str) -> String {
    cut(xml, &[]).0
}

fn stanzas(clean: &Clean) -> Vec<&str> {
    clean.stanzas().map(|stanza| std::str::from_utf8(stanza).unwrap()).collect()
}

#[test]
fn what_the_parser_can_take_passes_untouched() {
    let deep = format!("<s>{}{}</s>", "<a>".repeat(63), "</a>".repeat(63));
    let long = format!("<s><a b='{}'/></s>", "x".repeat(TOKEN_BYTES));
    for xml in [
        "",
        "<?xml version='1.0'?><stream:stream xmlns='a' from=\"b\">",
        "<s><a b='>' c=\"/>\"/>text &lt; > <d e = '/' >x</d ></s>",
        "<s><a/><b /></s>\n<",
        deep.as_str(),
        long.as_str(),
    ] {
        let shown = xml.strip_suffix('<').unwrap_or(xml);
        assert_eq!(filtered(xml), shown);
    }
}

#[test]
fn what_would_end_the_stream_is_dropped_whole() {
    let long = "x".repeat(TOKEN_BYTES + 1);
    let many = (0..3_000).map(|n| format!(" a{n}=''")).collect::<String>();
    let deep = format!("{}x{}", "<a>".repeat(40_000), "</a>".repeat(40_000));
    let kept = format!("{}{}", "<a>".repeat(63), "</a>".repeat(63));
    for (xml, left) in [
        (format!("<s><m id='{long}'><b>x</b></m><m/></s>"), "<s><m/></s>".to_owned()),
        (format!("<s><m><b c='{long}'/>y</m></s>"), "<s><m>y</m></s>".to_owned()),
        (format!("<s><m><{long}>x</{long}>y</m></s>"), "<s><m>y</m></s>".to_owned()),
        (format!("<s><m xmlns:p='{long}' p:q=''/></s>"), "<s></s>".to_owned()),
        (format!("<s><m{many}/><n/></s>"), "<s><n/></s>".to_owned()),
        (format!("<s>{deep}<n/></s>"), format!("<s>{kept}<n/></s>")),
    ] {
        assert_eq!(filtered(&xml), left);
    }
}

#[test]
fn stanzas_are_told_apart() {
    let (mut filter, mut clean) = (XmlFilter::default(), Clean::default());
    let long = "x".repeat(TOKEN_BYTES + 1);
    let first = format!("<?xml version='1.0'?><s><a/> <b c='>'>d<e/></b>\n<f id='{long}'/><g");
    filter.pass(first.as_bytes(), &mut clean);
    assert_eq!(clean.ends.len(), 3, "what was dropped is counted");
    // Bytes that were consumed are not part of a stanza.
    clean.read = clean.bytes.iter().position(|&byte| byte == b' ').unwrap();
    clean.read += "version='1.0'?><s><a/>".len() + 1;
    assert_eq!(stanzas(&clean), ["<b c='>'>d<e/></b>"]);
    assert_eq!(stanzas(&clean).len(), 1, "they stay until they are forgotten");
    clean.forget();
    assert_eq!(stanzas(&clean), [""; 0]);
    filter.pass(b"><![CDATA[</g></s>]]]></g></s>", &mut clean);
    assert_eq!(stanzas(&clean), ["<g><![CDATA[</g></s>]]]></g>"]);
    assert!(filter.over);
    assert!(!XmlFilter::default().over);
}

#[test]
fn a_stanza_without_end_is_bounded() {
    let (mut filter, mut clean) = (XmlFilter::default(), Clean::default());
    filter.pass(b"<s><a/><b><c>", &mut clean);
    for _ in 0..=STANZA_BYTES / 1024 {
        filter.pass(&[b'x'; 1024], &mut clean);
        assert!(clean.bytes.len() <= STANZA_BYTES + "<s><a/>".len());
    }
    filter.pass(b"</c>y</b><d/>", &mut clean);
    assert_eq!(stanzas(&clean), ["<s><a/>", "<d/>"]);
}

proptest! {
    #[test]
    fn how_the_bytes_are_cut_does_not_matter(
        xml in "(<[a-c]( [de]=('[^<&']{0,9}'|\"[^<&\"]{0,9}\"))?/?>|</[a-c]>|<!\\[CDATA\\[[a<>\\]]{0,5}\\]\\]>|[a-z &;>]{0,5}){0,20}",
        cuts in prop::collection::vec(1_usize..9, 0..40),
    ) {
        prop_assert_eq!(cut(&xml, &cuts), cut(&xml, &[]));
    }

    /// In one scan or byte by byte, it is the same tag.
    #[test]
    fn a_glance_is_enough(xml in "<[ab='\"/ >]{0,12}>[ab='\">]{0,3}") {
        if let Some((tag, _)) = whole(xml.as_bytes()) {
            let mut slow = Tag::default();
            let end = xml.bytes().position(|byte| slow.take(byte)).unwrap();
            prop_assert_eq!(tag, &xml.as_bytes()[..=end]);
            prop_assert_eq!(tag.iter().nth_back(1), Some(&slow.last));
            prop_assert!(!slow.too_long);
        }
    }
}
