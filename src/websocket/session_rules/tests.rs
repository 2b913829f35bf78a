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
    for incoming in [Message::Ping("x".into()), Message::Pong("x".into()), Message::Close(None)] {
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
