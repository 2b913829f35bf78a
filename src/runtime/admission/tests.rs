//! Tests of the rate limits.

use uuid::Uuid;

use super::limits::LARGEST_FRAME;
use super::*;
use crate::runtime::allowance::KEYS;

fn limits() -> Limits {
    Limits {
        messages_per_second: 2,
        message_burst: 3,
        sockets_per_address: 2,
        sessions_per_minute_per_address: 3,
        conversations_per_hour_per_address: 2,
        files_per_minute_per_address: 2,
        ..Limits::default()
    }
}

fn customer(number: u128) -> CustomerId {
    CustomerId(Uuid::from_u128(number))
}

fn rates(admission: &Arc<Admission>, from: &str, whose: u128) -> SocketRates {
    let guard = admission.socket(address(from)).unwrap();
    let mut rates = SocketRates::new(&guard);
    rates.belong_to(customer(whose));
    // The number of sockets is not what these tests are about.
    drop(guard);
    rates
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn sockets_are_counted_while_they_are_open() {
    let admission = Admission::new(limits());
    let (ours, theirs) = (address("192.0.2.1"), address("192.0.2.2"));
    let first = admission.socket(ours);
    let second = admission.socket(ours);
    assert!(first.is_some() && second.is_some());
    assert!(admission.socket(ours).is_none());
    assert!(admission.socket(theirs).is_some());
    drop(first);
    assert!(admission.socket(ours).is_some());
    drop(second);
    assert!(admission.open_sockets().is_empty(), "closed sockets use no memory");
}

#[test]
fn sessions_and_conversations_have_their_rates() {
    let admission = Admission::new(limits());
    let (ours, theirs) = (address("192.0.2.1"), address("192.0.2.2"));
    for _ in 0..3 {
        assert_eq!(admission.session(ours), Ok(()));
    }
    let refused = admission.session(ours).unwrap_err();
    assert!((19_000..=20_001).contains(&refused.retry_after_ms), "{refused:?}");
    assert_eq!(admission.session(theirs), Ok(()));
    assert_eq!(admission.conversation(ours), Ok(()));
    assert_eq!(admission.conversation(ours), Ok(()));
    let refused = admission.conversation(ours).unwrap_err();
    assert!((1_790_000..=1_800_001).contains(&refused.retry_after_ms), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn some_are_opened_at_a_time_and_the_others_queue_or_come_back() {
    let admission = Admission::new(limits());
    let mut turns = Vec::new();
    for _ in 0..OPENING {
        turns.push(admission.turn().await.unwrap());
    }
    // The queue moves on as permits are dropped.
    let next = tokio::join!(admission.turn(), async { drop(turns.pop()) }).0;
    turns.push(next.unwrap());
    // The queue is bounded in length and in time; the times to come back differ.
    let waiting = (0..IN_LINE + 100).map(|_| admission.turn());
    let begun = tokio::time::Instant::now();
    let mut told: Vec<_> = futures_util::future::join_all(waiting)
        .await
        .into_iter()
        .map(|turn| turn.unwrap_err().retry_after_ms)
        .collect();
    assert_eq!(begun.elapsed(), PATIENCE);
    let (first, last) = (COME_BACK_MS, COME_BACK_MS + COME_BACK_SPREAD_MS);
    assert!(told.iter().all(|ms| (first..last).contains(ms)));
    told.sort_unstable();
    told.dedup();
    assert!(told.len() > 3_900, "{}", told.len());
    drop(turns);
    assert!(admission.turn().await.is_ok());
}

#[test]
fn files_are_asked_for_often_and_made_up_ones_seldom() {
    let admission = Admission::new(limits());
    let (ours, theirs) = (address("192.0.2.1"), address("192.0.2.2"));
    let asked = (0..100).take_while(|_| admission.file_asked(ours, false).is_ok()).count();
    assert_eq!(asked, 60);
    let early = admission.file_asked(ours, false).unwrap_err();
    assert!((900..=1_001).contains(&early.retry_after_ms), "{early:?}");
    let asked = (0..2_000).take_while(|_| admission.file_asked(theirs, true).is_ok()).count();
    assert!((1_200..1_300).contains(&asked), "{asked}");
}

#[test]
fn memory_is_bounded() {
    let limits = Limits { sessions_per_minute_per_address: 60_000, ..limits() };
    let admission = Admission::new(limits);
    for number in 0..u32::try_from(KEYS).unwrap() + 100 {
        let _ = admission.session(IpAddr::from(number.to_be_bytes()));
    }
    assert!(admission.sessions.len() <= KEYS + 10);
    std::thread::sleep(Duration::from_millis(5));
    admission.sweep();
    assert!(admission.sessions.len() < 100, "{}", admission.sessions.len());
}

#[test]
fn a_socket_has_bursts_and_ends() {
    let rates = rates(&Admission::new(limits()), "192.0.2.1", 1);
    for _ in 0..3 {
        assert_eq!(rates.command(100), Ok(()));
    }
    let refused = rates.command(100).unwrap_err();
    assert!((400..=501).contains(&refused.retry_after_ms), "{refused:?}");
    assert_eq!((0..30).filter(|_| rates.signal()).count(), 3);
    let taken = (0..60).filter(|_| rates.frame(100)).count();
    assert!((30..35).contains(&taken), "{taken}");
}

#[test]
fn many_sockets_are_not_many_allowances() {
    let limits =
        Limits { sockets_per_address: 100, messages_per_second_per_address: 4, ..limits() };
    let admission = Admission::new(limits);
    let taken = |sockets: &[SocketRates]| -> usize {
        sockets.iter().map(|rates| (0..9).filter(|_| rates.command(100).is_ok()).count()).sum()
    };
    let of_one: Vec<_> = (0..50).map(|_| rates(&admission, "192.0.2.1", 1)).collect();
    assert_eq!(taken(&of_one), 3, "one customer, from as many sockets as they like");
    let of_many: Vec<_> = (2..50).map(|who| rates(&admission, "192.0.2.1", who)).collect();
    assert_eq!(taken(&of_many), 3, "one address: twice as much a second, twice at once");
    assert_eq!(taken(&[rates(&admission, "192.0.2.2", 60)]), 3, "nobody else is hit");
    let signals = |sockets: &[SocketRates]| -> usize {
        sockets.iter().map(|rates| (0..9).filter(|_| rates.signal()).count()).sum()
    };
    assert_eq!((signals(&of_one), signals(&of_many)), (3, 3));
}

#[test]
fn bytes_are_counted_as_well() {
    let limits = Limits {
        message_burst: 1_000,
        messages_per_second_per_address: 1_000,
        kilobytes_per_second: 8,
        kilobytes_per_second_per_address: 24,
        ..limits()
    };
    let admission = Admission::new(limits);
    let one = rates(&admission, "192.0.2.1", 1);
    let taken =
        |rates: &SocketRates, bytes| (0..20).filter(|_| rates.command(bytes).is_ok()).count();
    assert_eq!(taken(&one, LARGEST_FRAME), 2, "the largest frame, twice");
    let refused = one.command(16 * 1024).unwrap_err();
    assert!((1_900..=2_001).contains(&refused.retry_after_ms), "{refused:?}");
    let (two, three) = (rates(&admission, "192.0.2.1", 2), rates(&admission, "192.0.2.1", 3));
    assert_eq!(taken(&two, LARGEST_FRAME) + taken(&three, LARGEST_FRAME), 1, "192 KiB in all");
    assert_eq!(taken(&rates(&admission, "192.0.2.9", 4), 60), 20, "small ones are many");
    // For frames of any kind.
    let flood = rates(&admission, "192.0.2.5", 5);
    let taken = (0..100).filter(|_| flood.frame(LARGEST_FRAME)).count();
    assert!((30..=32).contains(&taken), "{taken}");
}

#[test]
fn reading_has_its_rates() {
    let limits = Limits { reads_per_minute: 3, reads_per_minute_per_address: 5, ..limits() };
    let admission = Admission::new(limits);
    let one = rates(&admission, "192.0.2.1", 1);
    assert_eq!((0..9).filter(|_| one.read().is_ok()).count(), 3);
    assert!(admission.read_by(customer(1)).is_err(), "by another socket too");
    assert_eq!((0..9).filter(|_| admission.read_from(address("192.0.2.1")).is_ok()).count(), 2);
    assert_eq!(admission.read_from(address("192.0.2.2")), Ok(()));
    let guesses = (0..90).filter(|_| admission.guess(address("192.0.2.1")).is_ok()).count();
    assert_eq!(guesses, 60);
}

#[test]
fn a_site_has_a_few_addresses_sockets() {
    let admission = Admission::new(limits());
    let from = |n: u128| IpAddr::V6((0x2001_0db8_u128 << 96 | n << 64).into());
    let open: Vec<_> = (0..200).filter_map(|n| admission.socket(from(n))).collect();
    assert_eq!(open.len(), 8, "a /56 has those of four");
    let more: Vec<_> = (256..2_000).filter_map(|n| admission.socket(from(n))).collect();
    assert_eq!(more.len(), 24, "a /48 those of sixteen");
    drop((open, more));
    assert!(admission.open_sockets().is_empty(), "closed sockets use no memory");
}

#[test]
fn a_limit_of_0_still_lets_one_in() {
    let none = Limits {
        messages_per_second: 0,
        message_burst: 0,
        messages_per_second_per_address: 0,
        kilobytes_per_second: 0,
        kilobytes_per_second_per_address: 0,
        reads_per_minute: 0,
        reads_per_minute_per_address: 0,
        sockets_per_address: 0,
        sessions_per_minute_per_address: 0,
        conversations_per_hour_per_address: 0,
        files_per_minute_per_address: 0,
    };
    let admission = Admission::new(none);
    let guard = admission.socket(address("::1")).unwrap();
    assert_eq!(admission.session(address("::1")), Ok(()));
    let mut rates = SocketRates::new(&guard);
    rates.belong_to(customer(1));
    assert!(rates.frame(LARGEST_FRAME));
    assert_eq!((rates.command(LARGEST_FRAME), rates.read()), (Ok(()), Ok(())));
}

#[test]
fn a_socket_costs_little() {
    assert!(size_of::<SocketRates>() <= 128, "{}", size_of::<SocketRates>());
    assert!(size_of::<SocketGuard>() <= 32, "{}", size_of::<SocketGuard>());
}
