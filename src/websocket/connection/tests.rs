//! A client and a scripted backend, with a socket between them and a paused clock.

use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::error::Error;
use uuid::Uuid;

use super::*;
use crate::chat::effect::{CustomerNotice, CustomerState, Phase};
use crate::chat::event::{CustomerAction, CustomerCommand, CustomerContent};
use crate::chat::ids::CommandId;
use crate::chat::ids::{
    AgentJid, ConversationId, CustomerId, Pos, QueueKey, Seq, TenantKey, Timestamp,
};
use crate::chat::model::Acked;
use crate::chat::refusal::CommandError;
use crate::chat::row::{Author, CommandKey, Row, RowKind};
use crate::ports::store_error::StoreError;
use crate::runtime::admission::Admission;
use crate::runtime::edge::{
    ByeReason, CurrentConversation, Edge, HistoryPage, OpenError, SubmitError, Welcome,
};
use crate::websocket::test_backend::{Hand, Heard, Part, TestBackend, tenant, view, welcome};

const CONVERSATION: ConversationId = ConversationId(Uuid::from_u128(0xc0));

struct Client {
    socket: WebSocketStream<DuplexStream>,
    server: JoinHandle<()>,
    hand: Hand,
    stop: CancellationToken,
}

fn context(stop: CancellationToken) -> Box<SocketContext> {
    let limits = Limits { messages_per_second: 2, message_burst: 20, ..Limits::default() };
    let address = "192.0.2.1".parse().unwrap();
    let guard = Admission::new(limits).socket(address).unwrap();
    Box::new(SocketContext { tenant: view(tenant()), address, limits, guard, stop })
}

impl Client {
    async fn new(part: Part) -> Self {
        Self::with_room(part, 256 * 1024).await
    }

    /// A client behind a network that buffers this many bytes.
    async fn with_room(part: Part, room: usize) -> Self {
        let (ours, theirs) = tokio::io::duplex(room);
        let (backend, hand) = TestBackend::new(part);
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(theirs, Vec::new(), backend, context(stop.clone())));
        let socket = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        Self { socket, server, hand, stop }
    }

    /// A client that has its welcome.
    async fn greeted(part: Part) -> Self {
        let mut client = Self::new(part).await;
        client.send(r#"{"type":"hello"}"#).await;
        assert_eq!(client.frame().await["type"], "welcome");
        assert!(matches!(client.heard().await, Heard::Opened(..)));
        client
    }

    async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn message(&mut self) -> Message {
        self.socket.next().await.unwrap().unwrap()
    }

    async fn frame(&mut self) -> Value {
        match self.message().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The close code, after all frames before it were read.
    async fn code(&mut self) -> u16 {
        loop {
            match self.message().await {
                Message::Close(frame) => return frame.unwrap().code.into(),
                Message::Text(_) | Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn command(&mut self) -> CustomerCommand {
        match self.heard().await {
            Heard::Submitted(CustomerContent::Command(command)) => command,
            other => panic!("{other:?}"),
        }
    }

    async fn heard(&mut self) -> Heard {
        self.hand.heard.recv().await.unwrap()
    }

    /// The socket is gone, and the backend knows.
    async fn over(mut self) {
        drop(self.socket);
        self.server.await.unwrap();
        while let Some(heard) = self.hand.heard.recv().await {
            if matches!(heard, Heard::Dropped) {
                return;
            }
        }
        panic!("the customer's end was never dropped");
    }
}

fn row(seq: u64, text: &str) -> Arc<Row> {
    let jid = AgentJid::normalised("alice@jabber.example");
    Arc::new(Row {
        pos: Pos(seq),
        tenant: TenantKey::new("acme").unwrap(),
        conversation: CONVERSATION,
        customer: CustomerId(Uuid::from_u128(0xcc)),
        seq: Some(Seq(seq)),
        at: Timestamp(5),
        author: Author::Agent { jid, name: "Alice".into() },
        key: None,
        stanza: None,
        kind: RowKind::Message { text: text.into(), reply_to: None },
        recipients: Vec::new(),
    })
}

fn open(welcome: Welcome) -> Part {
    Part { open: Some(Ok(welcome)), ..Part::default() }
}

fn command(id: &str) -> CommandId {
    CommandId::new(id).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_hello_is_answered_by_a_welcome() {
    let mut client = Client::new(Part::default()).await;
    client
        .send(r#"{"type":"hello","session":"t","page":{"url":"https://www.acme.example/a?b"}}"#)
        .await;
    let expected = json!({
        "type": "welcome",
        "session": {"token": "s3cret", "customer": "000000000000000000000000000000cc", "expires": 2000},
        "entries": [],
        "limits": {"frame_bytes": 65536, "text_chars": 8000, "file_bytes": 1000, "messages_per_second": 2},
        "now": 1000,
    });
    assert_eq!(client.frame().await, expected);
    let Heard::Opened(greeting, address) = client.heard().await else { panic!() };
    assert_eq!(greeting.token.as_deref(), Some("t"));
    assert_eq!(greeting.page.as_deref(), Some("https://www.acme.example/a"));
    assert_eq!(address, Some("192.0.2.1".parse().unwrap()));
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn a_returning_customer_gets_the_current_state() {
    let queue = QueueKey::new("sales").unwrap();
    let phase = Phase::Waiting { position: Some(2), eta_s: Some(60), open_at: None };
    let current = CurrentConversation {
        state: CustomerState { conversation: CONVERSATION, queue, phase },
        head: Seq(9),
        delivered: Seq(4),
        read: Seq(0),
    };
    let opened = Welcome {
        token_refused: true,
        conversation: Some(current),
        entries: vec![row(8, "a"), row(9, "b")],
        more: true,
        ..welcome()
    };
    let mut client = Client::new(open(opened)).await;
    client.send(r#"{"type":"hello","session":"old"}"#).await;
    let refused = client.frame().await;
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("unauthorized")));
    let welcome = client.frame().await;
    assert_eq!(welcome["conversation"]["state"], "waiting");
    assert_eq!(welcome["conversation"]["seq"], 9);
    assert_eq!(welcome["receipt"]["delivered"], 4);
    assert_eq!(welcome["more"], true);
    assert_eq!(welcome["entries"].as_array().unwrap().len(), 2);
    let state = client.frame().await;
    assert_eq!((&state["type"], &state["position"]), (&json!("state"), &json!(2)));
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_transcript_takes_several_frames() {
    let long = "é".repeat(8_000);
    let opened = Welcome { entries: (1..=20).map(|n| row(n, &long)).collect(), ..welcome() };
    let mut client = Client::new(open(opened)).await;
    client.send(r#"{"type":"hello"}"#).await;
    let mut seqs = Vec::new();
    let mut more = true;
    while more {
        let frame = client.frame().await;
        assert!(frame.to_string().len() <= FRAME_BYTES);
        more = frame["more"].as_bool().unwrap_or_default();
        let entries = frame["entries"].as_array().unwrap();
        assert!(entries.iter().all(|entry| entry["text"] == long));
        seqs.extend(entries.iter().filter_map(|entry| entry["seq"].as_u64()));
    }
    assert_eq!(seqs, (1..=20).collect::<Vec<_>>());
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_hello_it_closes() {
    let mut client = Client::new(Part::default()).await;
    let before = Instant::now();
    assert_eq!(client.code().await, 1008);
    assert_eq!(before.elapsed().as_secs(), HELLO.as_secs());
    client.server.await.unwrap();

    let mut client = Client::new(Part::default()).await;
    client.send(r#"{"type":"ping"}"#).await;
    assert_eq!(client.code().await, 1008);

    // Frames that are no `hello` do not extend the time.
    let mut client = Client::new(Part::default()).await;
    let before = Instant::now();
    for _ in 0..4 {
        client.send("hello?").await;
        assert_eq!(client.frame().await["code"], "bad_frame");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(client.code().await, 1008);
    assert_eq!(before.elapsed().as_secs(), HELLO.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_hello_may_be_refused() {
    let table = [
        (
            OpenError::Identity { reason: "the token has expired", has_expired: true },
            4401,
            "unauthorized",
        ),
        (OpenError::RateLimited { retry_after_ms: 700 }, 4429, "rate"),
        (OpenError::Unavailable { retry_after_ms: 700 }, 1011, "unavailable"),
    ];
    for (refused, code, word) in table {
        let part = Part { open: Some(Err(refused)), ..Part::default() };
        let mut client = Client::new(part).await;
        client.send(r#"{"type":"hello"}"#).await;
        let frame = client.frame().await;
        if code == 4401 {
            assert_eq!(
                (&frame["code"], &frame["message"]),
                (&json!(word), &json!("the token has expired"))
            );
        } else {
            assert_eq!(frame, json!({"type": "bye", "reason": word, "reconnect_after_ms": 700}));
        }
        assert_eq!(client.code().await, code);
        client.server.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn files_go_in_by_their_ids() {
    let part = Part { submit: Err(SubmitError::NoSuchFile), ..Part::default() };
    let mut client = Client::greeted(part).await;
    let id = "000000000000000000000000000000f1";
    let message = json!({"type": "message", "id": "m1", "files": [id]});
    client.send(&message.to_string()).await;
    let command = client.command().await;
    let CustomerAction::Share { ids, text, .. } = command.action else { panic!() };
    assert_eq!((command.id.as_str(), ids.len(), &*text), ("m1", 1, ""));
    assert_eq!(ids[0].to_string(), id);
    let refused = client.frame().await;
    assert_eq!((&refused["code"], &refused["for"]), (&json!("forbidden"), &json!("m1")));
}

#[tokio::test(start_paused = true)]
async fn commands_go_in_and_answers_come_out_in_order() {
    let mut client = Client::greeted(Part::default()).await;
    client.send(r#"{"type":"message","id":"m1","text":"hello\r\nthere"}"#).await;
    let said = client.command().await;
    let CustomerAction::Message { text, .. } = said.action else { panic!() };
    assert_eq!((said.id.as_str(), &*text), ("m1", "hello\nthere"));
    let acked = Acked { conversation: CONVERSATION, seq: Some(Seq(1)), at: Timestamp(7) };
    let name: Arc<str> = "Alice".into();
    for outbound in [
        Outbound::Notice(CustomerNotice::Typing { on: true, name }),
        Outbound::Answer(Answer::Ack { id: command("m1"), acked }),
        Outbound::Notice(CustomerNotice::Entry(row(2, "a"))),
        Outbound::Notice(CustomerNotice::Receipt {
            conversation: CONVERSATION,
            delivered: Seq(1),
            read: Seq(0),
        }),
        Outbound::Notice(CustomerNotice::Entry(row(3, "b"))),
        Outbound::Answer(Answer::Refused { id: Some(command("m2")), error: CommandError::NotOpen }),
        Outbound::Entries { conversation: CONVERSATION, rows: vec![row(4, "c")], more: false },
    ] {
        client.hand.say.send(outbound).unwrap();
    }
    let mut got = Vec::new();
    for _ in 0..7 {
        let frame = client.frame().await;
        got.push((frame["type"].as_str().unwrap().to_owned(), frame["seq"].as_u64()));
    }
    let expected = [
        ("typing", None),
        ("ack", Some(1)),
        ("entry", Some(2)),
        ("receipt", None),
        ("entry", Some(3)),
        ("error", None),
        ("entries", None),
    ];
    assert_eq!(got, expected.map(|(kind, seq)| (kind.to_owned(), seq)));
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn each_frame_does_what_it_says() {
    let mut client = Client::greeted(Part::default()).await;
    client.send(r#"{"type":"start","id":"s1","queue":"sales"}"#).await;
    assert!(matches!(client.command().await.action, CustomerAction::Start { .. }));
    client.send(r#"{"type":"typing","on":true}"#).await;
    let heard = client.heard().await;
    assert!(matches!(heard, Heard::Submitted(CustomerContent::Typing { on: true })));
    client.send(r#"{"type":"read","seq":3}"#).await;
    let heard = client.heard().await;
    assert!(matches!(heard, Heard::Submitted(CustomerContent::Read { seq: Seq(3) })));
    client.send(r#"{"type":"page","url":"https://www.acme.example/b#c"}"#).await;
    let Heard::Page(page) = client.heard().await else { panic!() };
    assert_eq!(page.as_deref(), Some("https://www.acme.example/b"));
    client.send(r#"{"type":"ping","n":4}"#).await;
    assert_eq!(client.frame().await, json!({"type": "pong", "n": 4}));
    client.send(r#"{"type":"end","id":"e1"}"#).await;
    assert_eq!(client.command().await.action, CustomerAction::End);
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_command_gets_an_error() {
    let submit = Err(SubmitError::Unavailable { retry_after_ms: 900 });
    let mut client = Client::greeted(Part { submit, ..Part::default() }).await;
    client.send(r#"{"type":"typing","on":true}"#).await;
    client.send(r#"{"type":"end","id":"e1"}"#).await;
    let frame = client.frame().await;
    assert_eq!((&frame["code"], &frame["for"]), (&json!("unavailable"), &json!("e1")));
    assert_eq!(frame["retry_after_ms"], 900);
    client.over().await;

    let submit = Err(SubmitError::RateLimited { retry_after_ms: 60_000 });
    let mut client = Client::greeted(Part { submit, ..Part::default() }).await;
    client.send(r#"{"type":"start","id":"s1"}"#).await;
    let frame = client.frame().await;
    assert_eq!((&frame["code"], &frame["for"]), (&json!("rate_limited"), &json!("s1")));
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn history_is_paged() {
    let page = HistoryPage {
        conversation: CONVERSATION,
        rows: (1..=12).map(|n| row(n, &"é".repeat(8_000))).collect(),
        more: false,
    };
    let part = Part { history: Some(Ok(Some(page))), ..Part::default() };
    let mut client = Client::greeted(part).await;
    client.send(r#"{"type":"history","id":"h1","before":13,"limit":400}"#).await;
    let Heard::History(None, Some(Seq(13)), 100) = client.heard().await else { panic!() };
    let frame = client.frame().await;
    assert_eq!((&frame["type"], &frame["for"]), (&json!("entries"), &json!("h1")));
    assert_eq!(frame["more"], true, "what does not fit is left for the next question");
    let entries = frame["entries"].as_array().unwrap();
    assert_eq!(entries.last().unwrap()["seq"], 12);
    assert!(entries.len() < 12);
    // The script has no more: a conversation that does not exist, or is another customer's.
    client.send(r#"{"type":"history","id":"h2"}"#).await;
    let frame = client.frame().await;
    assert_eq!((&frame["code"], &frame["for"]), (&json!("not_open"), &json!("h2")));
    client.over().await;

    let away = Err(StoreError::Unavailable("secret://".to_owned()));
    let mut client = Client::greeted(Part { history: Some(away), ..Part::default() }).await;
    client.send(r#"{"type":"history","id":"h3"}"#).await;
    let frame = client.frame().await;
    assert_eq!((&frame["code"], &frame["for"]), (&json!("unavailable"), &json!("h3")));
    assert!(!frame.to_string().contains("secret"));
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn work_for_a_client_that_left_is_cancelled() {
    let mut client = Client::greeted(Part { hangs: true, ..Part::default() }).await;
    client.send(r#"{"type":"history","id":"h1"}"#).await;
    assert!(matches!(client.heard().await, Heard::History(..)));
    let Client { socket, server, mut hand, .. } = client;
    drop(socket);
    server.await.unwrap();
    assert!(matches!(hand.heard.recv().await, Some(Heard::GivenUp)));
    assert!(matches!(hand.heard.recv().await, Some(Heard::Dropped)));
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_something_is_read_is_done_after_it() {
    let page = HistoryPage { conversation: CONVERSATION, rows: vec![row(1, "x")], more: false };
    let mut client =
        Client::greeted(Part { history: Some(Ok(Some(page))), ..Part::default() }).await;
    client.send(r#"{"type":"history","id":"h1"}"#).await;
    client.send(r#"{"type":"ping","n":1}"#).await;
    client.send(r#"{"type":"ping","n":2}"#).await;
    assert_eq!(client.frame().await["for"], "h1");
    assert_eq!(client.frame().await["n"], 1);
    assert_eq!(client.frame().await["n"], 2);
    assert!(matches!(client.heard().await, Heard::History(..)));
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_command_that_is_seen_as_an_entry_is_in_nobodys_way() {
    let mut client = Client::greeted(Part::default()).await;
    client.send(r#"{"type":"message","id":"m1","text":"x"}"#).await;
    assert_eq!(client.command().await.id, command("m1"));
    let (id, error) = (Some(command("m1")), CommandError::Moved);
    client.hand.say.send(Outbound::Answer(Answer::Refused { id, error })).unwrap();
    let mut entry = row(1, "x");
    let session = crate::chat::ids::SessionId(Uuid::nil());
    Arc::get_mut(&mut entry).unwrap().key = Some(CommandKey { session, id: command("m1") });
    client.hand.say.send(Outbound::Notice(CustomerNotice::Entry(entry))).unwrap();
    assert_eq!(client.frame().await["type"], "error");
    assert_eq!(client.frame().await["type"], "entry");
    client.send(r#"{"type":"message","id":"m2","text":"y"}"#).await;
    assert_eq!(client.command().await.id, command("m2"), "m1 will not come again");
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_refusal_waits_until_it_comes_again() {
    let mut client = Client::greeted(Part::default()).await;
    let say = |id: &str| format!(r#"{{"type":"message","id":"{id}","text":"x"}}"#);
    client.send(&say("m1")).await;
    client.send(&say("m2")).await;
    // Another node takes over, and accepts what is sent from now on.
    for id in ["m1", "m2"] {
        assert!(matches!(client.heard().await, Heard::Submitted(_)));
        let error = CommandError::Moved;
        client
            .hand
            .say
            .send(Outbound::Answer(Answer::Refused { id: Some(command(id)), error }))
            .unwrap();
        assert_eq!(client.frame().await["for"], id);
    }
    client.send(&say("m3")).await;
    let frame = client.frame().await;
    assert_eq!((&frame["code"], &frame["for"]), (&json!("unavailable"), &json!("m3")));
    for id in ["m1", "m2", "m3"] {
        client.send(&say(id)).await;
        assert_eq!(client.command().await.id, command(id));
    }
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn bad_frames_are_answered_and_the_tenth_closes() {
    let deep = format!(r#"{{"type":"ping","n":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    let table = [
        (r#"{"type":"hello"}"#, None),
        (r#"{"type":"message","id":"m1","text":"a\ud83d"}"#, Some("m1")),
        (r#"{"type":"message","id":"m2"}"#, Some("m2")),
        (r#"{"type":"message","text":"x"}"#, None),
        (r#"{"type":"end","id":"a b"}"#, None),
        (deep.as_str(), None),
        ("[]", None),
        ("", None),
        ("\u{feff}{}", None),
    ];
    let mut client = Client::greeted(Part::default()).await;
    for (text, about) in table {
        client.send(text).await;
        let frame = client.frame().await;
        assert_eq!(frame["code"], "bad_frame", "{text:.60}");
        assert_eq!(frame["for"].as_str(), about, "{text:.60}");
        client.send(r#"{"type":"shout","id":"r1"}"#).await;
        let frame = client.frame().await;
        assert_eq!((&frame["code"], &frame["for"]), (&json!("unknown_type"), &json!("r1")));
    }
    let long = json!({"type": "message", "id": "m3", "text": "a".repeat(8_001)});
    client.send(&long.to_string()).await;
    let frame = client.frame().await;
    assert_eq!((&frame["code"], &frame["for"]), (&json!("too_large"), &json!("m3")));
    client.send("x").await;
    assert_eq!(client.frame().await["code"], "bad_frame");
    assert_eq!(client.code().await, 1008);
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_text_frame_closes() {
    let mut client = Client::greeted(Part::default()).await;
    client.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(client.code().await, 1003);
    client.over().await;

    let mut client = Client::greeted(Part::default()).await;
    let raw = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    client.socket.send(Message::Frame(raw)).await.unwrap();
    assert_eq!(client.code().await, 1007);
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_has_64_kib_and_not_a_byte_more() {
    let mut client = Client::greeted(Part::default()).await;
    let padded = |bytes: usize| {
        let frame = r#"{"type":"ping","n":1,"x":""}"#;
        frame.replace(r#""x":"""#, &format!(r#""x":"{}""#, "x".repeat(bytes - frame.len())))
    };
    client.send(&padded(FRAME_BYTES)).await;
    assert_eq!(client.frame().await["type"], "pong");
    client.send(&padded(FRAME_BYTES + 1)).await;
    assert_eq!(client.code().await, 1009);
    client.over().await;

    // The same, in fragments none of which is too long.
    let mut client = Client::greeted(Part::default()).await;
    let half = vec![b'x'; FRAME_BYTES / 2 + 1];
    for (kind, last) in [(Data::Text, false), (Data::Continue, true)] {
        let frame = Frame::message(half.clone(), OpCode::Data(kind), last);
        client.socket.send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(client.code().await, 1009);
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn too_much_too_fast_is_refused_and_at_last_closes() {
    let mut client = Client::greeted(Part::default()).await;
    for number in 0..40 {
        client.send(&format!(r#"{{"type":"end","id":"e{number}"}}"#)).await;
    }
    let frame = client.frame().await;
    assert_eq!((&frame["code"], &frame["for"]), (&json!("rate_limited"), &json!("e20")));
    assert!(frame["retry_after_ms"].as_u64().is_some_and(|ms| (1..=501).contains(&ms)));
    for _ in 0..400 {
        if client.socket.send(Message::text(r#"{"type":"ping"}"#)).await.is_err() {
            break;
        }
    }
    let mut last = Value::Null;
    let code = loop {
        match client.message().await {
            Message::Text(text) => last = serde_json::from_str(&text).unwrap(),
            Message::Close(frame) => break u16::from(frame.unwrap().code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 4429);
    assert_eq!((&last["type"], &last["reason"]), (&json!("bye"), &json!("rate")));
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn byes_come_before_their_close() {
    let bye = |reason| Outbound::Bye { reason, reconnect_after_ms: 40 };
    for (bye, word, after_ms, code) in [
        (bye(ByeReason::Restart), "restart", 40, 1012),
        (bye(ByeReason::Slow), "slow", 40, 1008),
        (Outbound::Notice(CustomerNotice::Elsewhere), "signed_in", 0, 1012),
    ] {
        let mut client = Client::greeted(Part::default()).await;
        client
            .hand
            .say
            .send(Outbound::Notice(CustomerNotice::Entry(row(1, "last words"))))
            .unwrap();
        client.hand.say.send(bye).unwrap();
        client.hand.say.send(Outbound::Notice(CustomerNotice::Entry(row(2, "too late")))).unwrap();
        assert_eq!(client.frame().await["type"], "entry");
        let expected = json!({"type": "bye", "reason": word, "reconnect_after_ms": after_ms});
        assert_eq!(client.frame().await, expected);
        assert_eq!(client.code().await, code);
        client.over().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_closes_sockets_without_a_welcome() {
    let mut client = Client::new(Part::default()).await;
    client.stop.cancel();
    assert_eq!(client.frame().await["reason"], "restart");
    assert_eq!(client.code().await, 1012);
    client.server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_client_is_detected() {
    let client = Client::greeted(Part::default()).await;
    let before = Instant::now();
    // The client does not read, so it sends no pong; the network buffers the pings.
    let Client { socket, server, .. } = client;
    server.await.unwrap();
    assert_eq!(before.elapsed(), PING * 3);
    drop(socket);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_pings_stays() {
    let mut client = Client::greeted(Part::default()).await;
    for _ in 0..20 {
        assert!(matches!(client.message().await, Message::Ping(_)));
        client.socket.flush().await.unwrap();
    }
    client.send(r#"{"type":"ping"}"#).await;
    assert_eq!(client.frame().await["type"], "pong");
    client.over().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_dropped() {
    let mut client = Client::with_room(Part::default(), 4 * 1024).await;
    client.send(r#"{"type":"hello"}"#).await;
    assert_eq!(client.frame().await["type"], "welcome");
    for seq in 1..=5 {
        client
            .hand
            .say
            .send(Outbound::Notice(CustomerNotice::Entry(row(seq, &"x".repeat(2_000)))))
            .unwrap();
    }
    let before = Instant::now();
    let Client { socket, server, mut hand, .. } = client;
    server.await.unwrap();
    assert_eq!(before.elapsed().as_secs(), WRITE.as_secs());
    assert!(matches!(hand.heard.recv().await, Some(Heard::Opened(..))));
    assert!(matches!(hand.heard.recv().await, Some(Heard::Dropped)));
    drop(socket);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_ends_its_task() {
    let mut client = Client::greeted(Part::default()).await;
    client.socket.close(None).await.unwrap();
    while let Some(Ok(_)) = client.socket.next().await {}
    client.over().await;

    // Without a close frame.
    Client::greeted(Part::default()).await.over().await;
}

#[tokio::test(start_paused = true)]
async fn what_came_with_the_request_is_not_lost() {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    // A masked text frame: {"type":"hello"} with the mask 0.
    let hello = br#"{"type":"hello"}"#;
    let mut early = vec![0x81, 0x80 | u8::try_from(hello.len()).unwrap(), 0, 0, 0, 0];
    early.extend(hello);
    let (backend, _hand) = TestBackend::new(Part::default());
    let server = tokio::spawn(serve(theirs, early, backend, context(CancellationToken::new())));
    let mut client = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    assert!(matches!(client.next().await, Some(Ok(Message::Text(_)))));
    drop(client);
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_not_returned_is_not_waited_for() {
    let mut client = Client::greeted(Part::default()).await;
    client.socket.send(Message::binary(vec![1])).await.unwrap();
    let before = Instant::now();
    let Client { mut socket, server, .. } = client;
    server.await.unwrap();
    assert_eq!(before.elapsed(), LINGER);
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    assert!(!matches!(socket.next().await, Some(Err(Error::Capacity(_)))));
}

/// The memory of an idle socket, without its buffers.
#[tokio::test]
async fn an_idle_socket_is_small() {
    let (_ours, theirs) = tokio::io::duplex(64);
    let (backend, _hand) = TestBackend::new(Part::default());
    let life = serve(theirs, Vec::new(), backend, context(CancellationToken::new()));
    let size = size_of_val(&life);
    assert!(size <= 1_280, "the task of a socket takes {size} bytes");
    let size = room_of(serve::<TcpStream, Edge>);
    assert!(size <= 1_152, "the task of a customer's socket takes {size} bytes");
}

/// The size of the future that a function returns.
fn room_of<A, B, C, E, F: Future>(_: impl FnOnce(A, B, C, E) -> F) -> usize {
    size_of::<F>()
}
