//! A store that already holds millions of entries: does a message cost more, does a start take
//! longer?

use super::Arguments;
use crate::gateway;
use crate::load::drive::Plan;
use crate::report::{Line, Report, say};
use crate::stage::{Stage, Subject};
use crate::world::World;

/// Entries of each closed conversation.
const ENTRIES: u64 = 20;
/// Rows per statement.
const BATCH: u64 = 250_000;

pub(crate) fn run(world: &World, arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    if !arguments.plays("store") {
        return Ok(());
    }
    say(&format!("{}: writing {} entries", world.kind.name(), arguments.entries));
    let mut stage = Stage::start(world, "store", arguments.agents, 1)?;
    let empty = measure(&mut stage, arguments, 0, report)?;
    if let Some(node) = stage.nodes.first_mut() {
        node.stop()?;
    }
    fill(world, &gateway::database(&stage.tag), arguments.entries)?;
    if let Some(node) = stage.nodes.first_mut() {
        let ready = node.start()?.as_secs_f64();
        let line = Line::new("restart", world.kind.name(), "ours, a full store", 0);
        report.put(line.at(arguments.entries).with("ready_s", ready))?;
    }
    stage.drop_all(&empty);
    measure(&mut stage, arguments, arguments.entries, report)?;
    Ok(())
}

/// Measures cost and time of a message; returns the voices that wrote.
fn measure(
    stage: &mut Stage<'_>,
    arguments: &Arguments,
    entries: u64,
    report: &mut Report,
) -> anyhow::Result<Vec<usize>> {
    let (voices, _) = stage.customers(arguments.customers, 100)?;
    stage.once(Subject::Ours, &voices, 50)?;
    for plan in [Plan::Open(1_000), Plan::Closed(arguments.window)] {
        let stretch = stage.drive(Subject::Ours, &voices, plan, (1.0, arguments.seconds()))?;
        let of = if plan == Plan::Open(1_000) { "entries" } else { "entries, saturated" };
        let line = Line::new("growth", stage.world.kind.name(), of, 0).at(entries);
        report.put(line.stretch(&stretch))?;
    }
    Ok(voices)
}

/// Inserts closed conversations of former customers, with positions below everything that follows.
fn fill(world: &World, database: &str, entries: u64) -> anyhow::Result<()> {
    let mut written = 0;
    while written < entries {
        let rows = BATCH.min(entries - written);
        // Existing rows keep their positions; these are inserted behind them, as if they were
        // newer.
        world.sql(&format!(
            "USE {database}; SET @base = (SELECT COALESCE(MAX(pos), 0) FROM log); \
             SET @link = (SELECT MIN(id) FROM links); SET @at = UNIX_TIMESTAMP() * 1000 - 864000000; \
             INSERT INTO log (link, pos, conversation, tenant, customer, seq, at, kind, author, \
             author_jid, author_name, text) \
             SELECT @link, @base + seq, UNHEX(MD5(CONCAT('c', ({written} + seq - 1) DIV {ENTRIES}))), \
             'acme', UNHEX(MD5(CONCAT('k', ({written} + seq - 1) DIV {ENTRIES}))), \
             ({written} + seq - 1) MOD {ENTRIES} + 1, @at, 'message', \
             IF(seq MOD 2, 'customer', 'agent'), IF(seq MOD 2, NULL, 'store-0@localhost'), \
             IF(seq MOD 2, NULL, 'Agent 0'), REPEAT('Do the notebooks lie flat? ', 3) \
             FROM seq_1_to_{rows}; \
             INSERT IGNORE INTO customers (id, tenant, link, localpart, conversations) \
             SELECT DISTINCT customer, 'acme', @link, SUBSTR(MD5(customer), 1, 20), 1 FROM log \
             WHERE link = @link AND pos > @base; \
             INSERT IGNORE INTO conversations (id, link, tenant, customer, queue, state, open, reason, \
             opened_at, waiting_since, priority, active_at, head, delivered, read_upto, confirmed) \
             SELECT DISTINCT conversation, @link, 'acme', customer, 'default', 'closed', 0, \
             'agent', @at, @at, 0, @at, {ENTRIES}, {ENTRIES}, 0, {ENTRIES} FROM log \
             WHERE link = @link AND pos > @base"
        ))?;
        written += rows;
        say(&format!("  {written}"));
    }
    // Marks all of it as delivered to the XMPP server; otherwise the next start would look for
    // undelivered rows.
    world.sql(&format!(
        "USE {database}; UPDATE links SET cursor_pos = (SELECT MAX(pos) FROM log)"
    ))?;
    Ok(())
}
