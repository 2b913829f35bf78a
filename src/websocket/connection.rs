//! The life of one socket, from its `hello` to its close.
//!
//! Invariants: one task a socket, which waits in one place for three things: what comes in, what
//! goes out, and the time. A client that does not read is waited for [`WRITE`] long and no longer;
//! one that says nothing is asked every [`PING`]. What it takes to do something is boxed, so that it
//! is held only while it is done: nearly all sockets are idle at any time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::FutureExt as _;
use futures_util::stream::FusedStream as _;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::door::{CustomerEnd, Door};
use super::manners::{Ended, Farewell, Manners, Refusal, close};
use super::outbound;
use crate::bridge::custom_to_xmpp::action::{Greeting, Request};
use crate::chat::ids::CommandId;
use crate::runtime::admission::{Limits, SocketGuard};
use crate::runtime::edge::{Opening, Outbound, SubmitError, TenantView};
use crate::wire::{FRAME_BYTES, Pong, ServerFrame, encode};

/// The first frame comes within this.
pub const HELLO: Duration = Duration::from_secs(10);
/// The server pings this often.
pub const PING: Duration = Duration::from_secs(30);
/// A client takes what it is sent within this.
pub const WRITE: Duration = Duration::from_secs(10);
/// A client has this long to return a close.
pub const LINGER: Duration = Duration::from_secs(2);

/// Read at a time, and held for each socket; longer frames get room while they come.
const READ_BUFFER: usize = 512;
/// Gathered before it is written; held only by sockets that had something to write.
const WRITE_BUFFER: usize = 1024;
/// What is longer goes out in pieces of this size, so that a page of history, sent once, does not
/// stay in the socket's buffer for good.
const FRAGMENT: usize = 512;
/// At most so much of what the edge has goes out in one flush.
const BATCH: usize = 32;
/// What still comes after our close is read and forgotten, up to this.
const LEFTOVERS: u64 = 4 * 1024 * 1024;
/// A store that does not answer is worth another try after so long.
const HISTORY_RETRY_MS: u32 = 2_000;
/// Whoever is refused for now is told to come again within so long; the frame says when.
const TOLD_MS: u32 = 2_000;
/// Whoever meets a stop before the welcome comes back after so long.
const RESTART_MS: u32 = 1_000;

/// Who comes in.
#[derive(Debug)]
pub struct Visit {
    /// To whom.
    pub tenant: Arc<TenantView>,
    /// From where.
    pub address: IpAddr,
    /// What he may do.
    pub limits: Limits,
    /// His place among the sockets of his address.
    pub guard: SocketGuard,
    /// The gateway stops.
    pub stop: CancellationToken,
}

type Socket<S> = WebSocketStream<S>;

/// Carries a socket to its end. `early` is what the client sent together with its request. The visit
/// comes in a box: it is over with the welcome, and the task lives on.
pub async fn serve<S, D>(io: S, early: Vec<u8>, door: D, visit: Box<Visit>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    D: Door,
{
    let mut socket =
        WebSocketStream::from_partially_read(io, early, Role::Server, Some(config())).await;
    let mut manners = Manners::new(&visit.guard);
    let ended = match Box::pin(greet(&mut socket, &mut manners, door, visit)).await {
        // In a box, else the task would have room for it twice: as an outcome, and taken out of it.
        Ok(mut inside) => talk(&mut socket, &mut manners, &mut inside.0).await,
        Err(ended) => ended,
    };
    if let Ended::Farewell(farewell) = ended {
        Box::pin(part(&mut socket, farewell)).await;
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(FRAME_BYTES)
        .max_message_size(Some(FRAME_BYTES))
        .max_frame_size(Some(FRAME_BYTES))
}

/// From the first byte to the welcome.
async fn greet<S, D>(
    socket: &mut Socket<S>,
    manners: &mut Manners,
    door: D,
    visit: Box<Visit>,
) -> Result<Box<(D::End, SocketGuard)>, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Door,
{
    let greeting = tokio::select! {
        greeting = timeout(HELLO, first(socket, manners)) => greeting
            .unwrap_or_else(|_late| Err(farewell(close::POLICY, "no hello")))?,
        () = visit.stop.cancelled() => {
            let bye = Farewell::bye(close::RESTART, "restart", Some(RESTART_MS));
            return Err(Ended::Farewell(bye));
        }
    };
    let opening = Opening {
        token: greeting.token,
        identity: greeting.identity,
        resume: greeting.resume,
        page: greeting.page,
        address: Some(visit.address),
    };
    match while_there(socket, manners, door.open(&visit.tenant, opening)).await? {
        Ok((welcome, end)) => {
            manners.belong_to(welcome.customer);
            let files = visit.tenant.files.bytes;
            send_first(socket, outbound::welcome(welcome, &visit.limits, files)).await?;
            Ok(Box::new((end, visit.guard)))
        }
        Err(why) => Err(Ended::Farewell(outbound::not_opened(&why))),
    }
}

/// Waits for a good `hello`.
async fn first<S>(socket: &mut Socket<S>, manners: &mut Manners) -> Result<Greeting, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        if let Some(text) = manners.heard(socket.next().await)? {
            match manners.greeting(&text) {
                Ok(greeting) => return Ok(greeting),
                Err(refusal) => answer(socket, refusal).await?,
            }
        }
    }
}

/// From the welcome to the end.
async fn talk<S, E>(socket: &mut Socket<S>, manners: &mut Manners, end: &mut E) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    E: CustomerEnd,
{
    let mut ping = std::pin::pin!(sleep(PING));
    loop {
        while let Some(text) = manners.early() {
            if let Err(ended) = Box::pin(act(socket, manners, end, &text)).await {
                return ended;
            }
        }
        let done = tokio::select! {
            incoming = socket.next() => match manners.heard(incoming) {
                Ok(Some(text)) => Box::pin(act(socket, manners, end, &text)).await,
                Ok(None) => Ok(()),
                Err(ended) => Err(ended),
            },
            outbound = end.next() => Box::pin(tell(socket, manners, end, outbound)).await,
            () = &mut ping => {
                ping.as_mut().reset(Instant::now() + PING);
                match manners.silence() {
                    Ok(()) => Box::pin(ask(socket)).await,
                    Err(ended) => Err(ended),
                }
            }
        };
        if let Err(ended) = done {
            return ended;
        }
    }
}

/// Does what only this client waits for; where it goes meanwhile, nobody does, and it is given up. So
/// one frame may be read before its time: it is kept, and no other is read then.
async fn while_there<S, T>(
    socket: &mut Socket<S>,
    manners: &mut Manners,
    doing: impl Future<Output = T>,
) -> Result<T, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut doing = std::pin::pin!(doing);
    while !manners.has_early() {
        tokio::select! {
            biased;
            done = &mut doing => return Ok(done),
            incoming = socket.next() => {
                if let Some(text) = manners.heard(incoming)? {
                    manners.keep(text);
                }
            }
        }
    }
    Ok(doing.await)
}

/// Asks whether anyone is there.
async fn ask<S>(socket: &mut Socket<S>) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    write(async { socket.send(Message::Ping(Bytes::new())).await }).await
}

/// Does what one frame asks for.
async fn act<S, E>(
    socket: &mut Socket<S>,
    manners: &mut Manners,
    end: &mut E,
    text: &str,
) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
    E: CustomerEnd,
{
    match manners.request(text, || end.fresh()) {
        Ok(Request::Act(action)) => {
            let id = action.id().cloned();
            match (end.submit(action).await, id) {
                (Err(why), Some(id)) => not_submitted(socket, manners, &id, why).await,
                // What is not durable is not missed.
                (Ok(()), _) | (Err(_), None) => Ok(()),
            }
        }
        Ok(Request::Share(share)) => {
            let id = share.id.clone();
            match end.share(share).await {
                Err(why) => not_submitted(socket, manners, &id, why).await,
                Ok(()) => Ok(()),
            }
        }
        Ok(Request::Page(page)) => {
            end.page(page);
            Ok(())
        }
        Ok(Request::History { id, conversation, before, limit }) => {
            let reading = end.history(conversation, before, limit);
            let answer = match while_there(socket, manners, reading).await? {
                Ok(found) => outbound::history(&id, found, || end.now()),
                Err(error) => {
                    tracing::warn!(%error, "history cannot be read");
                    outbound::unavailable(&id, HISTORY_RETRY_MS)
                }
            };
            send(socket, [answer]).await
        }
        Ok(Request::Ping { n }) => send(socket, [ServerFrame::Pong(Pong { n })]).await,
        Err(refusal) => answer(socket, refusal).await,
    }
}

/// Answers a durable command that was not taken.
async fn not_submitted<S>(
    socket: &mut Socket<S>,
    manners: &mut Manners,
    id: &CommandId,
    why: SubmitError,
) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let again = match why {
        SubmitError::NoSuchFile => None,
        SubmitError::Unavailable { retry_after_ms }
        | SubmitError::RateLimited { retry_after_ms } => Some(retry_after_ms),
    };
    manners.not_now(id, again);
    send(socket, [outbound::not_submitted(id, why)]).await
}

/// Sends what the edge has, and what else it has by now, in one flush.
async fn tell<S, E>(
    socket: &mut Socket<S>,
    manners: &mut Manners,
    end: &mut E,
    outbound: Outbound,
) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
    E: CustomerEnd,
{
    let mut frames = Vec::new();
    settle(manners, &outbound);
    let mut told = outbound::tell(outbound, || end.now(), &mut frames);
    let mut taken = 1;
    while told.is_ok() && taken < BATCH {
        let Some(outbound) = end.next().now_or_never() else { break };
        settle(manners, &outbound);
        told = outbound::tell(outbound, || end.now(), &mut frames);
        taken += 1;
    }
    send(socket, frames).await?;
    told.map_err(Ended::Farewell)
}

/// Takes note of what became of a command.
fn settle(manners: &mut Manners, outbound: &Outbound) {
    match outbound {
        Outbound::Ack { id, .. } => manners.acked(id),
        // When, is said in the frame: within so long.
        Outbound::Refused { id: Some(id), error } => {
            manners.not_now(id, error.is_for_now().then_some(TOLD_MS));
        }
        _ => {}
    }
}

async fn answer<S>(socket: &mut Socket<S>, refusal: Refusal) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match refusal {
        Refusal::Dropped => Ok(()),
        Refusal::Answered(frame) => send(socket, [*frame]).await,
        Refusal::Final(farewell) => Err(Ended::Farewell(farewell)),
    }
}

/// Sends frames in one flush.
async fn send<S>(
    socket: &mut Socket<S>,
    frames: impl IntoIterator<Item = ServerFrame>,
) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut texts = Vec::new();
    for frame in frames {
        texts.push(encode(&frame).map_err(|_| farewell(close::INTERNAL, "internal"))?);
    }
    write(async {
        for text in texts {
            if text.len() <= FRAGMENT {
                socket.feed(Message::text(text)).await?;
            } else {
                feed_in_pieces(socket, text.into()).await?;
            }
        }
        socket.flush().await
    })
    .await
}

/// Sends the first frames, past the codec: it would keep room for the longest of them for good, and
/// most clients are sent nothing more. Nobody has closed yet, for nothing is read meanwhile.
async fn send_first<S>(socket: &mut Socket<S>, frames: Vec<ServerFrame>) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let internal = || farewell(close::INTERNAL, "internal");
    let mut bytes = Vec::new();
    for frame in frames {
        let text = encode(&frame).map_err(|_| internal())?;
        let frame = Frame::message(text, OpCode::Data(Data::Text), true);
        frame.format(&mut bytes).map_err(|_| internal())?;
    }
    write(async {
        // What the codec still has comes before.
        socket.flush().await?;
        Ok(socket.get_mut().write_all(&bytes).await?)
    })
    .await
}

async fn feed_in_pieces<S>(
    socket: &mut Socket<S>,
    mut text: Bytes,
) -> Result<(), tokio_tungstenite::tungstenite::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut kind = Data::Text;
    while !text.is_empty() {
        let piece = text.split_to(FRAGMENT.min(text.len()));
        let frame = Frame::message(piece, OpCode::Data(kind), text.is_empty());
        socket.feed(Message::Frame(frame)).await?;
        kind = Data::Continue;
    }
    Ok(())
}

/// Waits for a write, but not for ever: who does not read is not there.
async fn write(
    writing: impl Future<Output = Result<(), tokio_tungstenite::tungstenite::Error>>,
) -> Result<(), Ended> {
    match timeout(WRITE, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Ended::Gone),
    }
}

/// Closes, and waits a little for the client to have seen it: what is still unread when a
/// connection is dropped would take the close with it.
async fn part<S>(socket: &mut Socket<S>, farewell: Farewell)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if send(socket, farewell.last.map(|last| *last)).await.is_err() {
        return;
    }
    let frame = CloseFrame { code: CloseCode::from(farewell.code), reason: farewell.reason.into() };
    if write(async { socket.send(Message::Close(Some(frame))).await }).await.is_err() {
        return;
    }
    let broken = socket.is_terminated();
    let seen = async {
        while let Some(Ok(_)) = socket.next().await {}
        if broken {
            // Frames cannot be told apart any more, so the rest is taken as bytes.
            let raw = socket.get_mut();
            let _ = raw.shutdown().await;
            let _ = tokio::io::copy(&mut raw.take(LEFTOVERS), &mut tokio::io::sink()).await;
        }
    };
    let _ = timeout(LINGER, seen).await;
}

fn farewell(code: u16, reason: &'static str) -> Ended {
    Ended::Farewell(Farewell::silent(code, reason))
}

#[cfg(test)]
mod tests;
