//! What is written, lost and accepted.

use proptest::prelude::*;

use super::barriers::{AGAIN, MOST as BARRIERS};
use super::*;

fn outbox() -> Outbox {
    let mut outbox = Outbox::new(&LinkDomain::new("chat.example.org").unwrap());
    outbox.open(Epoch(7));
    outbox
}

fn stanza(name: &str) -> Text {
    format!("<{name}/>").into()
}

fn row(outbox: &mut Outbox, name: &str, pos: u64) {
    outbox.push(stanza(name), Kind::Row(Pos(pos)), Some(Pos(pos)));
}

fn line(outbox: &mut Outbox, name: &str) {
    outbox.push(stanza(name), Kind::Line, None);
}

/// What is written if nothing waits for more; barriers by their id.
fn written(outbox: &mut Outbox) -> Vec<String> {
    filled(outbox, true)
}

/// What is written if barriers may wait.
fn gathered(outbox: &mut Outbox) -> Vec<String> {
    filled(outbox, false)
}

fn filled(outbox: &mut Outbox, urgent: bool) -> Vec<String> {
    let mut out = Out::new();
    outbox.fill(Instant::now(), urgent, &mut out);
    out.iter().map(|text| name(text)).collect()
}

fn name(text: &str) -> String {
    match text.strip_prefix("<iq from='chat.example.org' id='") {
        Some(barrier) => barrier.split_once('\'').unwrap().0.to_owned(),
        None => text.trim_matches(['<', '/', '>']).to_owned(),
    }
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
fn strangers_keep_nobody_waiting() {
    let mut outbox = outbox();
    let error: Element = "<s xmlns='x'/>".parse().unwrap();
    for _ in 0..10 * STRANGERS {
        outbox.push_for_stranger(&error);
    }
    assert!(outbox.has_room() && outbox.is_idle(), "agents' stanzas are not displaced");
    row(&mut outbox, "a", 1);
    row(&mut outbox, "b", 2);
    let first = written(&mut outbox);
    assert_eq!(first[..2], ["a", "b"], "what agents wait for goes first");
    let strange = |names: &[String]| names.iter().filter(|name| name.starts_with('s')).count();
    assert_eq!(strange(&first), BATCH - 2, "a batch, and no more until it is accepted");
    row(&mut outbox, "c", 3);
    assert_eq!(written(&mut outbox)[0], "c", "what comes meanwhile waits for none of them");
    let mut answered = strange(&first);
    for _ in 0..4 {
        let barriers: Vec<String> =
            outbox.barriers.flight.iter().map(|barrier| barrier.id.clone()).collect();
        barriers.iter().for_each(|id| {
            outbox.returned(id);
        });
        answered += strange(&written(&mut outbox));
    }
    assert_eq!(answered, STRANGERS, "what was too much is dropped");
    outbox.push_for_stranger(&error);
    outbox.lost(false);
    assert_eq!(written(&mut outbox), [""; 0], "the next stream knows nothing of them");
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
    assert_eq!(outbox.fill(Instant::now(), false, &mut Out::new()), Some(Pos(2)));
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
fn after_a_lost_stream_lines_are_rewritten_and_rows_left_to_the_desk() {
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
    assert_eq!(outbox.returned("b7-2"), elsewhere, "the first went elsewhere, and was accepted");
    assert!(outbox.is_idle());
    assert_eq!(outbox.returned("b8-1"), Returned::Stranger(None), "it is of a later owner");
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
    let mut out = Out::new();
    for again in 1..=3 {
        outbox.ask_again(Instant::now(), &mut out);
        assert!(out.is_empty(), "not yet");
        tokio::time::advance(AGAIN).await;
        outbox.ask_again(Instant::now(), &mut out);
        assert_eq!(name(&out.pop_front().unwrap()), format!("b7-1.{again}"));
    }
    assert_eq!(outbox.returned("b7-1"), Returned::Accepted(Pos(1)));
    assert_eq!(outbox.returned("b7-1.1"), Returned::Nothing, "the second of the same");
    assert_eq!(outbox.next_asking(), None);
}

#[tokio::test(start_paused = true)]
async fn a_barrier_that_comes_back_only_when_written_again_tells_of_another_stream() {
    let mut outbox = outbox();
    row(&mut outbox, "a", 1);
    written(&mut outbox);
    tokio::time::advance(AGAIN).await;
    outbox.ask_again(Instant::now(), &mut Out::new());
    assert_eq!(outbox.returned("b7-1.2"), Returned::Nothing, "this copy was never written");
    assert_eq!(outbox.returned("b7-1.1"), Returned::Stranger(Some(Pos(1))));
    assert!(outbox.is_idle());
}

#[tokio::test(start_paused = true)]
async fn a_barrier_follows_many_and_soon() {
    let mut outbox = outbox();
    row(&mut outbox, "a", 1);
    assert_eq!(gathered(&mut outbox), ["a"]);
    let due = outbox.next_barrier().unwrap();
    tokio::time::advance(GATHERED / 2).await;
    row(&mut outbox, "b", 2);
    outbox.passed(Pos(3));
    assert_eq!(gathered(&mut outbox), ["b"]);
    assert_eq!(outbox.next_barrier(), Some(due), "the first is what counts");
    tokio::time::advance(GATHERED / 2).await;
    assert_eq!(gathered(&mut outbox), ["b7-3"]);
    assert_eq!(outbox.next_barrier(), None);
    assert_eq!(outbox.returned("b7-3"), Returned::Accepted(Pos(3)));
    assert!(outbox.is_idle());
    // What needs no stanza needs no barrier either, even if it waited for one.
    row(&mut outbox, "c", 4);
    assert_eq!(written(&mut outbox), ["c", "b7-4"]);
    outbox.passed(Pos(5));
    assert_eq!(gathered(&mut outbox), [""; 0]);
    assert!(outbox.next_barrier().is_some());
    outbox.returned("b7-4");
    assert_eq!(outbox.fill(Instant::now(), false, &mut Out::new()), Some(Pos(5)));
    assert_eq!(outbox.next_barrier(), None);
}

#[tokio::test(start_paused = true)]
async fn a_barrier_that_something_waits_for_follows_at_once() {
    // So many that a barrier is due; and when room is getting scarce.
    let mut many = outbox();
    (1..=BATCH as u64).for_each(|pos| row(&mut many, "a", pos));
    assert_eq!(gathered(&mut many).last().unwrap(), "b7-64");
    (65..=PRESSING as u64 - 1).for_each(|pos| row(&mut many, "a", pos));
    assert_eq!(gathered(&mut many).iter().filter(|name| *name != "a").count(), 1);
    row(&mut many, "a", PRESSING as u64);
    assert_eq!(gathered(&mut many), ["a"], "two are in flight");
    many.returned("b7-64");
    assert_eq!(gathered(&mut many), ["b7-256"]);
    row(&mut many, "a", PRESSING as u64 + 1);
    many.returned("b7-128");
    assert_eq!(gathered(&mut many), ["a"], "at leisure again");
    (258..=320).for_each(|pos| row(&mut many, "a", pos));
    assert_eq!(gathered(&mut many).last().unwrap(), "b7-320");

    // No timer runs for a barrier that may not be written.
    let mut two = outbox();
    for pos in 1..=3 {
        row(&mut two, "a", pos);
        let barriers = if pos < 3 { 1 } else { 0 };
        assert_eq!(written(&mut two).len(), 1 + barriers);
    }
    assert_eq!(two.next_barrier(), None);
    two.returned("b7-1");
    assert_eq!(two.next_barrier(), Some(Instant::now() + GATHERED));

    // A stream that was checked already, for another reason.
    let mut asked = outbox();
    row(&mut asked, "a", 1);
    assert_eq!(gathered(&mut asked), ["a"]);
    let mut out = Out::new();
    asked.ping(Instant::now(), &mut out);
    assert_eq!(name(&out[0]), "b7-1");
    assert_eq!(asked.next_barrier(), None);

    // The outcome of a suspect.
    let mut blamed = outbox();
    row(&mut blamed, "a", 1);
    gathered(&mut blamed);
    blamed.lost(true);
    assert_eq!(blamed.next_barrier(), None);
    row(&mut blamed, "a", 1);
    row(&mut blamed, "b", 2);
    assert_eq!(gathered(&mut blamed), ["a", "b7-1"]);
    blamed.returned("b7-1");
    assert_eq!(gathered(&mut blamed), ["b"]);
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
    outbox.push("x".repeat(STANZA_BYTES + 1).into(), Kind::Row(Pos(1)), Some(Pos(1)));
    outbox.push("<b>\0</b>".into(), Kind::Row(Pos(2)), Some(Pos(2)));
    let mut forbidden = Element::bare("c", "urn:c");
    forbidden.append_text_node("\0");
    outbox.push_built(&forbidden, Kind::Line);
    assert_eq!(outbox.fill(Instant::now(), false, &mut Out::new()), Some(Pos(2)));
}

proptest! {
    /// Whatever is lost and returned: nothing counts as accepted that was not.
    #[test]
    fn acceptance_never_runs_ahead(steps in prop::collection::vec(0_u8..6, 0..60)) {
        let mut outbox = outbox();
        let (mut pos, mut accepted, mut taken) = (0, 0, 0);
        let mut wire: VecDeque<String> = VecDeque::new();
        for step in steps {
            match step {
                0 | 1 => { pos += 1; row(&mut outbox, &format!("s{pos}"), pos); }
                2 | 5 => wire.extend(filled(&mut outbox, step == 2)),
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
