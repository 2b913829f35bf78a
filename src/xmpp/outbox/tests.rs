//! What is written, lost, and taken.

use proptest::prelude::*;
use xmpp_parsers::ns;

use super::*;

fn outbox() -> Outbox {
    let mut outbox = Outbox::new(&LinkDomain::new("chat.example.org").unwrap());
    outbox.open(Epoch(7));
    outbox
}

fn stanza(name: &str) -> Element {
    Element::bare(name, ns::COMPONENT)
}

fn row(outbox: &mut Outbox, name: &str, pos: u64) {
    outbox.push(stanza(name), Kind::Row(Pos(pos)), Some(Pos(pos)));
}

fn line(outbox: &mut Outbox, name: &str) {
    outbox.push(stanza(name), Kind::Line, None);
}

/// What is written, barriers by their id.
fn written(outbox: &mut Outbox) -> Vec<String> {
    let mut out = VecDeque::new();
    outbox.fill(&mut out);
    out.iter().map(|element| element.attr("id").unwrap_or(element.name()).to_owned()).collect()
}

#[test]
fn a_row_is_accepted_when_its_barrier_is_back() {
    let mut outbox = outbox();
    row(&mut outbox, "a", 3);
    outbox.push(stanza("b"), Kind::Passing, None);
    assert_eq!(written(&mut outbox), ["a", "b", "b7-3"]);
    assert_eq!(written(&mut outbox), [""; 0]);
    assert_eq!(outbox.returned("b7-3"), Returned::Accepted(Pos(3)));
    assert!(outbox.is_idle());
    assert_eq!(outbox.returned("b7-3"), Returned::Nothing);
}

#[test]
fn at_most_two_barriers_are_on_their_way() {
    let mut outbox = outbox();
    for pos in 1..=4 {
        row(&mut outbox, "a", pos);
        let barrier = format!("b7-{pos}");
        let expected = if pos <= 2 { vec!["a", barrier.as_str()] } else { vec!["a"] };
        assert_eq!(written(&mut outbox), expected);
    }
    assert_eq!(outbox.returned("b7-1"), Returned::Accepted(Pos(1)));
    assert_eq!(written(&mut outbox), ["b7-4"]);
    assert_eq!(outbox.returned("b7-2"), Returned::Accepted(Pos(2)));
    assert_eq!(outbox.returned("b7-4"), Returned::Accepted(Pos(4)));
}

#[test]
fn rows_that_need_nothing_are_accepted_with_what_is_before_them() {
    let mut outbox = outbox();
    outbox.passed(Pos(1));
    outbox.passed(Pos(2));
    assert_eq!(outbox.fill(&mut VecDeque::new()), Some(Pos(2)));
    row(&mut outbox, "a", 3);
    outbox.passed(Pos(4));
    assert_eq!(written(&mut outbox), ["a", "b7-4"]);
    assert_eq!(outbox.returned("b7-4"), Returned::Accepted(Pos(4)));
}

#[test]
fn what_is_on_its_way_is_bounded() {
    let mut outbox = outbox();
    for pos in 1..=2_000 {
        row(&mut outbox, "a", pos);
    }
    assert!(!outbox.has_room());
    let first = written(&mut outbox);
    assert_eq!(first.len(), IN_FLIGHT + BARRIERS);
    assert_eq!(outbox.returned("b7-64"), Returned::Accepted(Pos(64)));
    assert_eq!(written(&mut outbox).len(), 64 + 1);
}

#[test]
fn after_a_lost_stream_lines_come_again_and_rows_are_the_desks() {
    let mut outbox = outbox();
    row(&mut outbox, "a", 1);
    line(&mut outbox, "b");
    outbox.push(stanza("typing"), Kind::Passing, None);
    line(&mut outbox, "c");
    outbox.passed(Pos(3));
    assert_eq!(written(&mut outbox), ["a", "b", "typing", "c", "b7-3"]);
    line(&mut outbox, "d");
    row(&mut outbox, "e", 4);
    outbox.lost(false);
    assert_eq!(outbox.returned("b7-3"), Returned::Nothing);
    row(&mut outbox, "a", 1);
    assert_eq!(written(&mut outbox), ["b", "c", "d", "a", "b7-1"]);
    assert_eq!(outbox.returned("b7-1"), Returned::Accepted(Pos(1)));
}

#[test]
fn a_row_that_ends_streams_is_found_and_left_out() {
    let mut outbox = outbox();
    let rows = [("a", 1), ("bad", 2), ("c", 3)];
    let say = |outbox: &mut Outbox| rows.iter().for_each(|(name, pos)| row(outbox, name, *pos));
    say(&mut outbox);
    assert_eq!(written(&mut outbox), ["a", "bad", "c", "b7-3"]);
    outbox.lost(true);
    say(&mut outbox);
    assert_eq!(written(&mut outbox), ["a", "b7-1"]);
    assert_eq!(outbox.returned("b7-1"), Returned::Accepted(Pos(1)));
    assert_eq!(written(&mut outbox), ["bad", "b7-2"]);
    outbox.lost(true);
    say(&mut outbox);
    assert_eq!(written(&mut outbox), ["a", "b7-1"], "the next is a suspect still");
    outbox.returned("b7-1");
    assert_eq!(written(&mut outbox), ["c", "b7-3"]);
    assert_eq!(outbox.returned("b7-3"), Returned::Accepted(Pos(3)));
    assert!(outbox.is_idle());
    say(&mut outbox);
    assert_eq!(written(&mut outbox), ["a", "c", "b7-3"]);
}

#[test]
fn a_line_that_ends_streams_is_found_and_left_out() {
    let mut outbox = outbox();
    line(&mut outbox, "a");
    line(&mut outbox, "bad");
    assert_eq!(written(&mut outbox), ["a", "bad", "b7-0"]);
    outbox.lost(true);
    assert_eq!(written(&mut outbox), ["a", "b7-0"]);
    outbox.returned("b7-0");
    assert_eq!(written(&mut outbox), ["bad", "b7-0"]);
    outbox.lost(true);
    assert_eq!(written(&mut outbox), [""; 0]);
    assert!(outbox.is_idle());
}

#[test]
fn a_second_stream_shows() {
    let mut outbox = outbox();
    row(&mut outbox, "a", 1);
    written(&mut outbox);
    row(&mut outbox, "b", 2);
    written(&mut outbox);
    let elsewhere = Returned::Stranger(Some(Pos(2)));
    assert_eq!(outbox.returned("b7-2"), elsewhere, "the first went elsewhere, and was taken");
    assert!(outbox.is_idle());
    assert_eq!(outbox.returned("b8-1"), Returned::Stranger(None), "a later owner speaks");
    for late in ["b6-9", "b7-99", "b", "x", "b-1", ""] {
        assert_eq!(outbox.returned(late), Returned::Nothing, "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_barrier_that_is_not_back_is_written_again() {
    let mut outbox = outbox();
    assert_eq!(outbox.next_asking(), None);
    row(&mut outbox, "a", 1);
    assert_eq!(written(&mut outbox), ["a", "b7-1"]);
    let mut out = VecDeque::new();
    for _ in 0..3 {
        outbox.ask_again(Instant::now(), &mut out);
        assert!(out.is_empty(), "not yet");
        tokio::time::advance(AGAIN).await;
        outbox.ask_again(Instant::now(), &mut out);
        assert_eq!(out.pop_front().unwrap().attr("id"), Some("b7-1"));
    }
    assert_eq!(outbox.returned("b7-1"), Returned::Accepted(Pos(1)));
    assert_eq!(outbox.returned("b7-1"), Returned::Nothing, "the second of the same");
    assert_eq!(outbox.next_asking(), None);
}

#[test]
fn a_new_term_begins_empty() {
    let mut outbox = outbox();
    row(&mut outbox, "a", 1);
    outbox.open(Epoch(7));
    assert!(!outbox.is_idle());
    outbox.open(Epoch(8));
    assert!(outbox.is_idle());
}

#[test]
fn what_cannot_be_sent_is_left_out() {
    let mut outbox = outbox();
    let mut long = stanza("a");
    long.append_text_node("x".repeat(STANZA_BYTES));
    outbox.push(long, Kind::Row(Pos(1)), Some(Pos(1)));
    let mut forbidden = stanza("b");
    forbidden.append_text_node("\0");
    outbox.push(forbidden, Kind::Row(Pos(2)), Some(Pos(2)));
    assert_eq!(outbox.fill(&mut VecDeque::new()), Some(Pos(2)));
}

proptest! {
    /// Whatever is lost and returned: nothing counts as accepted that was not taken.
    #[test]
    fn acceptance_never_runs_ahead(steps in prop::collection::vec(0_u8..5, 0..60)) {
        let mut outbox = outbox();
        let (mut pos, mut accepted, mut taken) = (0, 0, 0);
        let mut wire: VecDeque<String> = VecDeque::new();
        for step in steps {
            match step {
                0 | 1 => { pos += 1; row(&mut outbox, &format!("s{pos}"), pos); }
                2 => wire.extend(written(&mut outbox)),
                3 => { outbox.lost(false); wire.clear(); }
                _ => while let Some(next) = wire.pop_front() {
                    if let Some(row) = next.strip_prefix('s') {
                        taken = taken.max(row.parse().unwrap());
                    } else {
                        if let Returned::Accepted(upto) = outbox.returned(&next) {
                            prop_assert!(upto.0 > accepted && upto.0 <= taken);
                            accepted = upto.0;
                        }
                        break;
                    }
                },
            }
        }
        pos += 1;
        row(&mut outbox, "last", pos);
        for _ in 0..9 {
            wire.extend(written(&mut outbox));
            while let Some(next) = wire.pop_front() {
                if next.starts_with('b') { outbox.returned(&next); }
            }
        }
        prop_assert!(outbox.is_idle());
        prop_assert_eq!(outbox.accepted, Pos(pos));
    }
}
