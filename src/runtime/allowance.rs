//! A rate limiter keyed by customer or by address, with bounded memory.
//!
//! Invariants: at most [`KEYS`] keys are tracked at a time. A key that is tracked keeps its own
//! allowance. When the table is full, keys whose allowance is full again are dropped; if that is
//! not enough, new addresses share one allowance with their network. A customer with IPv6 has a
//! /64, and may have a /56 or a /48: those are counted as well, with [`WIDE`] and [`SITE`] times
//! the allowance, so that a whole /48 counts as at most [`SITE`] addresses.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

/// The most customers, or networks, that one limiter tracks at a time.
pub(super) const KEYS: usize = 100_000;

/// How many times the allowance of a /64 a /56 has.
pub(super) const WIDE: u32 = 4;
/// The same for a /48, and for those who share an allowance because the table is full.
pub(super) const SITE: u32 = 16;

/// A full table is searched for idle keys at most this often.
const LOOK_THROUGH: Duration = Duration::from_millis(250);

/// The rate is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many, too fast")]
pub struct TooMany {
    pub retry_after_ms: u32,
}

impl TooMany {
    /// Rounds up, so that a client that waits this long is accepted.
    pub(super) fn after(wait: Duration) -> Self {
        let wait = wait.as_millis().saturating_add(1);
        Self { retry_after_ms: u32::try_from(wait).unwrap_or(u32::MAX) }
    }
}

/// Rates by key.
#[derive(Debug)]
pub(super) struct Allowance<K: Hash + Eq + Clone> {
    rates: RateLimiter<K, Known<K>, DefaultClock>,
    known: Known<K>,
    looked_through: Mutex<Option<Instant>>,
}

impl<K: Hash + Eq + Clone> Allowance<K> {
    pub(super) fn new(quota: Quota) -> Self {
        let known = Known(Arc::default());
        let rates = RateLimiter::new(quota, known.clone(), DefaultClock::default());
        Self { rates, known, looked_through: Mutex::default() }
    }

    /// Counts `cost` for a key; a key that the table has no room for is not limited.
    ///
    /// # Errors
    /// If that is more than the key has left.
    pub(super) fn check(&self, key: &K, cost: NonZeroU32) -> Result<(), TooMany> {
        if self.has_room_for(key) { self.count(key, cost) } else { Ok(()) }
    }

    fn count(&self, key: &K, cost: NonZeroU32) -> Result<(), TooMany> {
        match self.rates.check_key_n(key, cost) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(early)) => {
                Err(TooMany::after(early.wait_time_from(DefaultClock::default().now())))
            }
            // A single cost larger than the whole allowance: the settings do not allow that.
            Err(_) => Err(TooMany::after(Duration::from_secs(60))),
        }
    }

    /// Whether a key is tracked, or can be.
    fn has_room_for(&self, key: &K) -> bool {
        let known = self.known.lock();
        if known.len() < KEYS || known.contains_key(key) {
            return true;
        }
        drop(known);
        let now = Instant::now();
        let mut at = self.looked_through.lock().unwrap_or_else(PoisonError::into_inner);
        if at.is_none_or(|at| at + LOOK_THROUGH <= now) {
            *at = Some(now);
            self.rates.retain_recent();
        }
        self.known.lock().len() < KEYS
    }

    /// Drops keys whose allowance is full again.
    pub(super) fn sweep(&self) {
        self.rates.retain_recent();
        self.rates.shrink_to_fit();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.rates.len()
    }
}

/// The limiter's state by key. The default store of governor cannot be asked whether it has a key.
#[derive(Debug)]
struct Known<K>(Arc<Mutex<HashMap<K, Nanos>>>);

impl<K> Known<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Nanos>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Clone for Known<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Hash + Eq + Clone> StateStore for Known<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut known = self.lock();
        if let Some(state) = known.get_mut(key) {
            let (told, next) = measure(Some(*state))?;
            *state = next;
            return Ok(told);
        }
        let (told, next) = measure(None)?;
        known.insert(key.clone(), next);
        Ok(told)
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Known<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.lock().retain(|_, state| *state > drop_below);
    }

    fn shrink_to_fit(&self) {
        self.lock().shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.lock().len()
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

/// Rates by address.
#[derive(Debug)]
pub(super) struct ByAddress {
    ranges: Allowance<Range>,
    /// Shared by addresses that the table has no room for.
    neighbours: Allowance<Range>,
}

impl ByAddress {
    /// `quota` is that of one address.
    pub(super) fn new(quota: Quota) -> Self {
        // A limiter has one quota: it is that of a /48, and narrower ranges pay more for each use.
        let burst = quota.burst_size().saturating_mul(times(SITE));
        let interval = quota.replenish_interval() / SITE;
        let quota = Quota::with_period(interval).unwrap_or(quota).allow_burst(burst);
        Self { ranges: Allowance::new(quota), neighbours: Allowance::new(quota) }
    }

    /// Counts something once.
    ///
    /// # Errors
    /// If the address, or a network around it, has exceeded its rate.
    pub(super) fn once(&self, address: IpAddr) -> Result<(), TooMany> {
        self.check(address, NonZeroU32::MIN)
    }

    /// Counts `cost` for an address and the networks around it.
    ///
    /// # Errors
    /// If the address, or a network around it, has exceeded its rate.
    pub(super) fn check(&self, address: IpAddr, cost: NonZeroU32) -> Result<(), TooMany> {
        for range in Range::of(address) {
            if !self.ranges.has_room_for(&range) {
                return self.neighbours.check(&Range::around(address), cost);
            }
            self.ranges.count(&range, cost.saturating_mul(times(SITE / range.times())))?;
        }
        Ok(())
    }

    pub(super) fn sweep(&self) {
        self.ranges.sweep();
        self.neighbours.sweep();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.ranges.len() + self.neighbours.len()
    }
}

fn times(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// A network: the addresses that share their first `length` bits, in IPv6 or IPv4 mapped into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Range {
    bits: u128,
    length: u8,
}

impl Range {
    /// The ranges that an address is counted in, the narrowest first, so that an address that is
    /// refused there costs its neighbours nothing. IPv4 counts alone, also when mapped into IPv6.
    pub(super) fn of(address: IpAddr) -> impl Iterator<Item = Self> {
        let (bits, lengths): (u128, &[u8]) = match address.to_canonical() {
            IpAddr::V4(address) => (address.to_ipv6_mapped().to_bits(), &[128]),
            IpAddr::V6(address) => (address.to_bits(), &[64, 56, 48]),
        };
        lengths.iter().map(move |length| Self::new(bits, *length))
    }

    /// The network that shares an allowance when the table is full: the /32 of IPv6, the /16 of
    /// IPv4.
    fn around(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::new(address.to_ipv6_mapped().to_bits(), 96 + 16),
            IpAddr::V6(address) => Self::new(address.to_bits(), 32),
        }
    }

    fn new(bits: u128, length: u8) -> Self {
        let shift = 128_u32.saturating_sub(length.into());
        let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
        Self { bits: bits & mask, length }
    }

    /// The range's allowance, as a multiple of one address's.
    pub(super) fn times(self) -> u32 {
        match self.length {
            56 => WIDE,
            48 => SITE,
            _ => 1,
        }
    }

    #[cfg(test)]
    fn holds(self, address: IpAddr) -> bool {
        Self::of(address).any(|range| range == self)
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv6Addr::from_bits(self.bits), self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn of_v6(bits: u128) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from_bits(bits))
    }

    fn per_hour(number: u32) -> Quota {
        Quota::per_hour(NonZeroU32::new(number).unwrap())
    }

    #[test]
    fn an_address_is_counted_as_what_one_customer_has() {
        let narrowest = |text| Range::of(address(text)).next().unwrap();
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
            assert_eq!(narrowest(one), narrowest(other), "{one} {other}");
        }
        for (one, other) in different {
            assert_ne!(narrowest(one), narrowest(other), "{one} {other}");
        }
        assert!(narrowest("2001:db8::1").holds(address("2001:db8::2")));
        let text: Vec<_> =
            Range::of(address("2001:db8:1:2ff::1")).map(|range| range.to_string()).collect();
        assert_eq!(text, ["2001:db8:1:2ff::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"]);
    }

    #[test]
    fn a_site_has_a_few_addresses_allowance_and_not_65_536() {
        let rates = ByAddress::new(per_hour(5));
        let site = 0x2001_0db8_0001_u128 << 80;
        let taken = |number: u128, tries: u128| {
            // Each try comes from another /64.
            (0..tries)
                .filter(|n| rates.once(of_v6(site | ((number * 256 + n) << 64))).is_ok())
                .count()
        };
        assert_eq!(taken(0, 200), 5 * WIDE as usize, "a /56");
        let rest: usize = (1..200).map(|number| taken(number, 30)).sum();
        assert_eq!(rest, 5 * (SITE - WIDE) as usize, "the whole /48");
        let next_door = of_v6(0x2001_0db8_0002_u128 << 80);
        assert_eq!((0..9).filter(|_| rates.once(next_door).is_ok()).count(), 5, "another site");
        let office = address("192.0.2.1");
        assert_eq!((0..9).filter(|_| rates.once(office).is_ok()).count(), 5, "IPv4");
    }

    #[test]
    fn a_refused_address_costs_its_neighbours_nothing() {
        let rates = ByAddress::new(per_hour(2));
        for _ in 0..1_000 {
            let _ = rates.once(address("2001:db8::1"));
        }
        assert!(rates.once(address("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn a_hostile_network_locks_nobody_out() {
        let rates = ByAddress::new(per_hour(5));
        let (known, new) = (address("192.0.2.1"), address("198.51.100.1"));
        assert!(rates.once(known).is_ok());
        // A /32 has 65,536 sites: each try comes from another one.
        let hostile = 0x2001_0db8_u128 << 96;
        for number in 0..u128::try_from(KEYS).unwrap() {
            let _ = rates.once(of_v6(hostile | (number << 64)));
        }
        for number in 0..65_536 {
            let _ = rates.once(of_v6(hostile | (number << 80)));
        }
        assert!(rates.len() <= 2 * KEYS, "memory is bounded: {}", rates.len());
        let refused = (0..1_000_u128).filter(|n| rates.once(of_v6(hostile | (n << 72))).is_err());
        assert!(refused.count() > 900, "they have used up what they share");
        assert_eq!(
            (0..9).filter(|_| rates.once(known).is_ok()).count(),
            4,
            "known ones keep theirs"
        );
        assert!((0..9).all(|_| rates.once(new).is_ok()), "others share one with their own network");
        assert!(rates.once(address("2001:db9::1")).is_ok());
    }

    #[test]
    fn the_idle_make_room() {
        let rates = Allowance::new(Quota::per_second(NonZeroU32::new(1_000).unwrap()));
        for number in 0..KEYS {
            rates.check(&number, NonZeroU32::MIN).unwrap();
        }
        std::thread::sleep(Duration::from_millis(300)); // longer than LOOK_THROUGH
        assert!(rates.has_room_for(&KEYS));
        assert!(rates.len() < KEYS);
    }
}
