//! Judges the input of a socket.
//!
//! Invariants: pure except for the clock; nothing is sent from here. A client that breaks the rules
//! gets an error, and finally loses its socket, nothing more.

use std::fmt;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::order::{BEHIND_MS, Behind, Order, SOON_MS};
use super::outbound;
use crate::bridge::custom_to_xmpp::action::{self, Greeting, Request};
use crate::chat::event::CustomerContent;
use crate::chat::ids::{CommandId, ConversationId, CustomerId};
use crate::runtime::admission::{SocketGuard, SocketRates, TooMany};
use crate::wire::{Bye, ClientFrame, ErrorCode, ErrorFrame, Refused, ServerFrame, decode};

/// This many bad frames close the socket.
const BAD_FRAMES: u8 = 10;

/// After this many server pings without any input the client counts as gone.
const MISSED_PINGS: u8 = 2;

/// When a client that was closed for its rate should reconnect, in milliseconds.
const RATE_PAUSE_MS: u32 = 10_000;

/// The close codes of `couplet.v1`.
pub mod close {
    /// A violation of the WebSocket protocol.
    pub const PROTOCOL: u16 = 1002;
    pub const BINARY: u16 = 1003;
    pub const NOT_UTF8: u16 = 1007;
    /// No `hello`, too many bad frames, or a client that does not read.
    pub const POLICY: u16 = 1008;
    /// A frame over its limit.
    pub const TOO_LARGE: u16 = 1009;
    /// A fault of the gateway.
    pub const INTERNAL: u16 = 1011;
    /// The gateway is stopping.
    pub const RESTART: u16 = 1012;
    /// The JWT is invalid.
    pub const IDENTITY: u16 = 4401;
    /// A rate was exceeded.
    pub const RATE: u16 = 4429;
}

/// How the gateway closes a socket.
#[derive(Debug, PartialEq)]
pub struct CloseFrame {
    pub code: u16,
    /// For logs.
    pub reason: &'static str,
    /// A frame to send before.
    pub last: Option<Box<ServerFrame>>,
}

impl CloseFrame {
    /// Closes without another frame.
    pub fn silent(code: u16, reason: &'static str) -> Self {
        Self { code, reason, last: None }
    }

    /// Closes after a frame.
    pub fn after(code: u16, reason: &'static str, last: ServerFrame) -> Self {
        Self { code, reason, last: Some(Box::new(last)) }
    }

    /// Closes after a `bye` with the same reason.
    pub fn bye(code: u16, reason: &'static str, reconnect_after_ms: Option<u32>) -> Self {
        let bye = Bye { reason: reason.to_owned(), reconnect_after_ms };
        Self::after(code, reason, ServerFrame::Bye(bye))
    }
}

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
            Some(..=SOON_MS) => self.order.refused(id, Instant::now()),
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

/// The error for a command beyond its rate.
pub fn too_many(about: Option<String>, early: TooMany) -> ServerFrame {
    ServerFrame::Error(ErrorFrame {
        code: ErrorCode::RateLimited,
        message: early.to_string(),
        about,
        retry_after_ms: Some(early.retry_after_ms),
        reason: None,
    })
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
mod tests {
    use tokio_tungstenite::tungstenite::error::CapacityError;
    use uuid::Uuid;

    use super::*;
    use crate::runtime::admission::{Admission, Limits};

    const FRESH: ConversationId = ConversationId(Uuid::nil());

    fn rules() -> SessionRules {
        let limits = Limits { messages_per_second: 2, message_burst: 4, ..Limits::default() };
        let guard = Admission::new(limits).socket("192.0.2.1".parse().unwrap()).unwrap();
        let mut rules = SessionRules::new(&guard);
        rules.belong_to(CustomerId(Uuid::from_u128(1)));
        rules
    }

    fn code(ended: &Ended) -> u16 {
        match ended {
            Ended::Gone => 0,
            Ended::Closed(close_frame) => close_frame.code,
        }
    }

    fn error(refusal: &Refusal) -> &ErrorFrame {
        match refusal {
            Refusal::Answered(frame) => match &**frame {
                ServerFrame::Error(error) => error,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ends_have_their_codes() {
        let too_long = CapacityError::MessageTooLong { size: 1, max_size: 0 };
        let table: [(Option<Result<Message, Error>>, u16); 7] = [
            (None, 0),
            (Some(Err(Error::Capacity(too_long))), 1009),
            (Some(Err(Error::Utf8(String::new()))), 1007),
            (Some(Err(Error::Protocol(ProtocolError::NonZeroReservedBits))), 1002),
            (Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))), 0),
            (Some(Err(Error::Io(std::io::Error::other("x")))), 0),
            (Some(Ok(Message::binary(vec![1]))), 1003),
        ];
        for (incoming, expected) in table {
            let name = format!("{incoming:?}");
            assert_eq!(code(&rules().heard(incoming).unwrap_err()), expected, "{name}");
        }
        for incoming in [Message::Ping("x".into()), Message::Pong("x".into()), Message::Close(None)]
        {
            assert_eq!(rules().heard(Some(Ok(incoming))), Ok(None));
        }
    }

    #[test]
    fn the_first_frame_is_a_hello() {
        let mut rules = rules();
        assert_eq!(rules.greeting(r#"{"type":"hello"}"#), Ok(Greeting::default()));
        match rules.greeting(r#"{"type":"ping"}"#) {
            Err(Refusal::Final(close_frame)) => assert_eq!(close_frame.code, 1008),
            other => panic!("{other:?}"),
        }
        let half = rules.greeting(r#"{"type":"hello","last_seq":1}"#).unwrap_err();
        assert_eq!(error(&half).code, ErrorCode::BadFrame);
    }

    #[test]
    fn the_tenth_bad_frame_is_the_last() {
        let mut rules = rules();
        assert!(rules.greeting("x").is_err(), "those before the hello count too");
        for _ in 1..9 {
            let refused = rules.request("x", || FRESH).unwrap_err();
            assert_eq!(error(&refused).code, ErrorCode::BadFrame);
            let unknown = rules.request(r#"{"type":"dance"}"#, || FRESH).unwrap_err();
            assert_eq!(error(&unknown).code, ErrorCode::UnknownType, "these do not count");
        }
        match rules.request("x", || FRESH) {
            Err(Refusal::Final(close_frame)) => {
                assert_eq!(close_frame.code, 1008);
                assert!(close_frame.last.is_some(), "the tenth is answered too");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_second_hello_is_a_bad_frame() {
        let refused = rules().request(r#"{"type":"hello"}"#, || FRESH).unwrap_err();
        assert_eq!(error(&refused).code, ErrorCode::BadFrame);
    }

    #[test]
    fn what_comes_too_fast_is_told_when_to_come_again() {
        let mut rules = rules();
        let message = r#"{"type":"message","id":"m1","text":"x"}"#;
        for _ in 0..4 {
            assert!(rules.request(message, || FRESH).is_ok());
        }
        let refused = rules.request(message, || FRESH).unwrap_err();
        assert_eq!(error(&refused).code, ErrorCode::RateLimited);
        assert_eq!(error(&refused).about.as_deref(), Some("m1"));
        assert!(error(&refused).retry_after_ms.is_some_and(|ms| (1..=501).contains(&ms)));
        let refused = rules.request(r#"{"type":"history","id":"h1"}"#, || FRESH).unwrap_err();
        assert_eq!(error(&refused).about.as_deref(), Some("h1"));
        assert!(rules.request(r#"{"type":"ping"}"#, || FRESH).is_ok());
    }

    #[test]
    fn what_follows_a_refusal_waits_for_it() {
        let mut rules = rules();
        let says = |rules: &mut SessionRules, id: &str| {
            let text = format!(r#"{{"type":"message","id":"{id}","text":"x"}}"#);
            match rules.request(&text, || FRESH) {
                Ok(_) => None,
                Err(refusal) => Some(error(&refusal).code),
            }
        };
        let id = |id| CommandId::new(id).unwrap();
        assert_eq!(says(&mut rules, "m1"), None);
        rules.not_now(&id("m1"), Some(250));
        assert_eq!(says(&mut rules, "m2"), Some(ErrorCode::Unavailable));
        assert!(rules.request(r#"{"type":"history","id":"h1"}"#, || FRESH).is_ok());
        assert_eq!(says(&mut rules, "m1"), None);
        assert_eq!(says(&mut rules, "m2"), None);
        // The same if it was refused for its rate, unless the wait is long.
        assert_eq!(says(&mut rules, "m3"), Some(ErrorCode::RateLimited));
        assert_eq!(says(&mut rules, "m4"), Some(ErrorCode::Unavailable));
        assert_eq!(says(&mut rules, "m3"), Some(ErrorCode::RateLimited));
        rules.not_now(&id("m3"), Some(1_800_000));
        assert_eq!(says(&mut rules, "m4"), Some(ErrorCode::RateLimited));
    }

    #[test]
    fn signals_beyond_their_rate_are_dropped() {
        let mut rules = rules();
        let typing = r#"{"type":"typing","on":true}"#;
        let taken = (0..20).filter(|_| rules.request(typing, || FRESH).is_ok()).count();
        assert_eq!(taken, 4);
        assert_eq!(rules.request(typing, || FRESH), Err(Refusal::Dropped));
    }

    #[test]
    fn a_flood_of_any_frames_ends_it() {
        let mut rules = rules();
        let ended = (0..60).find_map(|_| rules.heard(Some(Ok(Message::Ping("".into())))).err());
        let ended = ended.unwrap();
        assert_eq!(code(&ended), 4429);
        assert!(matches!(ended, Ended::Closed(CloseFrame { last: Some(_), .. })));
    }

    #[test]
    fn two_pings_without_input_end_the_socket() {
        let mut rules = rules();
        let word = |rules: &mut SessionRules| rules.heard(Some(Ok(Message::Pong("".into()))));
        assert_eq!(word(&mut rules), Ok(None));
        for _ in 0..5 {
            assert_eq!(rules.silence(), Ok(()));
            assert_eq!(rules.silence(), Ok(()));
            assert_eq!(word(&mut rules), Ok(None));
        }
        assert_eq!(rules.silence(), Ok(()));
        assert_eq!(rules.silence(), Ok(()));
        assert_eq!(rules.silence(), Err(Ended::Gone));
    }
}
