//! Rate limits per customer, per address and per socket.
//!
//! Invariants: a customer cannot have many addresses, so IPv6 is counted by /64 and by the networks
//! around it (`allowance::Range`). All sockets of one customer share that customer's limits. A
//! bounded number of sockets is opened at a time; the others queue or are told to come back later,
//! so that thousands at once overload neither the database nor the desks. Memory is bounded,
//! whoever connects ([`Admission::sweep`], `allowance::KEYS`). Rates use a monotonic clock: a step
//! of the wall clock does not change them.

mod limits;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Semaphore, SemaphorePermit};

pub use self::limits::Limits;
use self::limits::{at_least_one, bytes, per_minute, units_of};
pub use super::allowance::TooMany;
use super::allowance::{Allowance, ByAddress, Range};
use crate::chat::ids::CustomerId;

/// Sockets that may be opening at a time. New customers cost the database little, because they are
/// inserted in batches; each returning one takes a handful of queries.
const OPENING: usize = 512;

/// Sockets that may queue for that, and for how long; any beyond that are told when to come back.
const IN_LINE: usize = 32_768;
const PATIENCE: Duration = Duration::from_secs(10);

/// A rejected socket is told to come back after the first plus up to the second.
const COME_BACK_MS: u32 = 1_000;
const COME_BACK_SPREAD_MS: u32 = 4_000;

/// Factor over the allowed rate of durable commands and of bytes from which frames of any kind are
/// treated as an attack or a fault: the socket is closed.
const FLOOD: u32 = 10;

/// Lookups of unknown tenants per address and minute.
const GUESSES_A_MINUTE: u32 = 60;

/// File downloads per address and minute; an office may share the address. A request for an
/// id that no gateway generated counts as [`UNKNOWN_FILE`] downloads.
const FILES_ASKED: u32 = 1_200;
const UNKNOWN_FILE: u32 = 20;

/// Interval at which [`Admission::keep_small`] drops addresses whose allowance is full again.
const SWEEP: Duration = Duration::from_secs(60);

/// The limits, shared by all sockets of a node.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    by_customer: ByCustomer,
    commands: ByAddress,
    signals: ByAddress,
    bytes: ByAddress,
    /// Bytes beyond which the traffic is treated as an attack or a fault.
    flood: ByAddress,
    reads: ByAddress,
    guesses: ByAddress,
    sessions: ByAddress,
    conversations: ByAddress,
    files: ByAddress,
    asked: ByAddress,
    sockets: Mutex<HashMap<Range, u32>>,
    opening: Semaphore,
    /// Free places in the queue for [`Self::turn`].
    line: Semaphore,
    sent_away: AtomicU32,
}

/// The allowances of each customer.
#[derive(Debug)]
struct ByCustomer {
    commands: Allowance<CustomerId>,
    signals: Allowance<CustomerId>,
    bytes: Allowance<CustomerId>,
    reads: Allowance<CustomerId>,
}

impl Admission {
    pub fn new(limits: Limits) -> Arc<Self> {
        let kilobytes = limits.kilobytes_per_second_per_address;
        let per_hour = Quota::per_hour(at_least_one(limits.conversations_per_hour_per_address));
        let by_customer = ByCustomer {
            commands: Allowance::new(limits.commands()),
            signals: Allowance::new(limits.commands()),
            bytes: Allowance::new(bytes(limits.kilobytes_per_second)),
            reads: Allowance::new(per_minute(limits.reads_per_minute)),
        };
        Arc::new(Self {
            limits,
            by_customer,
            commands: ByAddress::new(limits.commands_from()),
            signals: ByAddress::new(limits.commands_from()),
            bytes: ByAddress::new(bytes(kilobytes)),
            flood: ByAddress::new(bytes(kilobytes.saturating_mul(FLOOD))),
            reads: ByAddress::new(per_minute(limits.reads_per_minute_per_address)),
            guesses: ByAddress::new(per_minute(GUESSES_A_MINUTE)),
            sessions: ByAddress::new(per_minute(limits.sessions_per_minute_per_address)),
            conversations: ByAddress::new(per_hour),
            files: ByAddress::new(per_minute(limits.files_per_minute_per_address)),
            asked: ByAddress::new(per_minute(FILES_ASKED)),
            sockets: Mutex::default(),
            opening: Semaphore::new(OPENING),
            line: Semaphore::new(IN_LINE),
            sent_away: AtomicU32::new(0),
        })
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts a socket until the guard is dropped; `None` if the address, or a network around it,
    /// already has its maximum.
    pub fn socket(self: &Arc<Self>, address: IpAddr) -> Option<SocketGuard> {
        let each = self.limits.sockets_per_address.max(1);
        let mut sockets = self.open_sockets();
        let has_room = |range: Range| {
            let open = sockets.get(&range).copied().unwrap_or_default();
            open < each.saturating_mul(range.times())
        };
        if !Range::of(address).all(has_room) {
            return None;
        }
        for range in Range::of(address) {
            *sockets.entry(range).or_default() += 1;
        }
        drop(sockets);
        Some(SocketGuard { admission: Arc::clone(self), address })
    }

    /// Waits for permission to query the database for an opening socket; valid until the permit is
    /// dropped.
    ///
    /// # Errors
    /// If the queue is full or the wait too long. The times to come back are spread.
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
    /// If the address has exceeded its rate.
    pub fn session(&self, address: IpAddr) -> Result<(), TooMany> {
        self.sessions.once(address)
    }

    /// Counts a new conversation.
    ///
    /// # Errors
    /// If the address has exceeded its rate.
    pub fn conversation(&self, address: IpAddr) -> Result<(), TooMany> {
        self.conversations.once(address)
    }

    /// Counts a file.
    ///
    /// # Errors
    /// If the address has exceeded its rate.
    pub fn file(&self, address: IpAddr) -> Result<(), TooMany> {
        self.files.once(address)
    }

    /// Counts a file download; one with an id that no gateway generated costs more.
    ///
    /// # Errors
    /// If the address has exceeded its rate.
    pub fn file_asked(&self, address: IpAddr, known: bool) -> Result<(), TooMany> {
        let cost = if known { NonZeroU32::MIN } else { at_least_one(UNKNOWN_FILE) };
        self.asked.check(address, cost)
    }

    /// Counts a database read for an address, before the customer is known.
    ///
    /// # Errors
    /// If the address has exceeded its rate.
    pub fn read_from(&self, address: IpAddr) -> Result<(), TooMany> {
        self.reads.once(address)
    }

    /// Counts a database read for a customer.
    ///
    /// # Errors
    /// If the customer has exceeded their rate.
    pub fn read_by(&self, customer: CustomerId) -> Result<(), TooMany> {
        self.by_customer.reads.check(&customer, NonZeroU32::MIN)
    }

    /// Counts a lookup of a name that is not known here and may not exist.
    ///
    /// # Errors
    /// If the address has exceeded its rate.
    pub fn guess(&self, address: IpAddr) -> Result<(), TooMany> {
        self.guesses.once(address)
    }

    /// Drops the addresses whose allowance is full again.
    pub fn sweep(&self) {
        let ByCustomer { commands, signals, bytes, reads } = &self.by_customer;
        for rates in [commands, signals, bytes, reads] {
            rates.sweep();
        }
        for rates in [
            &self.commands,
            &self.signals,
            &self.bytes,
            &self.flood,
            &self.reads,
            &self.guesses,
            &self.sessions,
            &self.conversations,
            &self.files,
            &self.asked,
        ] {
            rates.sweep();
        }
        self.open_sockets().shrink_to_fit();
    }

    /// Sweeps forever; spawned once.
    pub async fn keep_small(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.sweep();
        }
    }

    fn open_sockets(&self) -> MutexGuard<'_, HashMap<Range, u32>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one open socket of an address until it is dropped.
#[derive(Debug)]
pub struct SocketGuard {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        let mut sockets = self.admission.open_sockets();
        for range in Range::of(self.address) {
            if let Entry::Occupied(mut open) = sockets.entry(range) {
                *open.get_mut() -= 1;
                if *open.get() == 0 {
                    open.remove();
                }
            }
        }
    }
}

/// The rates that apply to one socket: those of its customer and its address, which other sockets
/// share, and one of its own.
#[derive(Debug)]
pub struct SocketRates {
    admission: Arc<Admission>,
    address: IpAddr,
    /// Known from the `welcome` on.
    customer: Option<CustomerId>,
    frames: DefaultDirectRateLimiter,
}

impl SocketRates {
    pub fn new(guard: &SocketGuard) -> Self {
        let limits = &guard.admission.limits;
        let factor = at_least_one(FLOOD);
        let each = at_least_one(limits.messages_per_second).saturating_mul(factor);
        let burst = at_least_one(limits.burst()).saturating_mul(factor);
        Self {
            admission: Arc::clone(&guard.admission),
            address: guard.address,
            customer: None,
            frames: RateLimiter::direct(Quota::per_second(each).allow_burst(burst)),
        }
    }

    /// Sets the customer whose socket this is.
    pub fn belong_to(&mut self, customer: CustomerId) {
        self.customer = Some(customer);
    }

    /// Counts a durable command of this size, or a query that costs the store as much.
    ///
    /// # Errors
    /// If a rate is exceeded: the client resends it later.
    pub fn command(&self, bytes: usize) -> Result<(), TooMany> {
        let Self { admission, address, customer, .. } = self;
        let units = units_of(bytes);
        if let Some(customer) = customer {
            admission.by_customer.commands.check(customer, NonZeroU32::MIN)?;
            admission.by_customer.bytes.check(customer, units)?;
        }
        admission.commands.once(*address)?;
        admission.bytes.check(*address, units)
    }

    /// Counts a page of history.
    ///
    /// # Errors
    /// If a rate is exceeded: the client asks again later.
    pub fn read(&self) -> Result<(), TooMany> {
        if let Some(customer) = self.customer {
            self.admission.read_by(customer)?;
        }
        self.admission.read_from(self.address)
    }

    /// Counts a signal, which is not durable; if this returns `false` it is dropped.
    pub fn signal(&self) -> bool {
        let Self { admission, address, customer, .. } = self;
        let signals = &admission.by_customer.signals;
        customer.is_none_or(|customer| signals.check(&customer, NonZeroU32::MIN).is_ok())
            && admission.signals.once(*address).is_ok()
    }

    /// Counts a frame of any kind; if this returns `false` the socket is closed.
    pub fn frame(&self, bytes: usize) -> bool {
        self.frames.check().is_ok()
            && self.admission.flood.check(self.address, units_of(bytes)).is_ok()
    }
}

/// What an address is counted as: IPv4 as it is, also when mapped into IPv6; of IPv6 its /64.
pub(crate) fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests;
