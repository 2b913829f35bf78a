use super::*;

#[test]
fn durations_are_shown_plainly() {
    let table = [
        (0, "1 s"),
        (59_999, "59 s"),
        (60_000, "1 min"),
        (3_599_999, "59 min"),
        (3_600_000, "1 h"),
        (3_900_000, "1 h 5 min"),
        (200_000_000, "2 days"),
    ];
    for (ms, said) in table {
        assert_eq!(span(ms), said, "{ms}");
    }
}

#[test]
fn an_interruption_is_shown_with_its_times() {
    let table = [
        (1_700_000_000_900, 1_700_000_012_100, "22:13:20–22:13:33 UTC"),
        (1_700_000_000_000, 1_700_020_000_000, "2023-11-14 22:13:20–2023-11-15 03:46:40 UTC"),
    ];
    for (from, to, said) in table {
        assert_eq!(times(Timestamp(from), Timestamp(to)), said);
    }
}

#[test]
fn conversations_are_counted_from_the_second() {
    let table = [
        (0, None),
        (1, None),
        (2, Some("2nd conversation")),
        (3, Some("3rd conversation")),
        (10, Some("10th conversation")),
        (11, Some("11th conversation")),
        (22, Some("22nd conversation")),
        (111, Some("111th conversation")),
    ];
    for (count, said) in table {
        assert_eq!(visit(count).as_deref(), said, "{count}");
    }
}

#[test]
fn a_long_page_keeps_its_end() {
    let table = [
        ("https://example.com/pricing", 20, "example.com/pricing"),
        ("https://example.com/", 20, "example.com"),
        ("https://example.com/pricing", 12, "…/pricing"),
        ("https://example.com/pricing/", 9, "…/pricing"),
        ("https://example.com/a/very/long/path", 12, "…y/long/path"),
        ("https://a-host-without-a-path.example", 12, "…ath.example"),
    ];
    for (page, room, shown) in table {
        assert_eq!(short_page(page, room), shown, "{page}");
        assert!(shown.chars().count() <= room, "{page}");
    }
}

#[test]
fn a_persons_text_becomes_one_harmless_line() {
    let sly = "a\u{202e}b\u{2028}c\nd\u{85}e\u{7}\u{2066}";
    assert_eq!(piece(sly), "ab c d e");
    assert_eq!(rated(1, Some(sly)), "The customer rated the conversation 1 of 5: “ab c d e”");
    assert_eq!(rated(1, Some("\u{200b}")), "The customer rated the conversation 1 of 5");
    let peer = Peer::Customer(crate::chat::ids::Localpart::new("k3f9x2").unwrap());
    assert_eq!(customer_name(Some("\u{200b}\u{2060}"), &peer), "Visitor k3f9");
    assert_eq!(customer_name(Some("⚙ Alice"), &peer), "(⚙) Alice");
}
