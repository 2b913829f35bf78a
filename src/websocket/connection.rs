//! The life of one socket, from its `hello` to its close.
//!
//! Invariants: one task per socket waits in one place for three things: input, output, and the
//! time. A client that does not read is waited for at most [`WRITE`]; a silent one is pinged every
//! [`PING`]. The futures of rare actions are boxed, so that their memory is held only during the
//! action: nearly all sockets are idle at any time.

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
use tokio_tungstenite::tungstenite::protocol::{self, Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::backend::{Backend, CustomerHandle};
use super::close_frame::{CloseFrame, close};
use super::session_rules::{Ended, Refusal, SessionRules};
use super::{outbound, span};
use crate::bridge::custom_to_xmpp::action::{Greeting, Request};
use crate::chat::effect::{Answer, CustomerNotice};
use crate::chat::event::CustomerContent;
use crate::chat::ids::CommandId;
use crate::runtime::admission::{Limits, SocketGuard};
use crate::runtime::edge::{Outbound, SubmitError, TenantView};
use crate::wire::{FRAME_BYTES, Pong, ServerFrame, encode};

/// Timeout of the first frame.
pub const HELLO: Duration = Duration::from_secs(10);
/// Interval of the server's pings.
pub const PING: Duration = Duration::from_secs(30);
/// Timeout of a write to the client.
pub const WRITE: Duration = Duration::from_secs(10);
/// Timeout of the client's close frame.
pub const LINGER: Duration = Duration::from_secs(2);

/// Bytes read at a time, and held for each socket; longer frames get a larger buffer temporarily.
const READ_BUFFER: usize = 512;
/// Bytes gathered before a write; held only by sockets that had something to write.
const WRITE_BUFFER: usize = 1024;
/// Longer frames are sent in fragments of this size, so that the socket's buffer does not keep the
/// size of a page of history.
const FRAGMENT: usize = 512;
/// Most events that are sent in one flush.
const BATCH: usize = 32;
/// Most bytes that are read and dropped after our close.
const LEFTOVERS: u64 = 4 * 1024 * 1024;
/// Time to retry `history` if the store does not respond.
const HISTORY_RETRY_MS: u32 = 2_000;
/// A command refused for now is to be resent within this time; the frame says when.
const TOLD_MS: u32 = 2_000;
/// Time to reconnect if the gateway stops before the welcome.
const RESTART_MS: u32 = 1_000;

/// What is known of a socket when it opens.
#[derive(Debug)]
pub struct SocketContext {
    pub tenant: Arc<TenantView>,
    /// The client's address.
    pub address: IpAddr,
    /// What the customer may send.
    pub limits: Limits,
    /// Counts the socket against its address.
    pub guard: SocketGuard,
    /// Cancelled when the gateway stops.
    pub stop: CancellationToken,
}

type Socket<S> = WebSocketStream<S>;

/// Serves a socket until its end. `early` is what the client sent together with its request. The
/// context is boxed: it is needed only until the welcome, and the task lives on.
pub async fn serve<S, D>(io: S, early: Vec<u8>, backend: D, context: Box<SocketContext>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    D: Backend,
{
    let mut socket =
        WebSocketStream::from_partially_read(io, early, Role::Server, Some(config())).await;
    let mut rules = SessionRules::new(&context.guard);
    let ended = match Box::pin(greet(&mut socket, &mut rules, backend, context)).await {
        // Boxed, else the task would reserve its size twice: for the result, and for the value
        // taken out of it.
        Ok(mut inside) => talk(&mut socket, &mut rules, &mut inside.0).await,
        Err(ended) => ended,
    };
    if let Ended::Closed(close_frame) = ended {
        Box::pin(close(&mut socket, close_frame)).await;
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
    rules: &mut SessionRules,
    backend: D,
    context: Box<SocketContext>,
) -> Result<Box<(D::End, SocketGuard)>, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Backend,
{
    let greeting = tokio::select! {
        greeting = timeout(HELLO, first(socket, rules)) => greeting
            .unwrap_or_else(|_late| Err(close_frame(close::POLICY, "no hello")))?,
        () = context.stop.cancelled() => {
            let bye = CloseFrame::bye(close::RESTART, "restart", Some(RESTART_MS));
            return Err(Ended::Closed(bye));
        }
    };
    let opening = backend.open(&context.tenant, greeting, Some(context.address));
    match while_there(socket, rules, opening).await? {
        Ok((welcome, end)) => {
            span::record(welcome.session);
            rules.belong_to(welcome.customer);
            let files = context.tenant.files.bytes;
            send_first(socket, outbound::welcome(welcome, &context.limits, files)).await?;
            Ok(Box::new((end, context.guard)))
        }
        Err(why) => Err(Ended::Closed(outbound::not_opened(&why))),
    }
}

/// Waits for a valid `hello`.
async fn first<S>(socket: &mut Socket<S>, rules: &mut SessionRules) -> Result<Greeting, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        if let Some(text) = rules.heard(socket.next().await)? {
            match rules.greeting(&text) {
                Ok(greeting) => return Ok(greeting),
                Err(refusal) => answer(socket, refusal).await?,
            }
        }
    }
}

/// From the welcome to the end.
async fn talk<S, E>(socket: &mut Socket<S>, rules: &mut SessionRules, end: &mut E) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    E: CustomerHandle,
{
    let mut ping = std::pin::pin!(sleep(PING));
    loop {
        while let Some(text) = rules.early() {
            if let Err(ended) = Box::pin(act(socket, rules, end, &text)).await {
                return ended;
            }
        }
        let done = tokio::select! {
            incoming = socket.next() => match rules.heard(incoming) {
                Ok(Some(text)) => Box::pin(act(socket, rules, end, &text)).await,
                Ok(None) => Ok(()),
                Err(ended) => Err(ended),
            },
            outbound = end.next() => Box::pin(tell(socket, rules, end, outbound)).await,
            () = &mut ping => {
                ping.as_mut().reset(Instant::now() + PING);
                match rules.silence() {
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

/// Runs what only this client waits for; it is cancelled if the client leaves. To notice that, one
/// more frame may be read: it is kept, and no other is read meanwhile.
async fn while_there<S, T>(
    socket: &mut Socket<S>,
    rules: &mut SessionRules,
    doing: impl Future<Output = T>,
) -> Result<T, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut doing = std::pin::pin!(doing);
    while !rules.has_early() {
        tokio::select! {
            biased;
            done = &mut doing => return Ok(done),
            incoming = socket.next() => {
                if let Some(text) = rules.heard(incoming)? {
                    rules.keep(text);
                }
            }
        }
    }
    Ok(doing.await)
}

/// Sends a ping.
async fn ask<S>(socket: &mut Socket<S>) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    write(async { socket.send(Message::Ping(Bytes::new())).await }).await
}

/// Handles one frame.
async fn act<S, E>(
    socket: &mut Socket<S>,
    rules: &mut SessionRules,
    end: &mut E,
    text: &str,
) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
    E: CustomerHandle,
{
    match rules.request(text, || end.fresh()) {
        Ok(Request::Submit(content)) => {
            let id = match &content {
                CustomerContent::Command(command) => Some(command.id.clone()),
                CustomerContent::Typing { .. } | CustomerContent::Read { .. } => None,
            };
            match (end.submit(content).await, id) {
                (Err(why), Some(id)) => not_submitted(socket, rules, &id, why).await,
                // Signals are not durable: nobody misses one.
                (Ok(()), _) | (Err(_), None) => Ok(()),
            }
        }
        Ok(Request::Page(page)) => {
            end.page(page);
            Ok(())
        }
        Ok(Request::History { id, conversation, before, limit }) => {
            let reading = end.history(conversation, before, limit);
            let answer = match while_there(socket, rules, reading).await? {
                Ok(found) => outbound::history(&id, found, || end.now()),
                Err(error) => {
                    tracing::warn!(%error, "cannot read history");
                    outbound::unavailable(&id, HISTORY_RETRY_MS)
                }
            };
            send(socket, [answer]).await
        }
        Ok(Request::Ping { n }) => send(socket, [ServerFrame::Pong(Pong { n })]).await,
        Err(refusal) => answer(socket, refusal).await,
    }
}

/// The response to a durable command that was not accepted.
async fn not_submitted<S>(
    socket: &mut Socket<S>,
    rules: &mut SessionRules,
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
    rules.not_now(id, again);
    send(socket, [outbound::not_submitted(id, why)]).await
}

/// Sends an event of the edge, and others that are there by now, in one flush.
async fn tell<S, E>(
    socket: &mut Socket<S>,
    rules: &mut SessionRules,
    end: &mut E,
    outbound: Outbound,
) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
    E: CustomerHandle,
{
    let mut frames = Vec::new();
    note_outcome(rules, &outbound);
    let mut told = outbound::tell(outbound, || end.now(), &mut frames);
    let mut taken = 1;
    while told.is_ok() && taken < BATCH {
        let Some(outbound) = end.next().now_or_never() else { break };
        note_outcome(rules, &outbound);
        told = outbound::tell(outbound, || end.now(), &mut frames);
        taken += 1;
    }
    send(socket, frames).await?;
    told.map_err(Ended::Closed)
}

/// Records the outcome of a command.
fn note_outcome(rules: &mut SessionRules, outbound: &Outbound) {
    match outbound {
        Outbound::Answer(Answer::Ack { id, .. }) => rules.acked(id),
        // A client that sees its own command as an entry does not resend it.
        Outbound::Notice(CustomerNotice::Entry(row)) => {
            row.key.iter().for_each(|key| rules.acked(&key.id));
        }
        // The frame says when to resend: within `TOLD_MS`.
        Outbound::Answer(Answer::Refused { id: Some(id), error }) => {
            rules.not_now(id, error.is_for_now().then_some(TOLD_MS));
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
        Refusal::Final(close_frame) => Err(Ended::Closed(close_frame)),
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
        texts.push(encode(&frame).map_err(|_| close_frame(close::INTERNAL, "internal"))?);
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

/// Sends the first frames directly: the codec would keep a buffer of the longest of them forever,
/// and most clients are sent nothing more. The connection is not closing, because nothing is read
/// meanwhile.
async fn send_first<S>(socket: &mut Socket<S>, frames: Vec<ServerFrame>) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let internal = || close_frame(close::INTERNAL, "internal");
    let mut bytes = Vec::new();
    for frame in frames {
        let text = encode(&frame).map_err(|_| internal())?;
        let frame = Frame::message(text, OpCode::Data(Data::Text), true);
        frame.format(&mut bytes).map_err(|_| internal())?;
    }
    write(async {
        // What the codec has buffered is first.
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

/// Waits for a write, with a timeout: a client that does not read counts as gone.
async fn write(
    writing: impl Future<Output = Result<(), tokio_tungstenite::tungstenite::Error>>,
) -> Result<(), Ended> {
    match timeout(WRITE, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Ended::Gone),
    }
}

/// Closes, and waits a little for the client's close frame: unread data on a dropped connection
/// resets it, and our close frame would be lost.
async fn close<S>(socket: &mut Socket<S>, close_frame: CloseFrame)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if send(socket, close_frame.last.map(|last| *last)).await.is_err() {
        return;
    }
    let frame = protocol::CloseFrame {
        code: CloseCode::from(close_frame.code),
        reason: close_frame.reason.into(),
    };
    if write(async { socket.send(Message::Close(Some(frame))).await }).await.is_err() {
        return;
    }
    let broken = socket.is_terminated();
    let seen = async {
        while let Some(Ok(_)) = socket.next().await {}
        if broken {
            // Frames can no longer be parsed, so the rest is read as bytes.
            let raw = socket.get_mut();
            let _ = raw.shutdown().await;
            let _ = tokio::io::copy(&mut raw.take(LEFTOVERS), &mut tokio::io::sink()).await;
        }
    };
    let _ = timeout(LINGER, seen).await;
}

fn close_frame(code: u16, reason: &'static str) -> Ended {
    Ended::Closed(CloseFrame::silent(code, reason))
}

#[cfg(test)]
mod tests;
