//! What a socket's client does, judged.
//!
//! Invariants: pure but for the clock; no byte is sent from here. What a client does wrong
//! costs it an answer, and at last its socket; it never costs more than that.

use std::fmt;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::order::{BEHIND_MS, Behind, Order, SOON_MS};
use super::outbound;
use crate::bridge::custom_to_xmpp::action::{self, Greeting, Request};
use crate::chat::ids::{CommandId, ConversationId, CustomerId};
use crate::runtime::admission::{SocketGuard, SocketRates, TooMany};
use crate::wire::{Bye, ClientFrame, ErrorCode, ErrorFrame, Refused, ServerFrame, decode};

/// This many bad frames close the socket.
const BAD_FRAMES: u8 = 10;

/// So many server pings without a sign of life, and nobody is there.
const MISSED_PINGS: u8 = 2;

/// A client that was closed for its rate does well to wait this long.
const RATE_PAUSE_MS: u32 = 10_000;

/// The close codes of `couplet.v1`.
pub mod close {
    /// The protocol of WebSocket itself was broken.
    pub const PROTOCOL: u16 = 1002;
    /// A binary frame.
    pub const BINARY: u16 = 1003;
    /// A text that is not UTF-8.
    pub const NOT_UTF8: u16 = 1007;
    /// No `hello`, too many bad frames, or nobody reads.
    pub const POLICY: u16 = 1008;
    /// A frame over its limit.
    pub const TOO_LARGE: u16 = 1009;
    /// Ours is the fault.
    pub const INTERNAL: u16 = 1011;
    /// The gateway stops.
    pub const RESTART: u16 = 1012;
    /// The JWT is not good.
    pub const IDENTITY: u16 = 4401;
    /// Too much, too fast.
    pub const RATE: u16 = 4429;
}

/// How a socket ends by our side.
#[derive(Debug, PartialEq)]
pub struct Farewell {
    /// The close code.
    pub code: u16,
    /// Why, for whoever reads logs.
    pub reason: &'static str,
    /// What is said before.
    pub last: Option<Box<ServerFrame>>,
}

impl Farewell {
    /// Closes without another frame.
    pub fn silent(code: u16, reason: &'static str) -> Self {
        Self { code, reason, last: None }
    }

    /// Closes after a frame.
    pub fn after(code: u16, reason: &'static str, last: ServerFrame) -> Self {
        Self { code, reason, last: Some(Box::new(last)) }
    }

    /// Closes after a `bye` of the same words.
    pub fn bye(code: u16, reason: &'static str, reconnect_after_ms: Option<u32>) -> Self {
        let bye = Bye { reason: reason.to_owned(), reconnect_after_ms };
        Self::after(code, reason, ServerFrame::Bye(bye))
    }
}

/// How a socket ends.
#[derive(Debug, PartialEq)]
pub enum Ended {
    /// Nobody is there to be told.
    Gone,
    /// By our side.
    Farewell(Farewell),
}

/// Why a frame is not acted on.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// Let fall: it was of the moment, and there were too many.
    Dropped,
    /// Answered with this.
    Answered(Box<ServerFrame>),
    /// It was the last.
    Final(Farewell),
}

/// The state of one socket.
pub struct Manners {
    rates: SocketRates,
    order: Order,
    /// What came while something was done.
    early: Option<Utf8Bytes>,
    bad: u8,
    missed: u8,
    heard: bool,
}

impl fmt::Debug for Manners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manners").field("bad", &self.bad).field("missed", &self.missed).finish()
    }
}

impl Manners {
    /// A socket that has said nothing yet.
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

    /// Whose socket it is: known with the welcome.
    pub fn belong_to(&mut self, customer: CustomerId) {
        self.rates.belong_to(customer);
    }

    /// Keeps a text for later: it came while something else was done.
    pub fn keep(&mut self, early: Utf8Bytes) {
        self.early = Some(early);
    }

    /// Whether a text was kept; no more is read before that is judged.
    pub fn has_early(&self) -> bool {
        self.early.is_some()
    }

    /// The text that was kept.
    pub fn early(&mut self) -> Option<Utf8Bytes> {
        self.early.take()
    }

    /// Judges what came in: a text to be read, or nothing more to do.
    ///
    /// # Errors
    /// Where the socket is at its end.
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
            let flood = Farewell::bye(close::RATE, "rate", Some(RATE_PAUSE_MS));
            return Err(Ended::Farewell(flood));
        }
        match message {
            Message::Text(text) => Ok(Some(text)),
            Message::Binary(_) => {
                Err(Ended::Farewell(Farewell::silent(close::BINARY, "text frames only")))
            }
            // Pings are answered, and a close is returned, by the library.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(None),
        }
    }

    /// Counts a time without a word. To be called as often as the server pings.
    ///
    /// # Errors
    /// Where nobody is there any more.
    pub fn silence(&mut self) -> Result<(), Ended> {
        if !std::mem::take(&mut self.heard) {
            self.missed += 1;
        }
        if self.missed >= MISSED_PINGS { Err(Ended::Gone) } else { Ok(()) }
    }

    /// Reads the first frame.
    ///
    /// # Errors
    /// Where it is not a good `hello`.
    pub fn greeting(&mut self, text: &str) -> Result<Greeting, Refusal> {
        match decode(text) {
            Ok(ClientFrame::Hello(hello)) => {
                action::greeting(hello).map_err(|refused| self.refuse(refused))
            }
            Ok(_) => Err(Refusal::Final(Farewell::silent(close::POLICY, "hello comes first"))),
            Err(refused) => Err(self.refuse(refused)),
        }
    }

    /// Reads any further frame.
    ///
    /// # Errors
    /// Where it is not to be acted on.
    pub fn request(
        &mut self,
        text: &str,
        fresh: impl FnOnce() -> ConversationId,
    ) -> Result<Request, Refusal> {
        let request = decode(text)
            .and_then(|frame| action::request(frame, fresh))
            .map_err(|refused| self.refuse(refused))?;
        match &request {
            Request::Act(action) => match action.id() {
                Some(id) => self.command(id, text.len())?,
                None => self.signal()?,
            },
            Request::Share(share) => self.command(&share.id, text.len())?,
            Request::Page(_) => self.signal()?,
            Request::History { id, .. } => {
                let early = self.rates.command(text.len()).and_then(|()| self.rates.read());
                early.map_err(|early| refused_for_now(id, early))?;
            }
            Request::Ping { .. } => {}
        }
        Ok(request)
    }

    /// A durable command, in its order and at its rate.
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

    /// A command was refused, and is to come again after so long; nothing where never.
    pub fn not_now(&mut self, id: &CommandId, retry_after_ms: Option<u32>) {
        match retry_after_ms {
            Some(after @ ..=SOON_MS) => self.order.refused(id, Instant::now(), after),
            // Nobody else is to wait for what takes an hour.
            Some(_) | None => self.order.done(id),
        }
    }

    /// A command was acknowledged.
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
            return Refusal::Final(Farewell::after(close::POLICY, "too many bad frames", answer));
        }
        Refusal::Answered(Box::new(answer))
    }
}

fn refused_for_now(id: &CommandId, early: TooMany) -> Refusal {
    Refusal::Answered(Box::new(too_many(Some(id.to_string()), early)))
}

/// The error of a command that came too fast.
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
        Error::Protocol(_) => (close::PROTOCOL, "not as RFC 6455 has it"),
        _ => return Ended::Gone,
    };
    Ended::Farewell(Farewell::silent(code, reason))
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::error::CapacityError;
    use uuid::Uuid;

    use super::*;
    use crate::runtime::admission::{Admission, Limits};

    const FRESH: ConversationId = ConversationId(Uuid::nil());

    fn manners() -> Manners {
        let limits = Limits { messages_per_second: 2, message_burst: 4, ..Limits::default() };
        let guard = Admission::new(limits).socket("192.0.2.1".parse().unwrap()).unwrap();
        let mut manners = Manners::new(&guard);
        manners.belong_to(CustomerId(Uuid::from_u128(1)));
        manners
    }

    fn code(ended: &Ended) -> u16 {
        match ended {
            Ended::Gone => 0,
            Ended::Farewell(farewell) => farewell.code,
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
            assert_eq!(code(&manners().heard(incoming).unwrap_err()), expected, "{name}");
        }
        for incoming in [Message::Ping("x".into()), Message::Pong("x".into()), Message::Close(None)]
        {
            assert_eq!(manners().heard(Some(Ok(incoming))), Ok(None));
        }
    }

    #[test]
    fn the_first_frame_is_a_hello() {
        let mut manners = manners();
        assert_eq!(manners.greeting(r#"{"type":"hello"}"#), Ok(Greeting::default()));
        match manners.greeting(r#"{"type":"ping"}"#) {
            Err(Refusal::Final(farewell)) => assert_eq!(farewell.code, 1008),
            other => panic!("{other:?}"),
        }
        let half = manners.greeting(r#"{"type":"hello","last_seq":1}"#).unwrap_err();
        assert_eq!(error(&half).code, ErrorCode::BadFrame);
    }

    #[test]
    fn the_tenth_bad_frame_is_the_last() {
        let mut manners = manners();
        assert!(manners.greeting("x").is_err(), "those before the hello count too");
        for _ in 1..9 {
            let refused = manners.request("x", || FRESH).unwrap_err();
            assert_eq!(error(&refused).code, ErrorCode::BadFrame);
            let unknown = manners.request(r#"{"type":"dance"}"#, || FRESH).unwrap_err();
            assert_eq!(error(&unknown).code, ErrorCode::UnknownType, "these do not count");
        }
        match manners.request("x", || FRESH) {
            Err(Refusal::Final(farewell)) => {
                assert_eq!(farewell.code, 1008);
                assert!(farewell.last.is_some(), "the tenth is answered too");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_second_hello_is_a_bad_frame() {
        let refused = manners().request(r#"{"type":"hello"}"#, || FRESH).unwrap_err();
        assert_eq!(error(&refused).code, ErrorCode::BadFrame);
    }

    #[test]
    fn what_comes_too_fast_is_told_when_to_come_again() {
        let mut manners = manners();
        let message = r#"{"type":"message","id":"m1","text":"x"}"#;
        for _ in 0..4 {
            assert!(manners.request(message, || FRESH).is_ok());
        }
        let refused = manners.request(message, || FRESH).unwrap_err();
        assert_eq!(error(&refused).code, ErrorCode::RateLimited);
        assert_eq!(error(&refused).about.as_deref(), Some("m1"));
        assert!(error(&refused).retry_after_ms.is_some_and(|ms| (1..=501).contains(&ms)));
        let refused = manners.request(r#"{"type":"history","id":"h1"}"#, || FRESH).unwrap_err();
        assert_eq!(error(&refused).about.as_deref(), Some("h1"));
        assert!(manners.request(r#"{"type":"ping"}"#, || FRESH).is_ok());
    }

    #[test]
    fn what_follows_a_refusal_waits_for_it() {
        let mut manners = manners();
        let says = |manners: &mut Manners, id: &str| {
            let text = format!(r#"{{"type":"message","id":"{id}","text":"x"}}"#);
            match manners.request(&text, || FRESH) {
                Ok(_) => None,
                Err(refusal) => Some(error(&refusal).code),
            }
        };
        let id = |id| CommandId::new(id).unwrap();
        assert_eq!(says(&mut manners, "m1"), None);
        manners.not_now(&id("m1"), Some(250));
        assert_eq!(says(&mut manners, "m2"), Some(ErrorCode::Unavailable));
        assert!(manners.request(r#"{"type":"history","id":"h1"}"#, || FRESH).is_ok());
        assert_eq!(says(&mut manners, "m1"), None);
        assert_eq!(says(&mut manners, "m2"), None);
        // The same where it was refused for its rate, unless that takes long.
        assert_eq!(says(&mut manners, "m3"), Some(ErrorCode::RateLimited));
        assert_eq!(says(&mut manners, "m4"), Some(ErrorCode::Unavailable));
        assert_eq!(says(&mut manners, "m3"), Some(ErrorCode::RateLimited));
        manners.not_now(&id("m3"), Some(1_800_000));
        assert_eq!(says(&mut manners, "m4"), Some(ErrorCode::RateLimited));
    }

    #[test]
    fn signals_beyond_their_rate_are_let_fall() {
        let mut manners = manners();
        let typing = r#"{"type":"typing","on":true}"#;
        let taken = (0..20).filter(|_| manners.request(typing, || FRESH).is_ok()).count();
        assert_eq!(taken, 4);
        assert_eq!(manners.request(typing, || FRESH), Err(Refusal::Dropped));
    }

    #[test]
    fn a_flood_of_any_frames_ends_it() {
        let mut manners = manners();
        let ended = (0..60).find_map(|_| manners.heard(Some(Ok(Message::Ping("".into())))).err());
        let ended = ended.unwrap();
        assert_eq!(code(&ended), 4429);
        assert!(matches!(ended, Ended::Farewell(Farewell { last: Some(_), .. })));
    }

    #[test]
    fn two_pings_without_a_word_and_nobody_is_there() {
        let mut manners = manners();
        let word = |manners: &mut Manners| manners.heard(Some(Ok(Message::Pong("".into()))));
        assert_eq!(word(&mut manners), Ok(None));
        for _ in 0..5 {
            assert_eq!(manners.silence(), Ok(()));
            assert_eq!(manners.silence(), Ok(()));
            assert_eq!(word(&mut manners), Ok(None));
        }
        assert_eq!(manners.silence(), Ok(()));
        assert_eq!(manners.silence(), Ok(()));
        assert_eq!(manners.silence(), Err(Ended::Gone));
    }
}
