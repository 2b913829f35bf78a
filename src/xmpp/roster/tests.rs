//! What agents and their servers are sent, each stanza in a word.

use uuid::Uuid;
use xmpp_parsers::ns;

use super::writes::AGAIN;
use super::*;
use crate::chat::ids::CustomerId;
use crate::chat::model::Customer;
use crate::chat::settings::Role;

fn acme() -> TenantKey {
    TenantKey::new("acme").unwrap()
}

fn alice() -> AgentJid {
    AgentJid::normalised("alice@example.org")
}

fn book() -> Book {
    Book::new([(acme(), alice())])
}

fn roster() -> Roster {
    let mut roster = Roster::new(LinkDomain::new("chat.example.org").unwrap(), "secret".to_owned());
    roster.agents(&book(), &mut Vec::new());
    roster
}

fn desk() -> Contact {
    Contact::Desk { tenant: acme(), name: "Acme".into(), role: Role::Agent }
}

fn ann(presence: ContactPresence) -> Contact {
    let customer = Customer {
        id: CustomerId(Uuid::from_u128(1)),
        tenant: acme(),
        localpart: Localpart::new("k3f9").unwrap(),
        name: Some("Ann".into()),
        conversations: 1,
    };
    Contact::Shown { customer, group: "Acme".into(), presence }
}

fn removed() -> Contact {
    Contact::Removed { localpart: Localpart::new("k3f9").unwrap() }
}

/// The id of our query with this number.
fn id(number: u64) -> String {
    format!("roster-secret-{number}")
}

fn acme_desk() -> Target {
    Target::Peer(Peer::Desk(acme()))
}

/// What is sent, in a word each: `subscribe acme`, `write acme both`, `online k3f9`.
fn told(act: impl FnOnce(&mut Vec<Element>)) -> Vec<String> {
    let mut out = Vec::new();
    act(&mut out);
    out.iter().map(word).collect()
}

fn word(element: &Element) -> String {
    assert_eq!(element.attr("to"), Some("alice@example.org"));
    if let Some(query) = element.get_child("query", ns::ROSTER) {
        assert_eq!(element.attr("from"), Some("chat.example.org"));
        let item = query.get_child("item", ns::ROSTER).unwrap();
        let local = item.attr("jid").unwrap().split('@').next().unwrap();
        return format!("write {local} {}", item.attr("subscription").unwrap());
    }
    let local = element.attr("from").unwrap().split('@').next().unwrap();
    let show = element.get_child("show", ns::DEFAULT_NS).map(Element::text);
    let what = element.attr("type").map(str::to_owned).or(show);
    format!("{} {local}", what.as_deref().unwrap_or("online"))
}

#[test]
fn without_privilege_the_desk_asks_once_and_probes_when_let() {
    let mut roster = roster();
    assert!(told(|out| roster.contact(&alice(), desk(), out)).is_empty(), "no stream yet");
    assert_eq!(told(|out| roster.settle(out)), ["subscribe acme", "online acme"]);
    assert!(told(|out| roster.contact(&alice(), desk(), out)).is_empty());
    assert!(told(|out| roster.agents(&book(), out)).is_empty(), "no probe while it is pending");
    assert!(!roster.believes(&alice(), &acme_desk()));

    let given = told(|out| roster.subscription(&alice(), &acme_desk(), Subscription::Given, out));
    assert_eq!(given, ["probe acme"]);
    assert!(roster.believes(&alice(), &acme_desk()));
    assert_eq!(told(|out| roster.agents(&book(), out)), ["probe acme"]);

    // A server that was killed may have forgotten: it is asked once more, and accepts for her.
    roster.lost();
    assert!(!roster.believes(&alice(), &acme_desk()));
    assert_eq!(told(|out| roster.settle(out)), ["subscribe acme", "online acme"]);
}

#[test]
fn an_agent_who_denies_is_left_alone() {
    let mut roster = roster();
    roster.settle(&mut Vec::new());
    roster.subscription(&alice(), &acme_desk(), Subscription::Refused, &mut Vec::new());
    roster.lost();
    assert_eq!(told(|out| roster.settle(out)), ["online acme"]);
    assert!(told(|out| roster.contact(&alice(), desk(), out)).contains(&"online acme".to_owned()));

    roster.agents(&Book::default(), &mut Vec::new());
    assert_eq!(told(|out| roster.agents(&book(), out)), ["subscribe acme", "online acme"]);
}

#[test]
fn an_agent_who_denied_is_asked_again_after_subscribing() {
    let mut roster = roster();
    roster.settle(&mut Vec::new());
    let says = |roster: &mut Roster, kind| {
        told(|out| roster.subscription(&alice(), &acme_desk(), kind, out))
    };
    assert!(says(&mut roster, Subscription::Refused).is_empty());
    assert!(!roster.hears_of(&alice()));
    let wanted = says(&mut roster, Subscription::Wanted);
    assert_eq!(wanted, ["subscribed acme", "online acme", "subscribe acme"]);
    assert_eq!(says(&mut roster, Subscription::Given), ["probe acme"]);
    assert!(roster.hears_of(&alice()) && roster.believes(&alice(), &acme_desk()));
    assert_eq!(says(&mut roster, Subscription::Wanted), ["subscribed acme", "online acme"]);
}

#[test]
fn with_privilege_a_desk_that_was_taken_out_is_put_back_but_not_for_ever() {
    let mut roster = roster();
    roster.granted("example.org".into(), &mut Vec::new());
    let says = |roster: &mut Roster, kind| {
        told(|out| roster.subscription(&alice(), &acme_desk(), kind, out))
    };
    says(&mut roster, Subscription::Given);
    assert_eq!(says(&mut roster, Subscription::Refused), ["write acme both", "online acme"]);
    let done = told(|out| roster.answered(&id(2), &alice(), Outcome::Done, Instant::now(), out));
    assert_eq!(done, ["subscribe acme"]);
    says(&mut roster, Subscription::Given);
    assert!(says(&mut roster, Subscription::Refused).is_empty(), "again at once: left alone");
    // One who denies the request itself is left alone as well.
    let mut roster = self::roster();
    roster.granted("example.org".into(), &mut Vec::new());
    roster.answered(&id(1), &alice(), Outcome::Done, Instant::now(), &mut Vec::new());
    assert!(says(&mut roster, Subscription::Refused).is_empty());
}

#[test]
fn a_response_counts_only_from_whom_we_asked() {
    let mut roster = roster();
    roster.granted("example.org".into(), &mut Vec::new());
    let bob = AgentJid::normalised("bob@example.org");
    for id in [id(1), "r1".to_owned(), "roster-guess-1".to_owned()] {
        let by = if id.contains("secret") { &bob } else { &alice() };
        let mut out = Vec::new();
        roster.answered(&id, by, Outcome::Forbidden, Instant::now(), &mut out);
        assert!(out.is_empty(), "{id}");
    }
    assert!(
        !told(|out| roster.answered(&id(1), &alice(), Outcome::Done, Instant::now(), out))
            .is_empty()
    );
}

#[test]
fn customers_come_and_go_without_asking() {
    let mut roster = roster();
    roster.settle(&mut Vec::new());
    let online = || ann(ContactPresence::Online(Some("https://example.com/".into())));
    assert_eq!(told(|out| roster.contact(&alice(), online(), out)), ["online k3f9"]);
    assert!(told(|out| roster.contact(&alice(), online(), out)).is_empty(), "nothing new");
    let away = ann(ContactPresence::Away);
    assert_eq!(told(|out| roster.contact(&alice(), away, out)), ["away k3f9"]);
    let mut came = told(|out| roster.came(&alice(), out));
    came.sort();
    assert_eq!(came, ["away k3f9", "online acme"]);
    let customer = Target::Peer(Peer::Customer(Localpart::new("k3f9").unwrap()));
    let wanted = told(|out| roster.subscription(&alice(), &customer, Subscription::Wanted, out));
    assert_eq!(wanted, ["subscribed k3f9", "away k3f9"]);
    assert!(!roster.believes(&alice(), &customer));
    let offline = ann(ContactPresence::Offline);
    assert_eq!(told(|out| roster.contact(&alice(), offline, out)), ["unavailable k3f9"]);
    assert_eq!(told(|out| roster.contact(&alice(), removed(), out)), ["unavailable k3f9"]);
    let probed = told(|out| roster.subscription(&alice(), &customer, Subscription::Probe, out));
    assert_eq!(probed, ["unavailable k3f9"]);
}

#[test]
fn with_privilege_rosters_are_written_and_nobody_is_asked() {
    let mut roster = roster();
    roster.contact(&alice(), desk(), &mut Vec::new());
    roster.contact(&alice(), ann(ContactPresence::Away), &mut Vec::new());
    let granted = told(|out| roster.granted("example.org".into(), out));
    assert_eq!(granted, ["write acme both", "online acme", "write k3f9 both", "away k3f9"]);
    // Her server accepts by itself if it wrote the subscription.
    let done = |roster: &mut Roster, number| {
        told(|out| roster.answered(&id(number), &alice(), Outcome::Done, Instant::now(), out))
    };
    assert_eq!(done(&mut roster, 1), ["subscribe acme"]);
    assert!(done(&mut roster, 2).is_empty());
    assert!(!roster.believes(&alice(), &acme_desk()), "not certain yet");
    let given = told(|out| roster.subscription(&alice(), &acme_desk(), Subscription::Given, out));
    assert_eq!(given, ["probe acme"]);
    assert!(roster.believes(&alice(), &acme_desk()));
    assert!(told(|out| roster.came(&alice(), out)).is_empty(), "her server asks by itself");

    roster.lost();
    assert!(told(|out| roster.contact(&alice(), removed(), out)).is_empty());
    let again = told(|out| roster.granted("example.org".into(), out));
    assert_eq!(again, ["write acme both", "online acme", "unavailable k3f9", "write k3f9 remove"]);
}

#[test]
fn a_privilege_may_come_late() {
    let mut roster = roster();
    roster.contact(&alice(), ann(ContactPresence::Away), &mut Vec::new());
    roster.settle(&mut Vec::new());
    let late = told(|out| roster.granted("example.org".into(), out));
    assert_eq!(late, ["write acme both", "online acme", "write k3f9 both", "away k3f9"]);
    assert!(told(|out| roster.granted("example.org".into(), out)).is_empty());
}

#[test]
fn a_privilege_of_another_server_counts_for_nothing() {
    let mut roster = roster();
    let told = told(|out| roster.granted("example.com".into(), out));
    assert_eq!(told, ["subscribe acme", "online acme"]);
}

#[test]
fn a_privilege_that_is_not_honoured_is_none() {
    let mut roster = roster();
    roster.contact(&alice(), ann(ContactPresence::Away), &mut Vec::new());
    roster.granted("example.org".into(), &mut Vec::new());
    let fallen_back =
        told(|out| roster.answered(&id(1), &alice(), Outcome::Forbidden, Instant::now(), out));
    assert_eq!(fallen_back, ["subscribe acme", "online acme", "away k3f9"]);
    assert!(
        told(|out| roster.answered(&id(2), &alice(), Outcome::Forbidden, Instant::now(), out))
            .is_empty()
    );
    assert!(
        told(|out| roster.answered(&id(9), &alice(), Outcome::Forbidden, Instant::now(), out))
            .is_empty(),
        "not ours"
    );
}

#[test]
fn an_account_that_is_not_there_yet_costs_nobody_else_the_privilege() {
    let now = Instant::now();
    let mut roster = roster();
    roster.contact(&alice(), ann(ContactPresence::Away), &mut Vec::new());
    roster.granted("example.org".into(), &mut Vec::new());
    assert!(told(|out| roster.answered(&id(1), &alice(), Outcome::Failed, now, out)).is_empty());
    assert!(told(|out| roster.answered(&id(2), &alice(), Outcome::Failed, now, out)).is_empty());

    // Retried from time to time; once it works the customers follow.
    assert_eq!(roster.next(), Some(now + AGAIN));
    assert!(told(|out| roster.due(now, out)).is_empty());
    let tried = told(|out| roster.due(now + AGAIN, out));
    assert_eq!(tried, ["write acme both", "online acme"]);
    let done = told(|out| roster.answered(&id(3), &alice(), Outcome::Done, now, out));
    assert_eq!(done, ["subscribe acme", "write k3f9 both", "away k3f9"]);
    assert_eq!(roster.next(), None);
}
