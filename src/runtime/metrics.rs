//! The Prometheus metrics of this node.
//!
//! Invariant: labels are parts, links and causes, never tenants or customers, so that the number of
//! time series is bounded by the configuration. `docs/operations.md` lists every name and what to
//! do about it.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::chat::ids::LinkDomain;

type Label = [(&'static str, String); 1];
type Counted = Family<Label, Counter>;
type Measured = Family<Label, Gauge<f64, AtomicU64>>;

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    parts: Measured,
    rows_waiting: Measured,
    rows_oldest: Measured,
    stanzas_waiting: Measured,
    barrier_age: Measured,
    commits: Histogram,
    rows: Counter,
    messages: Counted,
    from_customers: Counter,
    from_agents: Counter,
    sockets: Gauge,
    refused: Counted,
    unavailable: Counted,
    granted: Counted,
    lost: Counted,
    redeliveries: Counted,
    bounces: Counted,
    slow: Counter,
    unread: Counter,
}

/// How far a link that this node owns is behind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    pub(super) rows: u64,
    pub(super) oldest: Duration,
    pub(super) stanzas: u64,
    pub(super) barrier: Duration,
}

impl Default for Metrics {
    fn default() -> Self {
        // A commit takes between half a millisecond and the timeout of the store.
        let seconds =
            [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0];
        let messages = Counted::default();
        let said = |direction: &str| {
            messages.get_or_create(&[("direction", direction.to_owned())]).clone()
        };
        let mut metrics = Self {
            registry: Registry::with_prefix("couplet"),
            parts: Family::default(),
            rows_waiting: Family::default(),
            rows_oldest: Family::default(),
            stanzas_waiting: Family::default(),
            barrier_age: Family::default(),
            commits: Histogram::new(seconds),
            rows: Counter::default(),
            from_customers: said("in"),
            from_agents: said("out"),
            messages,
            sockets: Gauge::default(),
            refused: Family::default(),
            unavailable: Family::default(),
            granted: Family::default(),
            lost: Family::default(),
            redeliveries: Family::default(),
            bounces: Family::default(),
            slow: Counter::default(),
            unread: Counter::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let all = &mut self.registry;
        all.register("part_up", "Whether a part does its work", self.parts.clone());
        all.register("rows_waiting", "Rows not yet stored", self.rows_waiting.clone());
        all.register("rows_oldest_seconds", "Age of the oldest of them", self.rows_oldest.clone());
        all.register(
            "stanzas_waiting",
            "Stanzas not yet given to the link",
            self.stanzas_waiting.clone(),
        );
        all.register(
            "barrier_age_seconds",
            "Time for which the XMPP server has not responded to pings",
            self.barrier_age.clone(),
        );
        all.register("commit_seconds", "Time of one commit", self.commits.clone());
        all.register("rows_stored", "Rows stored", self.rows.clone());
        all.register("messages", "Messages stored, in and out", self.messages.clone());
        all.register("sockets_open", "Customers' sockets", self.sockets.clone());
        all.register("sessions_refused", "Hellos refused", self.refused.clone());
        all.register("unavailable", "Commands answered with unavailable", self.unavailable.clone());
        all.register("leases_granted", "Leases acquired by this node", self.granted.clone());
        all.register("leases_lost", "Leases lost by this node", self.lost.clone());
        all.register(
            "redeliveries",
            "Times a conversation was read again for an agent",
            self.redeliveries.clone(),
        );
        all.register("bounces", "Stanzas that the XMPP server returned", self.bounces.clone());
        all.register("slow_sockets", "Sockets closed for not reading", self.slow.clone());
        all.register(
            "peer_messages_unread",
            "Messages of other nodes that this version cannot read",
            self.unread.clone(),
        );
    }

    /// All metrics in the OpenMetrics text format.
    pub(super) fn render(
        &self,
        parts: impl IntoIterator<Item = (String, bool)>,
        loads: impl IntoIterator<Item = (LinkDomain, Load)>,
    ) -> String {
        let measured = [
            &self.parts,
            &self.rows_waiting,
            &self.rows_oldest,
            &self.stanzas_waiting,
            &self.barrier_age,
        ];
        measured.into_iter().for_each(Family::clear);
        for (part, up) in parts {
            self.parts.get_or_create(&[("part", part)]).set(if up { 1.0 } else { 0.0 });
        }
        for (link, load) in loads {
            let put = |family: &Measured, value| {
                family.get_or_create(&of(&link)).set(value);
            };
            put(&self.rows_waiting, load.rows as f64);
            put(&self.rows_oldest, load.oldest.as_secs_f64());
            put(&self.stanzas_waiting, load.stanzas as f64);
            put(&self.barrier_age, load.barrier.as_secs_f64());
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    pub(super) fn committed(&self, rows: usize, took: Duration) {
        self.rows.inc_by(u64::try_from(rows).unwrap_or(u64::MAX));
        self.commits.observe(took.as_secs_f64());
    }

    pub(super) fn messages(&self, from_customers: u64, from_agents: u64) {
        self.from_customers.inc_by(from_customers);
        self.from_agents.inc_by(from_agents);
    }

    pub(super) fn socket_opened(&self) {
        self.sockets.inc();
    }

    pub(super) fn socket_closed(&self) {
        self.sockets.dec();
    }

    pub(super) fn session_refused(&self, cause: &str) {
        self.refused.get_or_create(&because(cause)).inc();
    }

    pub(super) fn unavailable(&self, cause: &str) {
        self.unavailable.get_or_create(&because(cause)).inc();
    }

    pub(super) fn lease_granted(&self, link: &LinkDomain) {
        self.granted.get_or_create(&of(link)).inc();
    }

    pub(super) fn lease_lost(&self, link: &LinkDomain) {
        self.lost.get_or_create(&of(link)).inc();
    }

    pub(super) fn redelivered(&self, link: &LinkDomain) {
        self.redeliveries.get_or_create(&of(link)).inc();
    }

    pub(super) fn bounced(&self, link: &LinkDomain) {
        self.bounces.get_or_create(&of(link)).inc();
    }

    pub(super) fn peer_messages_unread(&self, count: usize) {
        self.unread.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(super) fn slow_socket(&self) {
        self.slow.inc();
    }
}

fn of(link: &LinkDomain) -> Label {
    [("link", link.to_string())]
}

fn because(cause: &str) -> Label {
    [("cause", cause.to_owned())]
}
