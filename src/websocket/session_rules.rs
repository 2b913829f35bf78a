//! Judges the input of a socket.
//!
//! Invariants: pure except for the clock; nothing is sent from here. A client that breaks the rules
//! gets an error, and finally loses its socket, nothing more.

use std::fmt;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::close_frame::{CloseFrame, close};
use super::order::{BEHIND_MS, Behind, Order, SOON_MS};
use super::outbound::{self, too_many};
use crate::bridge::custom_to_xmpp::action::{self, Greeting, Request};
use crate::chat::event::CustomerContent;
use crate::chat::ids::{CommandId, ConversationId, CustomerId};
use crate::runtime::admission::{SocketGuard, SocketRates, TooMany};
use crate::wire::{ClientFrame, ErrorCode, ErrorFrame, Refused, ServerFrame, decode};

/// This many bad frames close the socket.
const BAD_FRAMES: u8 = 10;

/// After this many server pings without any input the client counts as gone.
const MISSED_PINGS: u8 = 2;

/// When a client that was closed for its rate should reconnect, in milliseconds.
const RATE_PAUSE_MS: u32 = 10_000;

#[derive(Debug, PartialEq)]
pub enum Ended {
    /// The client is gone.
    Gone,
    /// Closed by the gateway.
    Closed(CloseFrame),
}

/// Why a frame is not processed.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// Dropped: a signal beyond its rate.
    Dropped,
    /// The client gets this error.
    Answered(Box<ServerFrame>),
    /// The socket is closed.
    Final(CloseFrame),
}

pub struct SessionRules {
    rates: SocketRates,
    order: Order,
    /// A frame that arrived during an action.
    early: Option<Utf8Bytes>,
    bad: u8,
    missed: u8,
    heard: bool,
}

impl fmt::Debug for SessionRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRules")
            .field("bad", &self.bad)
            .field("missed", &self.missed)
            .finish()
    }
}

impl SessionRules {
    pub fn new(guard: &SocketGuard) -> Self {
        Self {
            rates: SocketRates::new(guard),
            order: Order::default(),
            early: None,
            bad: 0,
            missed: 0,
            heard: false,
        }
    }

    /// Sets the customer, who is known from the welcome on.
    pub fn belong_to(&mut self, customer: CustomerId) {
        self.rates.belong_to(customer);
    }

    /// Keeps a frame that arrived during an action.
    pub fn keep(&mut self, early: Utf8Bytes) {
        self.early = Some(early);
    }

    /// Whether a frame was kept; no other is read before it is processed.
    pub fn has_early(&self) -> bool {
        self.early.is_some()
    }

    /// Takes the frame that was kept.
    pub fn early(&mut self) -> Option<Utf8Bytes> {
        self.early.take()
    }

    /// Judges what was received; returns a text frame to process, if it is one.
    ///
    /// # Errors
    /// If the socket is at its end.
    pub fn heard(
        &mut self,
        incoming: Option<Result<Message, Error>>,
    ) -> Result<Option<Utf8Bytes>, Ended> {
        let message = match incoming {
            None => return Err(Ended::Gone),
            Some(Err(error)) => return Err(broken(&error)),
            Some(Ok(message)) => message,
        };
        (self.heard, self.missed) = (true, 0);
        if !self.rates.frame(message.len()) {
            let flood = CloseFrame::bye(close::RATE, "rate", Some(RATE_PAUSE_MS));
            return Err(Ended::Closed(flood));
        }
        match message {
            Message::Text(text) => Ok(Some(text)),
            Message::Binary(_) => {
                Err(Ended::Closed(CloseFrame::silent(close::BINARY, "text frames only")))
            }
            // Pings and closes are answered by the library.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(None),
        }
    }

    /// Counts an interval without input. Called for each ping of the server.
    ///
    /// # Errors
    /// If the client counts as gone.
    pub fn silence(&mut self) -> Result<(), Ended> {
        if !std::mem::take(&mut self.heard) {
            self.missed += 1;
        }
        if self.missed >= MISSED_PINGS { Err(Ended::Gone) } else { Ok(()) }
    }

    /// Decodes the first frame.
    ///
    /// # Errors
    /// If it is not a valid `hello`.
    pub fn greeting(&mut self, text: &str) -> Result<Greeting, Refusal> {
        match decode(text) {
            Ok(ClientFrame::Hello(hello)) => {
                action::greeting(hello).map_err(|refused| self.refuse(refused))
            }
            Ok(_) => Err(Refusal::Final(CloseFrame::silent(close::POLICY, "hello comes first"))),
            Err(refused) => Err(self.refuse(refused)),
        }
    }

    /// Decodes any further frame.
    ///
    /// # Errors
    /// If it is not to be processed.
    pub fn request(
        &mut self,
        text: &str,
        fresh: impl FnOnce() -> ConversationId,
    ) -> Result<Request, Refusal> {
        let request = decode(text)
            .and_then(|frame| action::request(frame, fresh))
            .map_err(|refused| self.refuse(refused))?;
        match &request {
            Request::Submit(CustomerContent::Command(command)) => {
                self.command(&command.id, text.len())?;
            }
            Request::Submit(_) | Request::Page(_) => self.signal()?,
            Request::History { id, .. } => {
                let early = self.rates.command(text.len()).and_then(|()| self.rates.read());
                early.map_err(|early| refused_for_now(id, early))?;
            }
            Request::Ping { .. } => {}
        }
        Ok(request)
    }

    /// Checks a durable command's order and rate.
    fn command(&mut self, id: &CommandId, bytes: usize) -> Result<(), Refusal> {
        self.order
            .came(id, Instant::now())
            .map_err(|Behind| Refusal::Answered(Box::new(outbound::unavailable(id, BEHIND_MS))))?;
        self.rates.command(bytes).map_err(|early| {
            self.not_now(id, Some(early.retry_after_ms));
            refused_for_now(id, early)
        })
    }

    fn signal(&self) -> Result<(), Refusal> {
        if self.rates.signal() { Ok(()) } else { Err(Refusal::Dropped) }
    }

    /// A command was refused, to be resent after this time; `None`: never.
    pub fn not_now(&mut self, id: &CommandId, retry_after_ms: Option<u32>) {
        match retry_after_ms {
            Some(after @ ..=SOON_MS) => self.order.refused(id, Instant::now(), after),
            // No other command waits for one that takes an hour.
            Some(_) | None => self.order.done(id),
        }
    }

    pub fn acked(&mut self, id: &CommandId) {
        self.order.done(id);
    }

    fn refuse(&mut self, refused: Refused) -> Refusal {
        if refused.code == ErrorCode::BadFrame {
            self.bad += 1;
        }
        let answer = ServerFrame::Error(ErrorFrame {
            code: refused.code,
            message: refused.message,
            about: refused.id,
            retry_after_ms: None,
            reason: None,
        });
        if self.bad >= BAD_FRAMES {
            return Refusal::Final(CloseFrame::after(close::POLICY, "too many bad frames", answer));
        }
        Refusal::Answered(Box::new(answer))
    }
}

fn refused_for_now(id: &CommandId, early: TooMany) -> Refusal {
    Refusal::Answered(Box::new(too_many(Some(id.to_string()), early)))
}

fn broken(error: &Error) -> Ended {
    let (code, reason) = match error {
        Error::Capacity(_) => (close::TOO_LARGE, "a frame has at most 64 KiB"),
        Error::Utf8(_) => (close::NOT_UTF8, "not UTF-8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return Ended::Gone,
        Error::Protocol(_) => (close::PROTOCOL, "not a valid WebSocket frame (RFC 6455)"),
        _ => return Ended::Gone,
    };
    Ended::Closed(CloseFrame::silent(code, reason))
}

#[cfg(test)]
mod tests;
