//! Whether the server still accepts writes.
//!
//! After a failover the old server continues as a replica. It closes no connection, and it still
//! accepts published messages, which only its own clients receive. So the role of the server is
//! polled.
//!
//! Invariant: connections are given up only when a new one leads to a server that accepts writes;
//! until then the old ones are as good as any.

use std::time::{Duration, Instant};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{RedisResult, Value, cmd};
use tokio_util::sync::CancellationToken;

use super::server::{Server, patient};

const EVERY: Duration = Duration::from_secs(2);

/// Polls the server until `stop`.
pub(super) async fn watch(server: Server, stop: CancellationToken) {
    let mut held: Option<MultiplexedConnection> = None;
    // The connection was lost since the last poll: the next one may lead to another server than
    // those of the pool.
    let mut lost = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
        let begun = now();
        let is_replica = match &mut held {
            Some(connection) => ask(&server, connection).await,
            None => open(&server).await.map(|(connection, is_replica)| {
                held = Some(connection);
                is_replica
            }),
        };
        let Ok(mut is_replica) = is_replica else {
            lost |= held.take().is_some();
            continue;
        };
        let mut turned = std::mem::take(&mut lost);
        if is_replica && let Ok((other, false)) = open(&server).await {
            (held, is_replica, turned) = (Some(other), false, true);
        }
        server.role.note(is_replica, turned.then_some(begun), &server.location);
    }
}

/// A new connection, and whether it leads to a replica.
async fn open(server: &Server) -> Result<(MultiplexedConnection, bool), String> {
    let config = patient();
    let opening = server.client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = server.bounded(opening).await?;
    let is_replica = ask(server, &mut connection).await?;
    Ok((connection, is_replica))
}

/// Whether the server is a replica. One that does not report a role counts as primary.
async fn ask(server: &Server, connection: &mut MultiplexedConnection) -> Result<bool, String> {
    let asking = async {
        let told: RedisResult<Vec<Value>> = cmd("ROLE").query_async(connection).await;
        match told {
            Ok(told) => Ok(matches!(told.first(), Some(role) if is_replica(role))),
            Err(error) if error.is_io_error() => Err(error),
            // It does not know the command, or this user may not run it.
            Err(_) => Ok(false),
        }
    };
    server.bounded(asking).await
}

fn is_replica(role: &Value) -> bool {
    match role {
        Value::BulkString(role) => matches!(role.as_slice(), b"slave" | b"replica"),
        Value::SimpleString(role) => matches!(role.as_str(), "slave" | "replica"),
        _ => false,
    }
}

/// The clock by which the pool records when its connections were opened.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
