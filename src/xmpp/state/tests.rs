//! When the server is pinged, and what happens if it does not respond.

use uuid::Uuid;

use super::*;
use crate::chat::event::{Availability, Peer};
use crate::chat::ids::{ConversationId, CustomerId, Epoch, LinkDomain, Localpart};
use crate::chat::row::{Author, Row, RowKind};
use crate::world::SystemWorld;

/// A link that has been connected for a while.
fn standing() -> State {
    let settings = LinkSettings {
        domain: LinkDomain::new("chat.example.org").unwrap(),
        server: "127.0.0.1:5347".to_owned(),
        secret: "secret".to_owned().into(),
        agent_hosts: Vec::new(),
        site: "https://chat.example.com".to_owned(),
    };
    let mut state = State::new(settings, Arc::new(SystemWorld));
    tell(&mut state, ToLink::Open { epoch: Epoch(7) });
    state.up();
    tell(&mut state, ToLink::Begin { stream: 1 });
    (state.settling, state.asking) = (None, None);
    state.unread.clear();
    state
}

fn tell(state: &mut State, told: ToLink) {
    state.told(told, Timestamp(0));
}

fn alice() -> AgentJid {
    AgentJid::normalised("alice@example.org")
}

fn row(pos: u64) -> ToLink {
    let row = Row {
        pos: Pos(pos),
        tenant: TenantKey::new("acme").unwrap(),
        conversation: ConversationId(Uuid::from_u128(1)),
        customer: CustomerId(Uuid::from_u128(2)),
        seq: None,
        at: Timestamp(0),
        author: Author::Customer,
        key: None,
        stanza: None,
        kind: RowKind::Message { text: "Hello".into(), reply_to: None },
        recipients: vec![alice()],
    };
    ToLink::Send(Box::new(ToAgent {
        agent: alice(),
        resource: None,
        from: Peer::Customer(Localpart::new("k3f9").unwrap()),
        conversation: None,
        content: ToAgentContent::Row { row: Arc::new(row), name: None, quoted: None },
    }))
}

/// What is written in a turn, by its ids.
fn turn(state: &mut State) -> Vec<String> {
    let mut out = Out::new();
    state.timers(&mut out).unwrap();
    state.fill(&mut out);
    let id = |text: &Text| text.split(" id='").nth(1)?.split('\'').next().map(str::to_owned);
    out.iter().filter_map(id).collect()
}

/// The server returns a barrier.
fn back(state: &mut State, id: &str) {
    state.mark_heard();
    let barrier = format!(
        "<iq type='get' id='{id}' from='chat.example.org' to='chat.example.org/barrier'>\
         <ping xmlns='urn:xmpp:ping'/></iq>"
    );
    state.heard(barrier.as_bytes()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_barrier_comes_a_moment_later_and_wakes_whoever_waits() {
    let mut state = standing();
    tell(&mut state, row(1));
    assert_eq!(turn(&mut state), ["p1"]);
    let due = state.next_timer();
    let waits = due - Instant::now();
    assert!(waits > Duration::ZERO && waits <= Duration::from_millis(10), "{waits:?}");
    tokio::time::advance(waits).await;
    assert_eq!(turn(&mut state), ["b7-1"]);
    back(&mut state, "b7-1");
    assert!(matches!(state.unread.pop_front(), Some(FromLink::Accepted { pos: Pos(1) })));
    assert!(state.outbox.is_idle());
    // Only the check for a silent server is left.
    assert_eq!(state.next_timer(), Instant::now() + IDLE);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_found_silent_though_it_was_asked_a_moment_later() {
    let mut state = standing();
    tell(&mut state, row(1));
    turn(&mut state);
    let mut written = Vec::new();
    let begun = Instant::now();
    // Like the supervisor, it sleeps until there is something to do.
    let (mut silent, mut lost) = (None, None);
    while lost.is_none() {
        tokio::time::advance(state.next_timer() - Instant::now()).await;
        let mut out = Out::new();
        lost = state.timers(&mut out).err();
        state.fill(&mut out);
        written.extend(out);
        if state.unread.pop_front().is_some_and(|said| matches!(said, FromLink::Silent { .. })) {
            silent = Some(begun.elapsed());
        }
    }
    let asked = Duration::from_millis(10);
    let silent = silent.expect("the runtime is told");
    assert!((QUIET..=QUIET + asked).contains(&silent), "{silent:?}");
    assert!((SILENT..=SILENT + asked).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(written.iter().all(|text| text.contains("id='b7-1")), "asked for the same");
    assert_eq!(written.len(), 13, "at once, and again each second");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_strangers_gets_few_responses_and_displaces_nothing() {
    let mut state = standing();
    for number in 0..5_000 {
        let stanza = format!(
            "<message type='chat' id='s{number}' from='mallory@evil.example/x' \
             to='k3f9@chat.example.org'><body>Hello?</body></message>"
        );
        state.heard(stanza.as_bytes()).unwrap();
    }
    assert!(state.outbox.has_room(), "the runtime may hand over what agents are to read");
    tell(&mut state, row(1));
    let written = turn(&mut state);
    assert_eq!(written.first().map(String::as_str), Some("p1"));
    assert!(written.len() <= 66, "a batch, and its barrier: {}", written.len());
}

#[tokio::test(start_paused = true)]
async fn an_orderly_close_waits_for_no_moment() {
    let mut state = standing();
    tell(&mut state, row(1));
    assert_eq!(turn(&mut state), ["p1"]);
    tell(&mut state, ToLink::Close);
    assert_eq!(turn(&mut state), ["b7-1"]);
    tell(&mut state, row(2));
    assert_eq!(turn(&mut state), ["p2", "b7-2"]);
    back(&mut state, "b7-1");
    back(&mut state, "b7-2");
    assert!(state.outbox.is_idle());
}

#[tokio::test(start_paused = true)]
async fn an_idle_server_is_asked_now_and_then() {
    let mut state = standing();
    for _ in 0..3 {
        let next = state.next_timer();
        assert!(next > Instant::now() && next <= Instant::now() + IDLE);
        tokio::time::advance(next - Instant::now()).await;
        assert_eq!(turn(&mut state), ["b7-0"]);
        back(&mut state, "b7-0");
    }
    assert!(state.unread.is_empty(), "the runtime hears nothing of it");
}

#[tokio::test(start_paused = true)]
async fn missing_presences_are_requested_again_while_another_stream_gets_them() {
    let mut state = standing();
    tell(&mut state, ToLink::Agents(vec![(TenantKey::new("acme").unwrap(), alice())]));
    // A barrier of a later owner.
    back(&mut state, "b8-1");
    assert!(state.unread.iter().any(|said| matches!(said, FromLink::Contested)));
    let asked = run(&mut state, 5).await;
    assert!(asked.iter().any(|text| text.contains("subscribe")), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_frozen_stream_shows_by_what_it_takes_and_agents_are_asked_several_times_at_once() {
    let mut state = standing();
    tell(&mut state, ToLink::Agents(vec![(TenantKey::new("acme").unwrap(), alice())]));
    tell(&mut state, row(1));
    assert_eq!(turn(&mut state), ["p1"]);
    tokio::time::advance(Duration::from_millis(10)).await;
    assert_eq!(turn(&mut state), ["b7-1"], "the frozen stream gets it");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(turn(&mut state), ["b7-1.1"]);
    back(&mut state, "b7-1.1");
    assert!(state.unread.iter().any(|said| matches!(said, FromLink::Contested)));
    let asked = run(&mut state, 5).await;
    let asked = asked.iter().filter(|text| text.contains("'subscribe'")).count();
    assert!((3 * AT_ONCE..20).contains(&asked), "{asked}");
}

fn stanza(state: &mut State, text: &str) {
    state.mark_heard();
    state.heard(text.as_bytes()).unwrap();
}

/// Runs for this many seconds with a server that returns barriers; returns what is written besides
/// them.
async fn run(state: &mut State, seconds: u64) -> Vec<String> {
    let mut written = Vec::new();
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        let mut out = Out::new();
        state.timers(&mut out).unwrap();
        state.fill(&mut out);
        for text in out {
            match text.split(" id='").nth(1).and_then(|rest| rest.split('\'').next()) {
                Some(id) if id.starts_with("b7-") => back(state, id),
                _ => written.push(text.to_string()),
            }
        }
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    written
}

fn events(state: &mut State) -> Vec<Event> {
    let said = state.unread.drain(..);
    said.filter_map(|said| if let FromLink::Event(event) = said { Some(event) } else { None })
        .collect()
}

/// Alice is online, and the desk is subscribed to her.
fn with_alice() -> State {
    let mut state = standing();
    tell(&mut state, ToLink::Agents(vec![(TenantKey::new("acme").unwrap(), alice())]));
    let desk = "from='alice@example.org' to='acme@chat.example.org'";
    stanza(&mut state, &format!("<presence {desk} type='subscribed'/>"));
    stanza(&mut state, "<presence from='alice@example.org/desk' to='acme@chat.example.org'/>");
    let here = events(&mut state);
    assert!(matches!(&*here, [Event::Presence { availability: Availability::Free, .. }]));
    state
}

/// Responds to the ping among what was written, or returns an error for it.
fn pong(state: &mut State, written: &[String], type_: &str) {
    let ping = written.iter().find(|text| text.contains("urn:xmpp:ping")).expect("a ping");
    assert!(ping.contains("alice@example.org/desk") && ping.contains("acme@chat.example.org/desk"));
    let id = state.ping.clone();
    assert!(ping.contains(&id));
    let error = "<error type='cancel'>\
                 <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    let inside = if type_ == "error" { error } else { "" };
    stanza(
        state,
        &format!(
            "<iq type='{type_}' id='{id}' from='alice@example.org/desk' \
             to='acme@chat.example.org/desk'>{inside}</iq>"
        ),
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_is_gone_until_something_comes_from_it() {
    let mut state = with_alice();
    let greeting = run(&mut state, 5).await;
    pong(&mut state, &greeting, "result");
    run(&mut state, 60).await;
    tell(&mut state, row(1));
    let written = run(&mut state, 15).await;
    assert_eq!(written.iter().filter(|text| text.contains("urn:xmpp:ping")).count(), 1);
    let lost = events(&mut state);
    assert!(matches!(&*lost, [Event::Unanswering { resource, .. }] if **resource == *"desk"));
    // The late response, or anything else from it.
    pong(&mut state, &written, "result");
    let back = events(&mut state);
    assert!(
        matches!(&*back, [Event::Presence { availability: Availability::Free, .. }]),
        "{back:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_for_a_client_that_used_to_respond_means_gone() {
    for answers in [true, false] {
        let mut state = with_alice();
        let greeting = run(&mut state, 5).await;
        pong(&mut state, &greeting, if answers { "result" } else { "error" });
        run(&mut state, 60).await;
        tell(&mut state, row(1));
        let written = run(&mut state, 5).await;
        if answers {
            pong(&mut state, &written, "error");
        }
        run(&mut state, 20).await;
        assert_eq!(events(&mut state).len(), usize::from(answers));
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_who_removes_the_desk_is_gone() {
    let mut state = with_alice();
    let desk = "from='alice@example.org' to='acme@chat.example.org'";
    stanza(&mut state, &format!("<presence {desk} type='unsubscribed'/>"));
    let gone = events(&mut state);
    assert!(matches!(&*gone, [Event::Presence { availability: Availability::Gone, resource, .. }]
        if resource.is_empty()));
}
