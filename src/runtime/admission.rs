//! Who may open what, how often: limits per address and per socket.
//!
//! Invariants: an address is what a customer cannot have many of, so IPv6 counts by its /64;
//! a bounded number of sockets is being opened at a time, and the others stand in line or come back
//! later, so that thousands at once drown neither the database nor the desks;
//! memory is bounded, whoever knocks ([`Admission::sweep`], [`ADDRESSES`]). Rates run on a monotonic
//! clock of their own: they are spans, never moments, and a step of the wall clock moves none of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The most addresses that are told apart at a time; those beyond share one allowance.
pub const ADDRESSES: usize = 100_000;

/// Sockets that are being opened at a time. Those who are new cost the database little, for they are
/// stored together; each of the others asks it a handful of times, and those who are in want it too.
const OPENING: usize = 512;

/// Those that stand in line for it, and how long; whoever comes beyond is told when to come again.
const IN_LINE: usize = 32_768;
const PATIENCE: Duration = Duration::from_secs(10);

/// Whoever is sent away comes back between the first and the sum of both.
const COME_BACK_MS: u32 = 1_000;
const COME_BACK_SPREAD_MS: u32 = 4_000;

/// Files that an address asks for, a minute; an office may share it. One that nobody is known to have
/// made counts as so many.
const FILES_ASKED: u32 = 1_200;
const UNKNOWN_FILE: u32 = 20;

/// How often [`Admission::keep_small`] forgets the addresses that have their whole allowance back.
const SWEEP: Duration = Duration::from_secs(60);

/// How much is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Durable commands of one socket, a second.
    pub messages_per_second: u32,
    /// Durable commands of one socket at once.
    pub message_burst: u32,
    /// Sockets open from one address.
    pub sockets_per_address: u32,
    /// New sessions from one address, a minute.
    pub sessions_per_minute_per_address: u32,
    /// New conversations from one address, an hour.
    pub conversations_per_hour_per_address: u32,
    /// Files from one address, a minute.
    pub files_per_minute_per_address: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            messages_per_second: 5,
            message_burst: 20,
            sockets_per_address: 100,
            sessions_per_minute_per_address: 60,
            conversations_per_hour_per_address: 60,
            files_per_minute_per_address: 20,
        }
    }
}

/// Too much; worth another try after so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many, too fast")]
pub struct TooMany {
    /// When to try again.
    pub retry_after_ms: u32,
}

/// The limits per address, shared by all sockets of a node.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    sessions: DefaultKeyedRateLimiter<IpAddr>,
    conversations: DefaultKeyedRateLimiter<IpAddr>,
    files: DefaultKeyedRateLimiter<IpAddr>,
    asked: DefaultKeyedRateLimiter<IpAddr>,
    sockets: Mutex<HashMap<IpAddr, u32>>,
    opening: Semaphore,
    /// Places left in line.
    line: Semaphore,
    sent_away: AtomicU32,
}

impl Admission {
    /// Limits with nobody there yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        let per_minute = Quota::per_minute(at_least_one(limits.sessions_per_minute_per_address));
        let per_hour = Quota::per_hour(at_least_one(limits.conversations_per_hour_per_address));
        Arc::new(Self {
            limits,
            sessions: RateLimiter::keyed(per_minute),
            conversations: RateLimiter::keyed(per_hour),
            files: RateLimiter::keyed(Quota::per_minute(at_least_one(
                limits.files_per_minute_per_address,
            ))),
            asked: RateLimiter::keyed(Quota::per_minute(at_least_one(FILES_ASKED))),
            sockets: Mutex::default(),
            opening: Semaphore::new(OPENING),
            line: Semaphore::new(IN_LINE),
            sent_away: AtomicU32::new(0),
        })
    }

    /// What the limits are.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts a socket until the guard is dropped; none where the address has all it may have.
    pub fn socket(self: &Arc<Self>, address: IpAddr) -> Option<SocketGuard> {
        let key = key(address);
        let mut sockets = self.open_sockets();
        let open = sockets.entry(key).or_default();
        if *open >= self.limits.sockets_per_address.max(1) {
            return None;
        }
        *open += 1;
        drop(sockets);
        Some(SocketGuard { admission: Arc::clone(self), key })
    }

    /// Waits for one's turn to ask the database who is there; it lasts until the permit is dropped.
    ///
    /// # Errors
    /// Where too many are in line before, or it takes too long. Each is told another time.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, TooMany> {
        if let Ok(turn) = self.opening.try_acquire() {
            return Ok(turn);
        }
        if let Ok(_place) = self.line.try_acquire()
            && let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, self.opening.acquire()).await
        {
            return Ok(turn);
        }
        let number = self.sent_away.fetch_add(1, Ordering::Relaxed);
        let spread = number.wrapping_mul(997) % COME_BACK_SPREAD_MS;
        Err(TooMany { retry_after_ms: COME_BACK_MS + spread })
    }

    /// Counts a new session.
    ///
    /// # Errors
    /// Where the address has had too many.
    pub fn session(&self, address: IpAddr) -> Result<(), TooMany> {
        check(&self.sessions, address)
    }

    /// Counts a new conversation.
    ///
    /// # Errors
    /// Where the address has had too many.
    pub fn conversation(&self, address: IpAddr) -> Result<(), TooMany> {
        check(&self.conversations, address)
    }

    /// Counts a file.
    ///
    /// # Errors
    /// Where the address has sent too many.
    pub fn file(&self, address: IpAddr) -> Result<(), TooMany> {
        check(&self.files, address)
    }

    /// Counts a question for a file: for one that nobody is known to have made, more.
    ///
    /// # Errors
    /// Where the address has asked too much.
    pub fn file_asked(&self, address: IpAddr, known: bool) -> Result<(), TooMany> {
        let cost = if known { NonZeroU32::MIN } else { at_least_one(UNKNOWN_FILE) };
        check_n(&self.asked, address, cost)
    }

    /// Forgets the addresses that have their whole allowance back.
    pub fn sweep(&self) {
        for rates in [&self.sessions, &self.conversations, &self.files, &self.asked] {
            rates.retain_recent();
            rates.shrink_to_fit();
        }
        self.open_sockets().shrink_to_fit();
    }

    /// Sweeps for ever; to be spawned once.
    pub async fn keep_small(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.sweep();
        }
    }

    fn open_sockets(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open socket of an address.
#[derive(Debug)]
pub struct SocketGuard {
    admission: Arc<Admission>,
    key: IpAddr,
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        if let Entry::Occupied(mut open) = self.admission.open_sockets().entry(self.key) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

/// The rates of one socket, in about a hundred bytes.
#[derive(Debug)]
pub struct SocketRates {
    commands: DefaultDirectRateLimiter,
    signals: DefaultDirectRateLimiter,
    frames: DefaultDirectRateLimiter,
}

impl SocketRates {
    /// So many frames of any kind, for each durable command allowed: beyond is an attack or a fault.
    const FRAMES_A_COMMAND: u32 = 10;

    /// A socket that has sent nothing yet.
    pub fn new(limits: &Limits) -> Self {
        let each = at_least_one(limits.messages_per_second);
        let burst = at_least_one(limits.message_burst.max(limits.messages_per_second));
        let factor = at_least_one(Self::FRAMES_A_COMMAND);
        let commands = Quota::per_second(each).allow_burst(burst);
        let frames = Quota::per_second(each.saturating_mul(factor))
            .allow_burst(burst.saturating_mul(factor));
        Self {
            commands: RateLimiter::direct(commands),
            signals: RateLimiter::direct(commands),
            frames: RateLimiter::direct(frames),
        }
    }

    /// Counts a durable command, or a question that costs the store as much.
    ///
    /// # Errors
    /// Where there were too many: the client says it again later.
    pub fn command(&self) -> Result<(), TooMany> {
        let clock = DefaultClock::default();
        self.commands.check().map_err(|early| too_many(early.wait_time_from(clock.now())))
    }

    /// Counts something that is not durable; beyond the rate it is let fall.
    pub fn signal(&self) -> bool {
        self.signals.check().is_ok()
    }

    /// Counts a frame of any kind; beyond the rate the socket is closed.
    pub fn frame(&self) -> bool {
        self.frames.check().is_ok()
    }
}

fn check(rates: &DefaultKeyedRateLimiter<IpAddr>, address: IpAddr) -> Result<(), TooMany> {
    check_n(rates, address, NonZeroU32::MIN)
}

fn check_n(
    rates: &DefaultKeyedRateLimiter<IpAddr>,
    address: IpAddr,
    cost: NonZeroU32,
) -> Result<(), TooMany> {
    let key = match rates.len() < ADDRESSES {
        true => key(address),
        false => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let clock = DefaultClock::default();
    let taken = rates.check_key_n(&key, cost).unwrap_or(Ok(()));
    taken.map_err(|early| too_many(early.wait_time_from(clock.now())))
}

fn too_many(wait: Duration) -> TooMany {
    // Rounded up, so that who waits as long as told is let in.
    let wait = wait.as_millis().saturating_add(1);
    TooMany { retry_after_ms: u32::try_from(wait).unwrap_or(u32::MAX) }
}

/// IPv4 as it is, also where it comes mapped into IPv6; of IPv6 the /64, which is one customer's line.
pub(crate) fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        address => address,
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            messages_per_second: 2,
            message_burst: 3,
            sockets_per_address: 2,
            sessions_per_minute_per_address: 3,
            conversations_per_hour_per_address: 2,
            files_per_minute_per_address: 2,
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_counted_as_what_one_customer_has() {
        let same = [
            ("192.0.2.1", "::ffff:192.0.2.1"),
            ("2001:db8::1", "2001:db8::ffff:1"),
            ("2001:db8:0:1::", "2001:db8::1:ffff:ffff:ffff:ffff"),
        ];
        let different = [
            ("192.0.2.1", "192.0.2.2"),
            ("2001:db8:0:1::1", "2001:db8:0:2::1"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ];
        for (one, other) in same {
            assert_eq!(key(address(one)), key(address(other)), "{one} {other}");
        }
        for (one, other) in different {
            assert_ne!(key(address(one)), key(address(other)), "{one} {other}");
        }
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
        assert!(admission.open_sockets().is_empty(), "nothing stays of closed sockets");
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
    async fn so_many_are_opened_at_a_time_and_the_rest_stands_in_line_or_comes_back() {
        let admission = Admission::new(limits());
        let mut turns = Vec::new();
        for _ in 0..OPENING {
            turns.push(admission.turn().await.unwrap());
        }
        // The line moves on as turns end.
        let next = tokio::join!(admission.turn(), async { drop(turns.pop()) }).0;
        turns.push(next.unwrap());
        // Nobody waits for ever, and no line is endless; each is told a time of his own.
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
        for number in 0..u32::try_from(ADDRESSES).unwrap() + 100 {
            let _ = admission.session(IpAddr::from(number.to_be_bytes()));
        }
        assert!(admission.sessions.len() <= ADDRESSES + 1);
        std::thread::sleep(Duration::from_millis(5));
        admission.sweep();
        assert!(admission.sessions.len() < 100, "{}", admission.sessions.len());
    }

    #[test]
    fn a_socket_has_bursts_and_ends() {
        let rates = SocketRates::new(&limits());
        for _ in 0..3 {
            assert_eq!(rates.command(), Ok(()));
        }
        let refused = rates.command().unwrap_err();
        assert!((400..=501).contains(&refused.retry_after_ms), "{refused:?}");
        assert_eq!((0..30).filter(|_| rates.signal()).count(), 3);
        let taken = (0..60).filter(|_| rates.frame()).count();
        assert!((30..35).contains(&taken), "{taken}");
    }

    #[test]
    fn a_limit_of_0_still_lets_one_in() {
        let none = Limits {
            messages_per_second: 0,
            message_burst: 0,
            sockets_per_address: 0,
            sessions_per_minute_per_address: 0,
            conversations_per_hour_per_address: 0,
            files_per_minute_per_address: 0,
        };
        let admission = Admission::new(none);
        assert!(admission.socket(address("::1")).is_some());
        assert_eq!(admission.session(address("::1")), Ok(()));
        assert_eq!(SocketRates::new(&none).command(), Ok(()));
    }

    #[test]
    fn a_socket_costs_little() {
        assert!(size_of::<SocketRates>() <= 128, "{}", size_of::<SocketRates>());
        assert!(size_of::<SocketGuard>() <= 32, "{}", size_of::<SocketGuard>());
    }
}
